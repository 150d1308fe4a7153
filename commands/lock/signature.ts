/** Whether a list of checksums is signed by its publisher. This machine's gpg says so, with the keys that its user has. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A publisher's key: gpg is asked for the one with this fingerprint and no other. */
export interface SigningKey {
  readonly owner: string;
  readonly fingerprint: string;
  /** Where the owner publishes it. */
  readonly published: string;
}

/**
 * @returns nothing for a good signature, and otherwise why this machine cannot tell.
 * @throws Error for a signature that is not of these bytes, or whose key was revoked.
 */
export function unverified(signed: Uint8Array, signature: Uint8Array, key: SigningKey): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "multicast-swarm-lock-"));
  try {
    writeFileSync(join(folder, "signed"), signed);
    writeFileSync(join(folder, "signature"), signature);
    const { stdout, error } = spawnSync(
      "gpg",
      ["--batch", "--status-fd", "1", "--verify", join(folder, "signature"), join(folder, "signed")],
      { encoding: "utf8" },
    );
    return error ? `gpg cannot be run here (${error.message})` : judge(stdout, key);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What gpg's status lines mean; they are described in its doc/DETAILS. */
function judge(status: string, { owner, fingerprint, published }: SigningKey): string | undefined {
  const lines = status.split("\n").map((line) => line.replace("[GNUPG:] ", "").split(" "));
  const said = (word: string) => lines.find(([first]) => first === word);
  if (said("BADSIG") || said("REVKEYSIG")) {
    throw new Error(`the signature of ${owner} is bad, or its key was revoked; do not use these files`);
  }
  if (said("EXPKEYSIG")) {
    return `gpg has ${owner}'s key as it was before it expired; import it again from ${published}`;
  }
  // The last field is the primary key's fingerprint; signatures are often made by a subkey.
  if (said("GOODSIG") && said("VALIDSIG")?.at(-1) === fingerprint) {
    return undefined;
  }
  return `gpg has no key ${fingerprint} of ${owner}; import it from ${published}`;
}
