/** The way out of CDKTF stays open: CDK Terrain makes the same JSON of the same sources. */
import { execFile } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../fixtures/clusters.js";

const project = join(__dirname, "../..");
const examples = readdirSync(join(project, "examples")).filter((name) =>
  existsSync(join(project, "examples", name, "cluster.yaml")),
);

/** What scripts/synth writes of an example, and the version of the framework in it. */
async function synthesised(example: string, nodeOptions = "") {
  const folder = temporaryFolder();
  cpSync(join(project, "examples", example), join(folder, example), { recursive: true });
  await promisify(execFile)(join(project, "scripts/synth"), [`${example}/cluster.yaml`], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: nodeOptions },
  });
  const stacks = join(folder, "cdktf.out/stacks");
  const text = readFileSync(join(stacks, readdirSync(stacks)[0] as string, "cdk.tf.json"), "utf8");
  const json = JSON.parse(text);
  const { version, ...metadata } = json["//"].metadata;
  return { version, json: { ...json, "//": { ...json["//"], metadata } } };
}

describe("CDK Terrain in place of CDKTF", () => {
  test.each(examples)("makes the same of examples/%s", async (example) => {
    const [terrain, cdktf] = await Promise.all([
      synthesised(example, `--require ${join(project, "__tests__/fixtures/cdktn-as-cdktf.cjs")}`),
      synthesised(example),
    ]);
    expect([terrain.version, cdktf.version]).toEqual(["0.24.0", "0.21.0"]);
    expect(terrain.json).toEqual(cdktf.json);
  });
});
