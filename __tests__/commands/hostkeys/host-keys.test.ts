/** `scripts/hostkeys`: what it records, and what it refuses. */
import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { collect, compare, forget } from "../../../commands/hostkeys/host-keys.js";
import { files, logsIn, three } from "../../fixtures/files.js";

describe("a key that a host shows", () => {
  const [rsa, ecdsa, other] = ["ssh-rsa R", "ecdsa-sha2-nistp256 E", "ssh-rsa X"] as const;
  test.each([
    ["of an unknown host is recorded", [], [rsa, ecdsa], { kind: "add", keys: [rsa, ecdsa] }],
    ["that is recorded is the same", [ecdsa, rsa], [rsa], { kind: "same" }],
    ["beside a recorded one is recorded too", [rsa], [rsa, ecdsa], { kind: "add", keys: [ecdsa] }],
    ["in place of a recorded one is refused", [rsa], [other], { kind: "refuse" }],
    [
      "in place of a recorded one is refused even beside a recorded one",
      [rsa, ecdsa],
      [ecdsa, other],
      { kind: "refuse" },
    ],
    ["of another type alone proves nothing", [rsa], [ecdsa], { kind: "refuse" }],
  ] as const)("%s", (_, recorded, shown, finding) => {
    expect(compare(recorded, shown)).toEqual(finding);
  });
});

test("forgetting a host leaves other names, comments and marked lines", () => {
  const text =
    "# 10.0.0.1\n10.0.0.1 ssh-rsa R\nname,10.0.0.1 ssh-rsa S\n@revoked 10.0.0.1 ssh-rsa Q\n10.0.0.11 ssh-rsa T\n[10.0.0.1]:22 ssh-rsa U\n";
  expect(forget(text, { address: "10.0.0.1", port: 22 })).toBe(
    "# 10.0.0.1\nname ssh-rsa S\n@revoked 10.0.0.1 ssh-rsa Q\n10.0.0.11 ssh-rsa T\n",
  );
});

