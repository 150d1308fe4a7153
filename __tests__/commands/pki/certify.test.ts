/** `scripts/pki`: who signs what, when, and where keys lie. The hosts' part is a program of the test, with keys of its own. */
import { createPublicKey, X509Certificate } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { factsOf, hostFault, operatorFault } from "../../../cluster/pki.js";
import { dropAuthority, newAuthorityBeside } from "../../../commands/pki/authorities.js";
import { certify, type Way } from "../../../commands/pki/certify.js";
import { authorityFor } from "../../fixtures/authority.js";
import { files, logsIn, three } from "../../fixtures/files.js";

/** Each host's key is `NAME.key` beside it; the words of `sh -s -- NAME keep|new NAMES` are one. */
const ssh = `#!/bin/sh
set -eu
cd "$(dirname "$0")"
if [ "$3" = -M ]; then
  for host; do :; done
  [ ! -e "$host.silent" ] || { echo "ssh: connect to host 10.0.0.2 port 22: No route to host" >&2; exit 255; }
fi
${logsIn}cat >/dev/null
for words; do :; done
set -- $(echo "$words" | tr -d "'")
name=$4 wanted=$5 names=$6
if [ "$wanted" = new ] || [ ! -e "$name.key" ]; then
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$name.key" 2>/dev/null
  echo "$name pki: changed its key"
fi
openssl req -new -key "$name.key" -subj "/CN=$name" -addext "subjectAltName=$names"
`;

const authority: Way = { by: "authority" };
const named = { addresses: ["10.0.0.1"], names: ["a"] };
let folder: string;
beforeEach(() => {
  folder = files({
    "cluster.yaml": three("security: { dockerTls: true }\n"),
    known_hosts: [1, 2, 3].map((number) => `10.0.0.${number} ssh-rsa AAAA\n`).join(""),
    ssh,
  });
  chmodSync(join(folder, "ssh"), 0o755);
  vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
});
afterEach(() => vi.unstubAllEnvs());

async function pki(way: Way = authority, renew = false) {
  const said: string[] = [];
  const whole = await certify(join(folder, "cluster.yaml"), renew, way, (line) => said.push(line));
  return { whole, said: said.join("\n").replaceAll(`${folder}/`, "") };
}
const read = (name: string) => readFileSync(join(folder, name), "utf8");
const put = (name: string, text: string) => {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
};
const all = () => ["a", "b", "c"].map((name) => read(`pki/hosts/${name}.pem`));

