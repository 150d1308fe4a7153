/** `security.dockerTls`, `security.consulTls`: has the host the key of its certificate, and is that valid by its clock? */
import type { InventoryHost } from "../../../cluster/inventory.js";
import { daysLeft, pki, renewalDays } from "../../../cluster/pki.js";
import { renewal, timeFault } from "../../shared/certificates.js";
import { plural } from "../../shared/findings.js";
import type { Judgement } from "../checks.js";
import { type Facts, wordsOf } from "../facts.js";

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
