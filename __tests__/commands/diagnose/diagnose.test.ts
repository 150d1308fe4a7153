/** The bundle of scripts/diagnose: whole, readable by its owner alone, and without secrets. */
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { bundleName, diagnose, parseBundle, redact, writeBundle } from "../../../commands/diagnose/diagnose.js";
import { temporaryFolder } from "../../fixtures/clusters.js";
import { host, inventory as inventoryOf } from "../../fixtures/inventories.js";

const inventory = inventoryOf([host(1), host(2)]);
const key = "c29tZXRoaW5nIG9mIDMyIGJ5dGVzLCBubyBtb3JlISE=";
const hex = Buffer.from(key, "base64").toString("hex");

const here = process.cwd();
let folder = "";
beforeEach(() => {
  folder = temporaryFolder();
  process.chdir(folder);
});
afterEach(() => process.chdir(here));

it("takes what a host prints apart, and puts nothing outside the host's folder", () => {
  const output = [
    "Welcome!",
    "=== m1 host/uptime.txt 0 uptime",
    " up 3 days",
    "=== other host/x.txt 0 not a heading",
    "=== m1 ../../etc/passwd 0 evil",
    "root",
    "=== m1 weave/ps.txt 124 weave ps",
    "",
    "=== m1 end 0 -",
    "",
  ].join("\n");
  expect(parseBundle("h1", "m1", output)).toEqual({
    complete: true,
    collected: [
      {
        host: "h1",
        file: "host/uptime.txt",
        status: 0,
        command: "uptime",
        text: " up 3 days\n=== other host/x.txt 0 not a heading",
      },
      { host: "h1", file: "weave/ps.txt", status: 124, command: "weave ps", text: "" },
    ],
  });
  expect(parseBundle("h1", "m1", "=== m1 host/uptime.txt 0 uptime\n up").complete).toBe(false);
});

it("writes one file that only its owner can read, with an index that names what is missing", async () => {
  const diagnosis = await diagnose(
    inventory,
    "script",
    async ({ name }, _, args = []) =>
      name === "h2"
        ? {
            status: 255,
            stdout: "",
            stderr: "ssh: connect to host 198.18.0.12 port 22: Connection timed out\n",
          }
        : {
            status: 0,
            stdout: `=== ${args[0]} consul/config.txt 0 cat config\n{"encrypt": "${key}"}\n=== ${args[0]} end 0 -\n`,
            stderr: "",
          },
    () => {},
  );
  expect([...diagnosis.missing.keys()]).toEqual(["h2"]);
  const name = bundleName(inventory, new Date("2026-11-23T02:15:00Z"));
  expect(name).toBe("rack-diagnose-20261123-021500");
  writeBundle(inventory, diagnosis, name, [["cluster.yaml", "name: rack\n"]]);
  expect(statSync(`${name}.tar.gz`).mode & 0o777).toBe(0o600);
  execFileSync("tar", ["-xzf", `${name}.tar.gz`]);
  const read = (file: string) => readFileSync(join(folder, name, file), "utf8");
  expect(read("h1/consul/config.txt")).toBe('{"encrypt": "[redacted]"}');
  expect(read("cluster.yaml")).toBe("name: rack\n");
  expect(read("index.md")).toContain("- h2 (198.18.0.12): unreachable: 198.18.0.12 port 22: connection timed out");
  expect(JSON.parse(read("index.json"))).toMatchObject({
    cluster: "rack",
    hosts: [{ name: "h1" }, { name: "h2", missing: expect.stringContaining("timed out") }],
    files: [{ host: "h1", file: "h1/consul/config.txt", command: "cat config", status: 0 }],
  });
  expect(() => writeBundle(inventory, diagnosis, name)).toThrow(/exist/);
});

it("the operator's machine hides the key that it knows", () => {
  expect(redact(`x ${key} y`, { TF_VAR_gossip_key: key })).toBe("x [redacted] y");
  expect(redact(`x ${key} y`, { TF_VAR_weave_password: key })).toBe("x [redacted] y");
  expect(redact(`x ${key} y`, { TF_VAR_consul_token: key })).toBe("x [redacted] y");
  expect(redact("x", {})).toBe("x");
});

/** The hosts' own filter, told that `key` is the gossip key. */
function filtered(text: string): string {
  const script = readFileSync(join(here, "scripts/host/probes/diagnose.sh"), "utf8");
  const filter = /^redact\(\) \{\n[\s\S]*?\n\}\n/m.exec(script)?.[0] ?? "";
  expect(filter).toContain("perl");
  return execFileSync("sh", ["-c", `secrets() { printf '%s\\n' '${key}' '${hex}'; }\n${filter}\nredact`], {
    input: text,
    encoding: "utf8",
  });
}

it.each([
  ["the key itself", `key ${key} and ${key}`, "key [redacted] and [redacted]"],
  ["its bytes", `keyring ${hex}`, "keyring [redacted]"],
  ["a key in a configuration", '{"encrypt":"abc", "ui": true}', '{"encrypt":"[redacted]", "ui": true}'],
  ["a token", '  "initial_management": "abc",', '  "initial_management": "[redacted]",'],
  ["a password in an environment file", "WEAVE_PASSWORD=abc def", "WEAVE_PASSWORD=[redacted] def"],
  ["a password on a command line", "weave launch --password abc h2", "weave launch --password [redacted] h2"],
  ["a password in a URL", "http://ops:abc@mirror/x", "http://ops:[redacted]@mirror/x"],
  [
    "what is no secret",
    "\tencrypted = true\nKEY 8301/tcp token bucket",
    "\tencrypted = true\nKEY 8301/tcp token bucket",
  ],
  [
    "a container's environment",
    '"Env": [\n  "PATH=/bin",\n  "FOO=bar=baz",\n  "WEAVE_MTU=1376",\n  "WEAVE_PASSWORD=abc"\n],\n"Cmd": ["a=b"]',
    '"Env": [\n  "PATH=/bin",\n  "FOO=[redacted]",\n  "WEAVE_MTU=1376",\n  "WEAVE_PASSWORD=[redacted]"\n],\n"Cmd": ["a=b"]',
  ],
  [
    "a private key",
    "a\n-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nb",
    "a\n[redacted]\n[redacted]\n[redacted]\nb",
  ],
])("the hosts hide %s", (_, text, expected) => expect(filtered(text)).toBe(expected));