describe("an authority of its own", () => {
  it("is made once, and signs what is missing; a second run changes nothing", async () => {
    const first = await pki();
    expect(first.whole).toBe(true);
    expect(first.said).toMatch(/^authority: changed \.pki\/ca\.key \(new key: keep it/);
    expect(first.said).toMatch(
      /^signed {3}b \(10\.0\.0\.2\): 36[45] days left, until .* \(there was no certificate\)$/m,
    );
    expect(
      hostFault(read("pki/hosts/b.pem"), read("pki/ca.pem"), { addresses: ["10.0.0.2"], names: ["b"] }),
    ).toBeUndefined();
    expect(operatorFault(read(".pki/operator/cert.pem"), read("pki/ca.pem"))).toBeUndefined();
    expect(read(".pki/operator/ca.pem")).toBe(read("pki/ca.pem"));
    const before = [...all(), read("pki/ca.pem"), read(".pki/operator/cert.pem")];
    const second = await pki();
    expect(second.said).not.toMatch(/changed|signed/);
    expect(second.whole).toBe(true);
    expect([...all(), read("pki/ca.pem"), read(".pki/operator/cert.pem")]).toEqual(before);
  });

  it("gives every certificate a number of its own that nobody can guess", async () => {
    await pki();
    const numbers = all().map((pem) => new X509Certificate(pem).serialNumber);
    expect(new Set(numbers).size).toBe(3);
    for (const number of numbers) {
      expect(number.length).toBeGreaterThan(24);
    }
  });

  it("keeps what is private from git and from others", async () => {
    await pki();
    expect(read(".pki/.gitignore")).toBe("*\n");
    for (const name of [".pki", ".pki/ca.key", ".pki/operator/key.pem"]) {
      expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
    }
    expect(readdirSync(join(folder, "pki"), { recursive: true }).sort()).toEqual([
      "ca.pem",
      "hosts",
      "hosts/a.pem",
      "hosts/b.pem",
      "hosts/c.pem",
    ]);
  });

  it("renews everything when it is told to, with new keys, and what ends soon without", async () => {
    await pki();
    const before = [...all(), read(".pki/operator/cert.pem")];
    expect((await pki(authority, true)).said.match(/^signed/gm)).toHaveLength(4);
    const keys = [...all(), read(".pki/operator/cert.pem")].map((pem) => factsOf(pem).key);
    expect(before.map((pem) => factsOf(pem).key).filter((key) => keys.includes(key))).toEqual([]);

    const own = authorityFor("own");
    put("pki/ca.pem", own.certificate);
    put(".pki/ca.key", own.key);
    put("pki/hosts/a.pem", own.sign("a", "10.0.0.1", { days: 29, key: read("a.key") }));
    put("pki/hosts/b.pem", own.sign("b", "10.0.0.2", { days: 31, key: read("b.key") }));
    const { said } = await pki();
    expect(said).toMatch(/^a pki: changed its key$/m);
    expect(said).toMatch(/^signed {3}a \(10\.0\.0\.1\): 36/m);
    expect(said).toMatch(/^same {5}b \(10\.0\.0\.2\): 3/m);
  });

  it.each([
    [
      "another address",
      () => put("cluster.yaml", read("cluster.yaml").replace("10.0.0.2", "10.0.0.9")),
      "does not name 10.0.0.9",
    ],
    ["a file that is cut off", () => put("pki/hosts/b.pem", read("pki/hosts/b.pem").slice(0, 300)), "no certificate"],
    ["another key on the host", () => rmSync(join(folder, "b.key")), "one of another key"],
  ])("signs again for a host with %s", async (_, change, why) => {
    await pki();
    put("known_hosts", `${read("known_hosts")}10.0.0.9 ssh-rsa AAAA\n`);
    change();
    const { said } = await pki();
    expect(said.match(/^signed.*/gm)).toEqual([expect.stringContaining(why)]);
  });

  it("calls Consul's servers by their name, and nobody else", async () => {
    await pki();
    const role = (address: string, consul: string) =>
      put("cluster.yaml", read("cluster.yaml").replace(`${address} }`, `${address}, consul: ${consul} }`));
    role("10.0.0.1", "server");
    role("10.0.0.3", "server");
    put("cluster.yaml", read("cluster.yaml").replace("dockerTls", "consulTls"));
    const signed = async () => (await pki()).said.match(/^signed.*/gm);
    const lacks = expect.stringContaining("(there was a certificate that does not name server.aha.consul)");
    expect(await signed()).toEqual([lacks, lacks, lacks]);
    role("10.0.0.2", "client");
    const named = expect.stringMatching(/^signed {3}b .*a certificate that names server\.aha\.consul, as/);
    expect(await signed()).toEqual([named]);
    expect(await signed()).toBeNull();
  });

  it("without its key says so, and keeps what fits", async () => {
    await pki();
    rmSync(join(folder, ".pki/ca.key"));
    expect(await pki()).toMatchObject({ whole: true });
    rmSync(join(folder, "pki/hosts/c.pem"));
    const { whole, said } = await pki();
    expect(whole).toBe(false);
    expect(said).toMatch(/^FAILED {3}c \(10\.0\.0\.3\): there is no \.pki\/ca\.key.*--ca-key.*--csr-only$/m);
    put("elsewhere.key", authorityFor("other").key);
    const other = await pki({ by: "authority", keyFile: join(folder, "elsewhere.key") });
    expect(other.said).toContain("elsewhere.key is not the key of pki/ca.pem");
  });

  it("goes on with the other hosts when one does not answer", async () => {
    put("b.silent", "");
    const { whole, said } = await pki();
    expect(whole).toBe(false);
    expect(said).toMatch(/^FAILED {3}b \(10\.0\.0\.2\): .*no route to host/im);
    expect(existsSync(join(folder, "pki/hosts/c.pem"))).toBe(true);
    expect(existsSync(join(folder, "pki/hosts/b.pem"))).toBe(false);
  });
});

describe("another authority", () => {
  const cluster = () => join(folder, "cluster.yaml");
  const told: string[] = [];
  const say = (line: string) => told.push(line);

  it("is trusted beside the one before, signs what is renewed, and is the only one at the end", async () => {
    await pki();
    const [before] = [read("pki/ca.pem")];
    newAuthorityBeside(cluster(), {}, say);
    expect(read("pki/ca.pem").endsWith(before)).toBe(true);
    expect(() => newAuthorityBeside(cluster(), {}, say)).toThrow("holds 2 authorities already");
    expect(() => dropAuthority(cluster(), {}, say)).toThrow(
      /pki\/hosts\/a\.pem is not of the newest.*scripts\/pki renew/,
    );
    // What hosts have is still trusted: nothing is signed before it is asked for.
    expect((await pki()).said).not.toMatch(/signed/);
    expect(read(".pki/operator/ca.pem")).toBe(read("pki/ca.pem"));
    await pki(authority, true);
    dropAuthority(cluster(), {}, say);
    const newest = read("pki/ca.pem");
    expect(newest).not.toContain(before);
    expect(hostFault(read("pki/hosts/a.pem"), newest, named)).toBeUndefined();
    expect(hostFault(read("pki/hosts/a.pem"), before, named)).toContain("has not signed");
    expect(await pki()).toMatchObject({ whole: true, said: expect.not.stringMatching(/changed|signed/) });
  });
});

describe("an authority of somebody else's", () => {
  it("gets requests, and what it has signed is taken over if it fits", async () => {
    const requests = await pki({ by: "requests" });
    expect(requests.whole).toBe(false);
    expect(requests.said).toMatch(
      /^request {2}a \(10\.0\.0\.1\): \.pki\/requests\/hosts\/a\.csr \(there is no certificate\)/m,
    );
    expect(existsSync(join(folder, "pki"))).toBe(false);
    expect(existsSync(join(folder, ".pki/ca.key"))).toBe(false);

    const company = authorityFor("company");
    const answer = (name: string, text: string) => put(`answer/${name}`, text);
    answer("ca.pem", company.certificate);
    answer("hosts/a.pem", company.sign("a", "10.0.0.1", { key: read("a.key") }));
    answer("hosts/b.pem", company.sign("b", "10.0.0.2"));
    answer("hosts/c.pem", authorityFor("other").sign("c", "10.0.0.3", { key: read("c.key") }));
    answer("operator.pem", company.sign("operator", undefined, { key: read(".pki/operator/key.pem") }));
    const taken = await pki({ by: "import", folder: join(folder, "answer") });
    expect(taken.whole).toBe(false);
    expect(taken.said).toMatch(/^signed {3}a /m);
    expect(taken.said).toMatch(/^FAILED {3}b .*: found one of another key in answer\/hosts\/b\.pem$/m);
    expect(taken.said).toMatch(/^FAILED {3}c .*: found a certificate that pki\/ca\.pem has not signed in answer/m);
    expect(taken.said).toMatch(/^signed {3}operator/m);
  });
});

it("the public key of a request is that of its certificate", async () => {
  await pki();
  const key = createPublicKey(read("a.key"));
  expect(new X509Certificate(read("pki/hosts/a.pem")).publicKey.equals(key)).toBe(true);
});
