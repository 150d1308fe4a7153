/** What is synthesised is valid for Terraform and the real providers. Needs the lab's parts and no host. */
import { writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { anyClusterFile, type WrittenHost } from "../fixtures/any-cluster.js";
import { clusterFrom, synthesise, temporaryFolder } from "../fixtures/clusters.js";
import { start } from "./lab.js";

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "multicast-swarm");
/** The versions that the lab builds. */
const providers = { docker: "4.5.1-0.20260916", local: "1.4.0", null: "1.0.0" };

beforeAll(async () => {
  const { status, output } = await start("lab/parts/build", []).ended;
  expect(status, output).toBe(0);
}, 3_600_000);

/** What Terraform says of a stack's folder. */
async function validate(stack: string): Promise<object> {
  const config = join(temporaryFolder(), "terraform.rc");
  writeFileSync(
    config,
    `provider_installation {\n  filesystem_mirror {\n    path = "${cache}/providers"\n  }\n}\ndisable_checkpoint = true\n`,
  );
  const terraform = (...args: string[]) =>
    start("env", [`TF_CLI_CONFIG_FILE=${config}`, join(cache, "bin/terraform"), `-chdir=${stack}`, ...args]).ended;
  const { status, output } = await terraform("init", "-backend=false", "-no-color");
  expect(status, output).toBe(0);
  return JSON.parse((await terraform("validate", "-json")).output);
}

/** The stack of a cluster file. Terraform reads key files when it validates. */
function stackOf(file: Record<string, unknown>): string {
  const folder = temporaryFolder();
  for (const { ssh } of file.hosts as readonly WrittenHost[]) {
    if (ssh.keyFile !== undefined) {
      writeFileSync(join(folder, ssh.keyFile), "");
    }
  }
  return synthesise(clusterFrom({ ...file, providers }, undefined, folder));
}

const samples = fc.sample(anyClusterFile(), { numRuns: 3, seed: 1 });
const valid = { valid: true, diagnostics: [] };

test.each(samples)("any cluster file: $name", async (file) => {
  expect(await validate(stackOf(file))).toMatchObject(valid);
});

test.each(samples)("any cluster file in HCL: $name", async (file) => {
  vi.stubEnv("SYNTH_HCL_OUTPUT", "true");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  expect(await validate(stackOf(file))).toMatchObject(valid);
});
