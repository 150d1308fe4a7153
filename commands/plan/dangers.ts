/** Why a plan should not be applied. */
import { keepsQuorum, oneServerAtATime, lostQuorum as quorumIsLost } from "../../cluster/quorum.js";
import { consulFile, type Service, serviceStep } from "./events.js";
import type { HostEvent, Story } from "./json-schema.js";
import { isServer, isUp, type Member } from "./members.js";
import type { TerraformPlan } from "./terraform-plan.js";

type Danger = Story["dangers"][number];

/** A host with what happens to it. */
export interface Told {
  readonly member: Member;
  readonly events: readonly HostEvent[];
}

export function dangersIn(plan: TerraformPlan, told: readonly Told[]): Danger[] {
  if (told.length > 0 && told.every(({ member }) => member.after === undefined)) {
    const found = `the whole cluster is destroyed: ${names(told)}`;
    return [{ danger: "destroys", found, needed: "npx cdktf destroy, by hand, if that is meant" }];
  }
  return [...lostQuorum(plan, told), ...outOfOrder(plan, told), ...unaskedDestruction(plan, told), ...refusals(told)];
}

/** Consul's servers that stop to vote without having left in turn: too many of them, and the rest elects no leader. */
function lostQuorum(plan: TerraformPlan, told: readonly Told[]): Danger[] {
  const servers = told.filter(({ member }) => isServer(member.before));
  const having = (...whats: HostEvent["what"][]) =>
    servers.filter(({ events }) => events.some(({ what }) => whats.includes(what)));
  const gone = having("is rebuilt", "is uninstalled", "is down");
  const [lost, leaving] = [having("is lost"), having("leaves")];
  const demoted = servers.filter(({ member: { after } }) => isUp(after) && !isServer(after));
  const voters = Math.max(servers.length, ...servers.map(({ member }) => countedBy(plan, member)));
  // A server that was down before has a vote, or had one, and is no server in this plan.
  const off = voters - servers.length;
  const away = servers.filter((one) => [gone, lost, leaving, demoted].some((some) => some.includes(one)));
  const counts = { lost: lost.length, leaving: leaving.length, demoted: demoted.length };
  if (away.length === leaving.length || keepsQuorum({ voters, gone: gone.length + off, ...counts })) {
    return [];
  }
  return [
    {
      danger: "quorum",
      found: quorumIsLost(
        away.map(({ member: { name } }) => name),
        0,
        servers.length - away.length,
        voters - leaving.length,
      ),
      needed: oneServerAtATime,
    },
  ];
}

/** How many servers a server counts: itself and all others, also those that are down. */
function countedBy(plan: TerraformPlan, { name }: Member): number {
  const { before } = plan.file(consulFile(name));
  const config = before === undefined ? {} : (JSON.parse(before) as { retry_join?: readonly string[] });
  return 1 + (config.retry_join?.length ?? 0);
}

/** Two routers, or two servers, that may be restarted at the same time. */
function outOfOrder(plan: TerraformPlan, told: readonly Told[]): Danger[] {
  const restarting = (service: Service) =>
    told
      .filter(({ member }) => service === "Weave" || isServer(member.before))
      .filter(({ events }) => events.some(({ what, component }) => component === service && /restart/.test(what)))
      .map(({ member }) => member.name);
  return (["Consul", "Weave"] as const).flatMap((service) => {
    const hosts = restarting(service);
    const steps = (one: string, other: string) =>
      plan.comesBefore(serviceStep(service, one), serviceStep(service, other));
    const together = hosts.flatMap((one, i) =>
      hosts.slice(i + 1).flatMap((other) => (steps(one, other) || steps(other, one) ? [] : [`${one} and ${other}`])),
    );
    return together.length === 0
      ? []
      : [
          {
            danger: "order" as const,
            found: `${service} of ${together.join(", of ")} can be restarted at the same time`,
            needed: "the change to one of them in one deploy, to the other in the next",
          },
        ];
  });
}

/** Destruction that the cluster file does not ask for: hosts leave by a step of their own. */
function unaskedDestruction(plan: TerraformPlan, told: readonly Told[]): Danger[] {
  const uninstalls = ", which uninstalls everything from that host";
  return destroyedBy(plan)
    .filter((address) => !isRoleTaken(address, told))
    .map((address) => ({
      danger: "destroys" as const,
      found: `${address} is destroyed${/^terraform_data\..*_teardown$/.test(address) ? uninstalls : ""}`,
      needed: "a host that leaves is listed under removed in the cluster file",
    }));
}

/** A container of a host that stays: the cluster file has taken that role from it. */
function isRoleTaken(address: string, told: readonly Told[]): boolean {
  const [, host, role = ""] = /^docker_container\.([a-z0-9-]+)_swarm_(manager|agent)/.exec(address) ?? [];
  const row = told.find(({ member }) => member.name === host)?.member.after;
  return isUp(row) && !row.roles.includes(role);
}

/** Resources whose destruction takes something from a host. Steps and rendered files are only records of the past. */
export function destroyedBy(plan: TerraformPlan): string[] {
  return [...plan.changes.values()]
    .filter(({ type, actions }) => {
      const record = type === "null_resource" || type === "local_file";
      const replaced = actions.includes("create") && type === "docker_container";
      return actions.includes("delete") && !record && !replaced;
    })
    .map(({ address }) => address);
}

function refusals(told: readonly Told[]): Danger[] {
  const refused = told.flatMap(({ member, events }) =>
    events
      .filter(({ what }) => what === "is refused")
      .map(({ component, because }) => ({ host: member.name, text: `${component}: ${because.join(", ")}` })),
  );
  return [...new Set(refused.map(({ text }) => text))].map((text) => ({
    danger: "refused",
    found: `${text}, which the running cluster cannot take over: the steps on ${refused
      .filter((one) => one.text === text)
      .map(({ host }) => host)
      .join(", ")} refuse it`,
    needed: "the setting as it was, or a cluster that is destroyed and deployed again",
  }));
}

const names = (told: readonly Told[]) => told.map(({ member }) => member.name).join(", ");
