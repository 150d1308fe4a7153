/** `security.dockerTls`, `security.consulTls`: has the host the key of its certificate, and is that valid by its clock? */
import type { InventoryHost } from "../../../cluster/inventory.js";
import { type CertificateFacts, daysLeft, pki, renewalDays } from "../../../cluster/pki.js";
import { plural } from "../../shared/findings.js";
import type { Judgement } from "../checks.js";
import { type Facts, wordsOf } from "../facts.js";

export const renewal = "scripts/pki, commit what it changes, and deploy";

export function judgeCertificate({ name, certificate }: InventoryHost, facts: Facts): Judgement[] {
  if (certificate === undefined) {
    return [];
  }
  const judgement = (found: string, needed: string, fix: string, warning?: true): Judgement[] => [
    { check: "certificate", found, needed, fix, ...(warning && { warning }) },
  ];
  const keys = wordsOf(facts.keys);
  if (!keys.includes(certificate.key)) {
    const found = keys.length > 0 ? "has another key than" : "has no key of its own for";
    return judgement(`the host ${found} ${pki.host(name)}`, "the host's own key, and its certificate", renewal);
  }
  const now = Number(facts.time);
  const fault = timeFault(certificate, now, "the host's clock");
  if (fault !== undefined) {
    return judgement(`${pki.host(name)} ${fault.found}`, "a certificate that is valid today", fault.fix);
  }
  const days = daysLeft(certificate, now);
  return days < renewalDays
    ? judgement(`${pki.host(name)} ends in ${plural(days, "day")}`, `${renewalDays} days or more`, renewal, true)
    : [];
}

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
    ? { found: `has ended on ${show(until)}, and by ${clock} it is ${show(now)}`, fix: renewal }
    : undefined;
}
