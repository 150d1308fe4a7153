/** `security.dockerTls`: whether certificates are valid now, and this machine's own, which Terraform shows to every host's Docker API. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CertificateFacts, factsOf, keyHash, operatorFault } from "../../cluster/pki.js";

export const renewal = "scripts/pki, commit what it changes, and deploy";
/** Plans ask proxies, and take none of those that show a certificate that has ended. */
export const lateRenewal = "scripts/pki, commit what it changes, scripts/recover, and deploy";

/** Why a certificate is not valid now. */
export function timeFault(
  { from, until }: CertificateFacts,
  now: number,
  clock: string,
): { readonly found: string; readonly fix: string } | undefined {
  const show = (seconds: number) => `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  if (now < from) {
    const found = `is valid from ${show(from)} on, and by ${clock} it is ${show(now)}`;
    return { found, fix: "set the clock that is wrong, this machine's or the host's: timedatectl set-ntp true" };
  }
  return now >= until
    ? { found: `has ended on ${show(until)}, and by ${clock} it is ${show(now)}`, fix: lateRenewal }
    : undefined;
}

export type OperatorCertificate =
  | { readonly fault: string }
  | { readonly own: CertificateFacts; readonly authority: CertificateFacts };

/** This machine's own certificate, in this folder, or what is wrong with it; nothing where there is no such folder. */
export function operatorCertificate(folder: string, now = Date.now() / 1000): OperatorCertificate | undefined {
  if (!existsSync(folder)) {
    return undefined;
  }
  try {
    const read = (name: string) => readFileSync(join(folder, name), "utf8");
    const [certificate, authority] = [read("cert.pem"), read("ca.pem")];
    const fault = operatorFault(certificate, authority);
    if (fault !== undefined) {
      return { fault: `is ${fault}` };
    }
    const own = factsOf(certificate);
    if (own.key !== keyHash(createPublicKey(createPrivateKey(read("key.pem"))))) {
      return { fault: "is of another key than key.pem beside it" };
    }
    const ended = timeFault(own, now, "this machine's clock");
    return ended ? { fault: ended.found } : { own, authority: factsOf(authority) };
  } catch (error) {
    return { fault: `cannot be used (${(error as Error).message})` };
  }
}
