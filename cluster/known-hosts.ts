/** `known_hosts` in OpenSSH's format: the host keys that the team has compared and trusts. */

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

export class KnownHosts {
  /** Hashed entries cannot be read back; their number explains why a host seems to be missing. */
  readonly hashed: number;
  readonly #lines: readonly Line[];

  constructor(text: string) {
    const lines: Line[] = [];
    const revoked = new Set<string>();
    let hashed = 0;
    for (const line of text.split(/\r?\n/)) {
      const words = line.trim().split(/\s+/);
      if (words[0] === "" || words[0]?.startsWith("#")) {
        continue;
      }
      const marker = words[0]?.startsWith("@") ? words.shift() : undefined;
      const [names, type, base64] = words;
      if (names === undefined || type === undefined || base64 === undefined) {
        continue;
      }
      const key = `${type} ${base64}`;
      if (marker === "@revoked") {
        revoked.add(key);
      } else if (marker !== undefined) {
      } else if (names.startsWith("|")) {
        hashed++;
      } else {
        lines.push({ names: names.split(","), key });
      }
    }
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
