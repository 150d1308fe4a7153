/** Signatures, with the gpg of this machine and keys made for the test. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { unverified } from "../../../commands/lock/signature.js";
import { temporaryFolder } from "../../fixtures/clusters.js";

const sums = Buffer.from("aa  consul_1.20.5_linux_amd64.zip\n");
let keyring = "";
let fingerprint = "";
let signature: Buffer;

const gpg = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync("gpg", ["--homedir", keyring, "--batch", "--yes", ...args], {
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  return stdout;
};

beforeAll(() => {
  keyring = join(temporaryFolder(), "gnupg");
  mkdirSync(keyring, { mode: 0o700 });
  gpg("--passphrase", "", "--quick-generate-key", "security@publisher.test", "ed25519", "sign", "never");
  fingerprint = /^fpr:+([0-9A-F]+):/m.exec(gpg("--list-keys", "--with-colons"))?.[1] ?? "";
  const file = join(keyring, "sums");
  writeFileSync(file, sums);
  gpg("--detach-sign", file);
  signature = readFileSync(`${file}.sig`);
});

// gpg has started an agent for the key that it made.
afterAll(() => {
  spawnSync("gpgconf", ["--homedir", keyring, "--kill", "all"]);
});

/** As a user with that keyring sees it. */
function as(home: string) {
  vi.stubEnv("GNUPGHOME", home);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
}
const key = () => ({ owner: "Publisher", fingerprint, published: "https://publisher.test/key" });

it("a good signature of the publisher's key", () => {
  as(keyring);
  expect(unverified(sums, signature, key())).toBeUndefined();
});

it("a good signature of somebody else's key counts for nothing", () => {
  as(keyring);
  expect(unverified(sums, signature, { ...key(), fingerprint: "C874" })).toMatch(/gpg has no key C874 of Publisher/);
});

it("other bytes than were signed are refused", () => {
  as(keyring);
  expect(() => unverified(Buffer.from("bb  consul\n"), signature, key())).toThrow(/signature of Publisher is bad/);
});

it("without the publisher's key, nobody can tell", () => {
  const other = join(temporaryFolder(), "gnupg");
  mkdirSync(other, { mode: 0o700 });
  as(other);
  expect(unverified(sums, signature, key())).toMatch(/import it from https:\/\/publisher\.test\/key/);
});

it("without gpg, nobody can tell", () => {
  vi.stubEnv("PATH", "/nonexistent");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  expect(unverified(sums, signature, key())).toMatch(/gpg cannot be run here/);
});
