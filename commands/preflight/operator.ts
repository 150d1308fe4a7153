/** `security.dockerTls`: this machine's own certificate, which Terraform shows to every host's Docker API. */
import { join } from "node:path";
import type { Inventory } from "../../cluster/inventory.js";
import { daysLeft, renewalDays } from "../../cluster/pki.js";
import { operatorCertificate } from "../shared/certificates.js";
import { plural } from "../shared/findings.js";
import type { Judgement } from "./checks.js";

const fix =
  "scripts/pki on this machine; where a pipeline deploys, put the files there that scripts/pki has made for it";

/** What is wrong with it. Nothing, where none is needed. */
export function judgeOperator({ operator }: Inventory, now = Date.now() / 1000): Judgement[] {
  if (operator === undefined) {
    return [];
  }
  const judgement = (found: string, warning?: true): Judgement[] => [
    {
      check: "certificate",
      found: `${join(operator, "cert.pem")} of this machine ${found}`,
      needed: "the operator's own key and certificate: Terraform makes Swarm's containers with it",
      fix,
      ...(warning && { warning }),
    },
  ];
  const certificate = operatorCertificate(operator, now) ?? { fault: "cannot be used: there is none" };
  if ("fault" in certificate) {
    return judgement(certificate.fault);
  }
  const days = daysLeft(certificate.own, now);
  return days < renewalDays ? judgement(`ends in ${plural(days, "day")}`, true) : [];
}
