/** Certificates: where they lie beside the cluster file, and whether one is what a host needs. */
import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import type { Host, Settings } from "./model.js";

/** In git: the authority that signs, and what it has signed for the hosts. */
export const pki = {
  authority: "pki/ca.pem",
  host: (name: string) => `pki/hosts/${name}.pem`,
} as const;

/** Never in git: the authority's key, the operator's key and certificate, and requests that somebody else is to sign. */
export const privatePki = {
  folder: ".pki",
  authorityKey: ".pki/ca.key",
  /** `ca.pem`, `cert.pem` and `key.pem`, as programs of Docker's name them. */
  operator: ".pki/operator",
  request: (name: string) => `.pki/requests/hosts/${name}.csr`,
  operatorRequest: ".pki/requests/operator.csr",
} as const;

/** Certificates that end sooner are renewed, and warned of. */
export const renewalDays = 30;

export interface Certificates {
  /** What hosts trust: one certificate, or several. */
  readonly authority: string;
  /** Host name → its certificate. */
  readonly hosts: ReadonlyMap<string, string>;
}

/** What the checks need to know of a certificate. */
export interface CertificateFacts {
  /** SHA-256 of the public key, in DER. */
  readonly key: string;
  /** Seconds since 1970. */
  readonly from: number;
  readonly until: number;
}

const secondsOf = (date: string): number => Math.floor(Date.parse(date) / 1000);

export const keyHash = (key: KeyObject): string =>
  createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex");

export function factsOf(pem: string): CertificateFacts {
  const { publicKey, validFrom, validTo } = new X509Certificate(pem);
  return { key: keyHash(publicKey), from: secondsOf(validFrom), until: secondsOf(validTo) };
}

/** Whole days that are left. */
export const daysLeft = ({ until }: CertificateFacts, now = Date.now() / 1000): number =>
  Math.floor((until - now) / 86400);

/** All certificates of a text. */
function certificatesIn(text: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** Why a text is no certificate of an authority; nothing when it is. */
export function authorityFault(text: string): string | undefined {
  return fault(text, ([first, ...more]) =>
    first === undefined || ![first, ...more].every(({ ca }) => ca) ? "no certificate of an authority" : undefined,
  );
}

/** What it may be used for, by the numbers that certificates have for it. */
const usages = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const;

/** What a host's certificate says of it. */
export interface HostNames {
  readonly addresses: readonly string[];
  readonly names: readonly string[];
  /** A name that it must not have. */
  readonly never?: string;
}

/** Agents take for a server of Consul's whoever shows a certificate with the servers' name. */
export function hostNames(
  { name, address, consul: role }: Pick<Host, "name" | "address" | "consul">,
  { consul, security }: Pick<Settings, "consul" | "security">,
): HostNames {
  const servers = `server.${consul.datacenter}.consul`;
  const serves = security.consulTls && role === "server";
  return {
    addresses: [address, "127.0.0.1"],
    names: [name, "localhost", ...(serves ? [servers] : [])],
    ...(security.consulTls && !serves && { never: servers }),
  };
}

/** Why a host cannot use a certificate, whatever the time is; nothing when it can. */
export function hostFault(text: string, authority: string, { addresses, names, never }: HostNames): string | undefined {
  return fault(text, (chain) => {
    const [own] = chain;
    if (own === undefined) {
      return "no certificate";
    }
    const called = (one: string) => own.checkHost(one, { subject: "never" }) !== undefined;
    const lacking = [
      ...addresses.filter((one) => own.checkIP(one) === undefined),
      ...names.filter((one) => !called(one)),
    ];
    const faults = [
      signatureFault(chain, authority),
      lacking.length > 0 && `a certificate that does not name ${lacking.join(", ")}`,
      never !== undefined && called(never) && `a certificate that names ${never}, as Consul's servers alone are called`,
      usageFault(own, "server"),
    ];
    return faults.find((one) => typeof one === "string");
  });
}

/** Why the operator cannot use a certificate. */
export function operatorFault(text: string, authority: string): string | undefined {
  return fault(text, (chain) => {
    const [own] = chain;
    return own === undefined ? "no certificate" : (signatureFault(chain, authority) ?? usageFault(own));
  });
}

/** A host's serves, and asks other hosts: it is a client's too. */
function usageFault(own: X509Certificate, ...more: readonly "server"[]): string | undefined {
  const missing = (["client", ...more] as const).filter((use) => !(own.keyUsage ?? []).includes(usages[use]));
  return missing.length > 0 ? `a certificate that is not for ${missing.join(" and ")} authentication` : undefined;
}

/** A certificate may come with those of authorities between it and the one that is trusted, each signed by the next. */
function signatureFault(chain: readonly X509Certificate[], authority: string): string | undefined {
  const trusted = certificatesIn(authority);
  const signedBy = (one: X509Certificate, issuer: X509Certificate) =>
    one.checkIssued(issuer) && one.verify(issuer.publicKey);
  for (const [i, one] of chain.entries()) {
    if (trusted.some((issuer) => signedBy(one, issuer))) {
      return undefined;
    }
    const next = chain[i + 1];
    if (next === undefined || !next.ca || !signedBy(one, next)) {
      break;
    }
  }
  return `a certificate that ${pki.authority} has not signed`;
}

function fault(text: string, look: (certificates: readonly X509Certificate[]) => string | undefined) {
  try {
    return look(certificatesIn(text));
  } catch (error) {
    return `no certificate that can be read (${(error as Error).message})`;
  }
}
