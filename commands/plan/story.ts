/** A plan of Terraform's, told in hosts. */
import { dangersIn, destroyedBy, type Told } from "./dangers.js";
import { changesForm, eventsOf, getsOtherPassword, type Service, serviceStep } from "./events.js";
import type { Story } from "./json-schema.js";
import { membersOf } from "./members.js";
import type { TerraformPlan } from "./terraform-plan.js";

export function tell(plan: TerraformPlan): Story {
  const members = membersOf(plan);
  if (members.length === 0 && plan.changes.size > 0) {
    throw new Error("found a plan without local_file.hosts, expected one of a stack that this project has synthesised");
  }
  const told = members.map((member) => ({ member, events: eventsOf(plan, member) }));
  const dangers = dangersIn(plan, told);
  const name = plan.file("cluster");
  return {
    version: 1,
    cluster: (name.after ?? name.before ?? "").trim(),
    result: resultOf(plan, dangers),
    hosts: told.map(({ member: { name, address }, events }) => ({ name, address, events })),
    order: [departures(plan, told), ...(["Consul", "Weave"] as const).map((one) => turnsOf(plan, told, one))].filter(
      ({ turns }) => turns.length > 0,
    ),
    destroyed: destroyedBy(plan),
    dangers,
  };
}

function resultOf(plan: TerraformPlan, dangers: Story["dangers"]): Story["result"] {
  if (dangers.length > 0) {
    return "dangerous";
  }
  return plan.changes.size > 0 ? "changes" : "no changes";
}

/** Hosts in turns: each waits for those of the turns before it. */
function inTurns(plan: TerraformPlan, steps: readonly { readonly host: string; readonly step: string }[]): string[][] {
  const turns: string[][] = [];
  let left = [...steps];
  while (left.length > 0) {
    const next = left.filter(({ step }) => !left.some((other) => plan.comesBefore(other.step, step)));
    turns.push(next.map(({ host }) => host));
    left = left.filter((one) => !next.includes(one));
  }
  return turns;
}

function departures(plan: TerraformPlan, told: readonly Told[]): Story["order"][number] {
  const steps = told.flatMap(({ member: { name, departs } }) =>
    departs ? [{ host: name, step: `null_resource.${name}_${departs === "leaves" ? "leave" : "lost"}` }] : [],
  );
  return { component: "departures", turns: inTurns(plan, steps) };
}

/** The hosts on which a service starts or restarts, or may do so. */
function turnsOf(plan: TerraformPlan, told: readonly Told[], service: Service): Story["order"][number] {
  const concerns = ({ what, component }: Told["events"][number]) =>
    ["joins", "returns", "is rebuilt"].includes(what) || (component === service && /restart/.test(what));
  const steps = told
    .filter(({ events }) => events.some(concerns))
    .map(({ member: { name } }) => ({ host: name, step: serviceStep(service, name) }));
  const all = { Consul: changesForm, Weave: getsOtherPassword }[service];
  const together = steps.some(({ host }) => all(plan, host));
  return { component: service, turns: together ? [steps.map(({ host }) => host)] : inTurns(plan, steps) };
}