describe("collecting keys", () => {
  const path = process.env.PATH;
  afterEach(() => {
    process.env.PATH = path;
  });

  // Real keys, whose private halves nobody has.
  const key = (name: string) => {
    const folder = files({});
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(folder, name)]);
    return readFileSync(join(folder, `${name}.pub`), "utf8").trim();
  };
  const [first, second] = [key("first"), key("second")];
  const print = (of: string) => execFileSync("ssh-keygen", ["-lf", "-"], { input: of, encoding: "utf8" }).split(" ")[1];

  /** An ssh-keyscan that finds these keys. */
  function network(keys: Record<string, string>): void {
    const cases = Object.entries(keys).map(([address, shown]) => `${address}) echo "${address} ${shown}" ;;`);
    const folder = files({
      "ssh-keyscan": `#!/bin/sh\nfor address; do :; done\ncase $address in\n${cases.join("\n")}\nesac\n`,
    });
    chmodSync(join(folder, "ssh-keyscan"), 0o755);
    process.env.PATH = `${folder}:${path}`;
  }

  async function run(folder: string, replace: string[] = []) {
    const said: string[] = [];
    const whole = await collect(join(folder, "cluster.yaml"), replace, (line) =>
      said.push(line.replaceAll(`${folder}/`, "")),
    );
    return { whole, said, known: readFileSync(join(folder, "known_hosts"), "utf8") };
  }

  test("shows fingerprints, tells what to do with them, and names the host that is silent", async () => {
    network({ "10.0.0.1": first, "10.0.0.2": second });
    const { whole, said, known } = await run(files({ "cluster.yaml": three(), known_hosts: "# ours" }));
    expect(known).toBe(`# ours\n10.0.0.1 ${first}\n10.0.0.2 ${second}\n`);
    expect(whole).toBe(false);
    expect(said).toEqual([
      "added     a (10.0.0.1):",
      `            ED25519  ${print(first)}`,
      "added     b (10.0.0.2):",
      `            ED25519  ${print(second)}`,
      "no answer c (10.0.0.3): is it up, and is sshd on port 22?",
      "Recorded in known_hosts. Nothing proves yet that these are the right machines: compare each new fingerprint",
      "with the machine's own console (for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done), then commit the file.",
    ]);
  });

  test("a changed key is refused until it is asked for by the host's name", async () => {
    const all = { "10.0.0.1": first, "10.0.0.2": first, "10.0.0.3": first };
    network(all);
    const folder = files({ "cluster.yaml": three() });
    expect((await run(folder)).whole).toBe(true);
    network({ ...all, "10.0.0.2": second });
    const refused = await run(folder);
    expect(refused.whole).toBe(false);
    expect(refused.known).not.toContain(second);
    expect(refused.said).toContain("REFUSED   b (10.0.0.2) shows a key that differs from the recorded one:");
    expect(refused.said).toContain(`            recorded  ED25519  ${print(first)}`);
    expect(refused.said).toContain(`            shown     ED25519  ${print(second)}`);

    const replaced = await run(folder, ["b"]);
    expect(replaced.whole).toBe(true);
    expect(replaced.known).toBe(`10.0.0.1 ${first}\n10.0.0.3 ${first}\n10.0.0.2 ${second}\n`);
    expect((await run(folder)).said).toEqual([
      "same      a (10.0.0.1): as recorded",
      "same      b (10.0.0.2): as recorded",
      "same      c (10.0.0.3): as recorded",
    ]);
  });

  test("the bastion's key has to be trusted before it is asked about hosts", async () => {
    network({ "192.0.2.9": first });
    const folder = files({ "cluster.yaml": three("ssh: { bastion: { address: 192.0.2.9 } }") });
    expect(await run(folder)).toEqual({
      whole: false,
      known: `192.0.2.9 ${first}\n`,
      said: [
        "added     192.0.2.9 (bastion, 192.0.2.9):",
        `            ED25519  ${print(first)}`,
        "Compare the bastion's fingerprints with its console, then run this again for the hosts behind it.",
      ],
    });
  });

  test("a host that leaves is asked while its key is missing: after that it may be off", async () => {
    const leaves = "removed:\n  - { name: d, address: 10.0.0.4 }\n  - { name: e, address: 10.0.0.5, lost: true }\n";
    const all = { "10.0.0.1": first, "10.0.0.2": first, "10.0.0.3": first };
    network({ ...all, "10.0.0.4": first });
    const folder = files({ "cluster.yaml": three(leaves).replace(/(10.0.0.[123]) }/g, "$1, consul: server }") });
    const { whole, known } = await run(folder);
    expect(known).toContain(`10.0.0.4 ${first}\n`);
    expect(whole).toBe(true);
    network(all);
    expect((await run(folder)).whole).toBe(true);
    expect((await run(folder, ["d"])).said).toContain("no answer d (10.0.0.4): is it up, and is sshd on port 22?");
  });

  test("the hosts behind a bastion are asked from there, also those that leave", async () => {
    network({ "10.0.0.1": first, "192.0.2.9": second, "10.0.0.4": first });
    const ssh = files({ ssh: `#!/bin/sh\n${logsIn}echo "$3 $4" >>"\${0%/*}/asked"\nexec sh -c "$4"\n` });
    chmodSync(join(ssh, "ssh"), 0o755);
    process.env.PATH = `${ssh}:${process.env.PATH}`;
    const folder = files({
      "cluster.yaml": `name: t
hosts: [{ name: a, address: 10.0.0.1, consul: server }]
removed: [{ name: d, address: 10.0.0.4 }]
ssh: { bastion: { address: 192.0.2.9 } }
`,
      known_hosts: `192.0.2.9 ${second}\n`,
    });
    const { whole, known } = await run(folder);
    expect(known).toBe(`192.0.2.9 ${second}\n10.0.0.1 ${first}\n10.0.0.4 ${first}\n`);
    expect(whole).toBe(true);
    const asked = readFileSync(join(ssh, "asked"), "utf8").trim().split("\n").sort();
    expect(asked).toEqual(["10.0.0.1", "10.0.0.4"].map((address) => expect.stringMatching(`^_bastion .*${address}`)));
  });

  test("--replace of a host that does not exist", async () => {
    const folder = files({ "cluster.yaml": three() });
    writeFileSync(join(folder, "known_hosts"), "");
    await expect(run(folder, ["d"])).rejects.toThrow(/^--replace d: no such host in .*cluster\.yaml$/);
  });
});
