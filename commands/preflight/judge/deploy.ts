/** Has another deploy the host? */
import type { Judgement } from "../checks.js";
import type { Facts } from "../facts.js";

/** @param deployer who this deploy is to the hosts; nothing when none is about to follow */
export function judgeDeploy(facts: Facts, deployer?: string): Judgement[] {
  const by = facts["deploy-by"];
  if (by === undefined || by === deployer) {
    return [];
  }
  return [
    {
      check: "deploy",
      found: `a deploy has this host: ${by}, from ${facts["deploy-from"]}, since ${facts["deploy-since"]}`,
      needed: "one deploy at a time",
      fix: "wait until it has ended; if it was broken off: deploy there again, or run scripts/recover here and deploy",
      ...(deployer === undefined ? { warning: true as const } : {}),
    },
  ];
}
