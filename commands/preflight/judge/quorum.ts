/** Does the cluster file take so many servers at once from a running Consul that the rest cannot elect a leader? */
import type { Inventory } from "../../../cluster/inventory.js";
import { keepsQuorum, lostQuorum, oneServerAtATime } from "../../../cluster/quorum.js";
import type { CheckFinding } from "../checks.js";
import { type Facts, wordsOf } from "../facts.js";

/**
 * By what the members say, whatever this machine's Terraform knows. Servers that are missing already are nothing that a
 * deploy could still refuse.
 */
export function judgeQuorum({ hosts, leaving = [] }: Inventory, factsOf: ReadonlyMap<string, Facts>): CheckFinding[] {
  const views = [...factsOf.values()].map((facts) => wordsOf(facts["consul-voters"]));
  // The longest: one that was away may not know the latest.
  const voters = views.reduce((longest, view) => (view.length > longest.length ? view : longest), []);
  const voting = <T extends { readonly address: string }>(some: readonly T[]) =>
    some.filter(({ address }) => voters.includes(address));
  const demoted = voting(hosts).filter(({ consul }) => consul === "client");
  const leavers = voting(leaving);
  const present = voting(hosts).filter(({ name }) => factsOf.get(name)?.["consul-voters"] !== undefined);
  const [first] = [...demoted, ...present];
  const gone = voters.length - present.length - leavers.length;
  const counts = { lost: 0, leaving: leavers.length, demoted: demoted.length };
  if (
    first === undefined ||
    demoted.length + leavers.length === 0 ||
    keepsQuorum({ voters: voters.length, gone, ...counts })
  ) {
    return [];
  }
  const names = [...leavers, ...demoted].map(({ name }) => name);
  const left = present.length - demoted.length;
  return [
    {
      host: first.name,
      check: "quorum",
      found: lostQuorum(names, gone, left, voters.length - leavers.length),
      needed: "a majority of the servers that have a vote, at every moment of the deploy",
      fix: oneServerAtATime,
    },
  ];
}
