/** `.terraform.lock.hcl` beside the cluster file: the checksums of Terraform's providers, for every platform that is named. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Cluster } from "../../cluster/model.js";
import { providerLockName } from "../../cluster/names.js";
import { resolveWritten } from "../../cluster/paths.js";
import { providerSources } from "../../cluster/providers.js";
import { terraform } from "../shared/terraform.js";
import type { Say } from "./download.js";

/**
 * Lets Terraform itself find the checksums and write the file. `TERRAFORM_BINARY_NAME=tofu` has OpenTofu do it, whose
 * registry is another one: a lock file is that of one of the two.
 */
export function lockProviders(cluster: Cluster, clusterFile: string, say: Say): void {
  const { platforms, mirror, ...versions } = cluster.settings.providers;
  const path = join(dirname(clusterFile), providerLockName);
  if (platforms.length === 0) {
    say(`left out ${path}: providers.platforms is empty`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "multicast-swarm-lock-"));
  try {
    const required = Object.entries(providerSources).map(([name, source]) => [
      name,
      { source, version: versions[name as keyof typeof versions] },
    ]);
    writeFileSync(
      join(folder, "providers.tf.json"),
      JSON.stringify({ terraform: { required_providers: Object.fromEntries(required) } }),
    );
    const from = mirror === undefined ? [] : [mirrorOption(cluster, mirror)];
    const wanted = platforms.map((platform) => `-platform=${platform}`);
    terraform(folder, "providers", "lock", "-no-color", ...from, ...wanted);
    const found = join(folder, providerLockName);
    const same = existsSync(path) && readFileSync(path, "utf8") === readFileSync(found, "utf8");
    copyFileSync(found, path);
    say(
      `${same ? "same    " : "wrote   "} ${path} (${platforms.join(", ")})${same ? "" : ": review it and commit it"}`,
    );
  } catch (error) {
    throw new Error(
      `${path} was not written: ${(error as Error).message}\nWhere the registry cannot be reached, name a mirror of the providers in the cluster file (providers.mirror), or platforms: [] to go without the file`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const mirrorOption = ({ directory }: Cluster, mirror: string): string =>
  mirror.startsWith("https://") ? `-net-mirror=${mirror}` : `-fs-mirror=${resolveWritten(directory, mirror)}`;
