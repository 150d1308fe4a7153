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

test("prints a token of Consul's, which is a random UUID", () => {
  const token = () => execFileSync(script, ["--token"], { encoding: "utf8" });
  const one = token();
  expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n$/);
  expect(token()).not.toBe(one);
});

test("explains itself, and prints no key to whoever expected something else of it", () => {
  expect(execFileSync(script, ["--help"], { encoding: "utf8" })).toMatch(/^Usage: scripts\/keygen \[--token\]\n/);
  expect(spawnSync(script, ["cluster.yaml"], { encoding: "utf8" })).toMatchObject({
    status: 2,
    stdout: "",
    stderr: "keygen: found cluster.yaml, expected no argument: scripts/keygen --help\n",
  });
});
