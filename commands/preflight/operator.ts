/** `security.dockerTls`: this machine's own certificate, which Terraform shows to every host's Docker API. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Inventory } from "../../cluster/inventory.js";
import { daysLeft, factsOf, keyHash, operatorFault, renewalDays } from "../../cluster/pki.js";
import { plural } from "../shared/findings.js";
import type { Judgement } from "./checks.js";
import { timeFault } from "./judge/certificates.js";

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
  try {
    const read = (name: string) => readFileSync(join(operator, name), "utf8");
    const certificate = read("cert.pem");
    const fault = operatorFault(certificate, read("ca.pem"));
    if (fault !== undefined) {
      return judgement(`is ${fault}`);
    }
    const facts = factsOf(certificate);
    if (facts.key !== keyHash(createPublicKey(createPrivateKey(read("key.pem"))))) {
      return judgement("is of another key than key.pem beside it");
    }
    const ended = timeFault(facts, now, "this machine's clock");
    if (ended !== undefined) {
      return judgement(ended.found);
    }
    const days = daysLeft(facts, now);
    return days < renewalDays ? judgement(`ends in ${plural(days, "day")}`, true) : [];
  } catch (error) {
    return judgement(`cannot be used (${(error as Error).message})`);
  }
}
