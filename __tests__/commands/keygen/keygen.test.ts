/** `scripts/keygen`. */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const script = join(__dirname, "../../../scripts/keygen");

test("prints 32 bytes in base64, new ones each time", () => {
  const keygen = () => execFileSync(script, { encoding: "utf8" });
  const one = keygen();
  expect(one).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
  expect(Buffer.from(one, "base64")).toHaveLength(32);
  expect(keygen()).not.toBe(one);
});

test("explains itself, and prints no key to whoever expected something else of it", () => {
  expect(execFileSync(script, ["--help"], { encoding: "utf8" })).toMatch(/^Usage: scripts\/keygen\n/);
  expect(spawnSync(script, ["cluster.yaml"], { encoding: "utf8" })).toMatchObject({
    status: 2,
    stdout: "",
    stderr: "keygen: found cluster.yaml, expected no argument: scripts/keygen --help\n",
  });
});
