/** `known_hosts` in OpenSSH's format: the host keys that the team has compared and trusts. */

import { showValue } from "./problems.js";

export const knownHostsFileName = "known_hosts";

/**
 * Terraform pins one key per host and its SSH client (Go's) negotiates ECDSA before RSA before Ed25519,
 * so the key to pin stands first.
 */
const preference = [/^ecdsa-sha2-nistp256$/, /^ecdsa-sha2-/, /^ssh-rsa$/, /^ssh-ed25519$/, /^sk-/];

/**
 * The same order for OpenSSH, by the algorithms of these keys (https://man.openbsd.org/ssh_config#HostKeyAlgorithms): so
 * that a command meets the key that Terraform is going to meet.
 */
export const hostKeyAlgorithms = [
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-256",
  "rsa-sha2-512",
  "ssh-ed25519",
] as const;

interface Line {
  readonly names: readonly string[];
  /** "type base64" */
  readonly key: string;
}

/** A line that ssh would pass over without a word. */
export interface BrokenLine {
  readonly line: number;
  readonly column: number;
  readonly found: string;
  readonly expected: string;
}

export class KnownHosts {
  readonly broken: readonly BrokenLine[];
  /** Hashed entries cannot be read back; their number explains why a host seems to be missing. */
  readonly hashed: number;
  readonly #lines: readonly Line[];

  constructor(text: string) {
    const lines: Line[] = [];
    const broken: BrokenLine[] = [];
    const revoked = new Set<string>();
    let hashed = 0;
    for (const [i, line] of text.split(/\r?\n/).entries()) {
      // Not \s: ssh knows blanks and tabs alone.
      const words = [...line.matchAll(/[^ \t]+/g)].map(({ 0: word, index }) => ({ word, column: index + 1 }));
      if (words[0] === undefined || words[0].word.startsWith("#")) {
        continue;
      }
      const wrong = (column: number, found: string, expected: string) =>
        broken.push({ line: i + 1, column, found, expected });
      const marker = words[0].word.startsWith("@") ? words.shift() : undefined;
      if (marker && !/^@(revoked|cert-authority)$/.test(marker.word)) {
        wrong(marker.column, showValue(marker.word), "@revoked, @cert-authority or no marker");
        continue;
      }
      const [names, type, base64] = words;
      if (names === undefined || type === undefined || base64 === undefined) {
        wrong((words.at(-1) ?? marker)?.column ?? 1, `a line of ${words.length} words`, "ADDRESS TYPE KEY");
        continue;
      }
      const unseen = words.slice(0, 3).find(({ word }) => /[^!-~]/.test(word));
      if (unseen) {
        wrong(unseen.column, showValue(unseen.word), "ASCII characters alone");
      } else if (!/^[a-z][a-z0-9@.-]*$/.test(type.word)) {
        wrong(type.column, showValue(type.word), "a type of key, such as ssh-ed25519");
      } else if (!/^([A-Za-z0-9+/]{4})+([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64.word)) {
        wrong(base64.column, "a key that is cut off or changed", "the key in base64, as scripts/hostkeys writes it");
      } else if (marker?.word === "@revoked") {
        revoked.add(`${type.word} ${base64.word}`);
      } else if (names.word.startsWith("|")) {
        hashed += marker === undefined ? 1 : 0;
      } else if (marker === undefined) {
        lines.push({ names: names.word.split(","), key: `${type.word} ${base64.word}` });
      }
    }
    this.broken = broken;
    this.hashed = hashed;
    this.#lines = lines.filter(({ key }) => !revoked.has(key));
  }

  /** Keys of a machine, the one to pin first. As ssh does, a port of its own goes before the bare address. */
  keysFor(address: string, port: number): string[] {
    const under = (name: string) => this.#lines.filter(({ names }) => names.includes(name)).map(({ key }) => key);
    const withPort = under(`[${address}]:${port}`);
    const keys = withPort.length > 0 ? withPort : under(address);
    const rank = (key: string) => preference.findIndex((type) => type.test(key.split(" ")[0] ?? ""));
    return [...new Set(keys)].filter((key) => rank(key) >= 0).sort((a, b) => rank(a) - rank(b));
  }
}

/** The name under which ssh looks a machine up. */
export function knownHostsName(address: string, port: number): string {
  return port === 22 ? address : `[${address}]:${port}`;
}
