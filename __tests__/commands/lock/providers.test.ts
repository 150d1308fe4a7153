/** `scripts/lock`: Terraform writes its lock file for the platforms that the cluster file names. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { lockProviders } from "../../../commands/lock/providers.js";
import { clusterFile, clusterFrom, temporaryFolder } from "../../fixtures/clusters.js";

/** In place of Terraform: locks what it was asked for, or fails. */
function terraform(body: string): void {
  const program = join(temporaryFolder(), "terraform");
  writeFileSync(program, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  vi.stubEnv("TERRAFORM_BINARY_NAME", program);
}
afterEach(() => vi.unstubAllEnvs());

const asked = `folder=\${1#-chdir=}; shift; { echo "$*"; cat "$folder/providers.tf.json"; } >"$folder/.terraform.lock.hcl"`;

function lock(providers: Record<string, unknown>) {
  const cluster = clusterFrom(clusterFile(1, { providers }));
  const said: string[] = [];
  lockProviders(cluster, join(cluster.directory, "cluster.yaml"), (line) => said.push(line));
  return { path: join(cluster.directory, ".terraform.lock.hcl"), said };
}

it("asks for every platform, for the versions of the cluster file", () => {
  terraform(asked);
  const { path, said } = lock({ docker: "4.4.0" });
  const text = readFileSync(path, "utf8");
  expect(text).toContain(
    "providers lock -no-color -platform=linux_amd64 -platform=linux_arm64 -platform=darwin_arm64\n",
  );
  expect(text).toContain('"docker":{"source":"kreuzwerker/docker","version":"4.4.0"}');
  expect(said).toEqual([expect.stringMatching(/^wrote .*review it and commit it$/)]);
});

it("asks a mirror that the cluster file names, from the cluster file's folder", () => {
  terraform(asked);
  const { path } = lock({ mirror: "providers", platforms: ["linux_amd64"] });
  expect(readFileSync(path, "utf8")).toContain(
    `-fs-mirror=${path.replace(".terraform.lock.hcl", "providers")} -platform`,
  );
  const net = lock({ mirror: "https://mirror.example/providers/" });
  expect(readFileSync(net.path, "utf8")).toContain("-net-mirror=https://mirror.example/providers/ -platform");
});

it("says what to do where no registry can be reached", () => {
  terraform("echo 'could not connect to registry.terraform.io' >&2; exit 1");
  expect(() => lock({})).toThrow(/was not written: .*could not connect.*\n.*providers\.mirror/);
  expect(lock({ platforms: [] }).said).toEqual([expect.stringContaining("providers.platforms is empty")]);
});
