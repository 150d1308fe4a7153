/** What `scripts/pki` has openssl do: keys, requests and signatures. */
import { execFileSync } from "node:child_process";
import { createPublicKey, type KeyObject, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

function openssl(...args: readonly string[]): string {
  try {
    return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { readonly stderr?: string };
    if (code === "ENOENT") {
      throw new Error("there is no openssl on this machine, which makes keys and certificates: install it");
    }
    throw new Error(`openssl ${args[0]}: ${stderr?.trim().split("\n")[0] ?? (error as Error).message}`);
  }
}

/** Calls `body` with a folder of this user's alone, which is gone afterwards. */
function inFolder<T>(body: (file: (name: string, text?: string) => string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "multicast-swarm-pki-"));
  try {
    return body((name, text) => {
      const path = join(folder, name);
      if (text !== undefined) {
        writeFileSync(path, text);
      }
      return path;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A new private key, as PEM. */
export const newKey = (): string => openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256");

const settings = (name: string, extensions: readonly string[]) =>
  ["[req]", "prompt=no", "distinguished_name=name", "[name]", `CN=${name}`, "[extensions]", ...extensions, ""].join(
    "\n",
  );

/** The certificate of an authority, which it has signed itself. */
export function newAuthority(name: string, keyFile: string, days: number): string {
  return inFolder((file) => {
    const config = settings(name, [
      "basicConstraints=critical,CA:true,pathlen:0",
      "keyUsage=critical,keyCertSign,cRLSign",
      "subjectKeyIdentifier=hash",
    ]);
    const args = ["-key", keyFile, "-days", String(days), "-config", file("config", config)];
    return openssl("req", "-x509", "-new", "-sha256", "-extensions", "extensions", ...args);
  });
}

/** A request for a client's certificate. */
export function newRequest(name: string, keyFile: string): string {
  return inFolder((file) => {
    const config = settings(name, ["extendedKeyUsage=clientAuth"]);
    return openssl("req", "-new", "-key", keyFile, "-reqexts", "extensions", "-config", file("config", config));
  });
}

/** The public key of a request, which has proven that it has the private one. */
export function keyOfRequest(request: string): KeyObject {
  return inFolder((file) =>
    createPublicKey(openssl("req", "-in", file("request", request), "-verify", "-noout", "-pubkey")),
  );
}

export interface Signing {
  readonly request: string;
  readonly authority: string;
  readonly authorityKeyFile: string;
  readonly days: number;
  /** Names and addresses; a client has none. */
  readonly names: readonly string[];
  readonly usages: readonly ("serverAuth" | "clientAuth")[];
}

/** A certificate. What it says is what this says: of the request, only the key and the name are taken over. */
export function sign({ request, authority, authorityKeyFile, days, names, usages }: Signing): string {
  // Positive, and 127 bits that nobody can guess.
  const serial = randomBytes(16);
  serial[0] = (serial[0] ?? 0) & 0x7f;
  const extensions = [
    "basicConstraints=critical,CA:false",
    "keyUsage=critical,digitalSignature",
    `extendedKeyUsage=${usages.join(",")}`,
    ...(names.length > 0 ? [`subjectAltName=${names.join(",")}`] : []),
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid",
    "",
  ].join("\n");
  return inFolder((file) => {
    const signer = [
      "-CA",
      file("ca", authority),
      "-CAkey",
      authorityKeyFile,
      "-set_serial",
      `0x${serial.toString("hex")}`,
    ];
    const content = [
      "-in",
      file("request", request),
      "-days",
      String(days),
      "-extfile",
      file("extensions", extensions),
    ];
    return openssl("x509", "-req", "-sha256", ...signer, ...content);
  });
}
