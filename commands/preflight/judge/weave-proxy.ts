/** Does a member's Weave proxy answer? Terraform asks it in every plan, also in one that has nothing to do there. */
import type { InventoryHost } from "../../../cluster/inventory.js";
import { ports } from "../../../cluster/ports.js";
import type { Judgement } from "../checks.js";
import type { Facts } from "../facts.js";

/** @param deployer who this deploy is to the hosts: it has come past the plan, and its steps set Weave up again */
export function judgeWeaveProxy({ address }: InventoryHost, facts: Facts, deployer?: string): Judgement[] {
  if (facts["weave-proxy"] !== "silent") {
    return [];
  }
  return [
    {
      check: "weave proxy",
      found: `Weave's proxy does not answer on ${address}:${ports.weaveProxy.number}, though weave.service is enabled`,
      needed: "its answer: every plan, deploy and destroy asks it for Swarm's containers",
      fix: "scripts/recover, then deploy",
      ...(deployer === undefined ? {} : { warning: true as const }),
    },
  ];
}
