/** Whose fault is it when hosts do not reach each other's ports? */
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { exactRangesOf, within } from "../../../cluster/ipv4.js";
import { firewall as names } from "../../../cluster/names.js";
import { ports as portTable } from "../../../cluster/ports.js";
import type { CheckFinding, Judgement } from "../checks.js";
import { type Facts, wordsOf } from "../facts.js";
import { type Connection, operatorPort } from "../probe-network.js";
import { type Fault, faults, type Tried } from "./faults.js";
import { denies, keptOut, loopbackCommand, openingCommand, opens } from "./firewall.js";
import { labels } from "./labels.js";

/** Ports that fail in the same way between the same hosts: a firewall seldom blocks one alone. */
interface Group {
  readonly fault: Fault<Connection & Tried>;
  readonly outcome: string;
  readonly ports: string[];
}

export function judgeConnections(
  inventory: Inventory,
  facts: ReadonlyMap<string, Facts>,
  connections: readonly Connection[],
): CheckFinding[] {
  const addressOf = (name: string) => inventory.hosts.find((host) => host.name === name)?.address ?? "";
  const judged = connections
    // A port that another program holds is a finding of its own.
    .filter(({ to, port }) => !wordsOf(facts.get(to)?.["taken-ports"]).includes(port))
    // The deploy lets a new member in …
    .filter(({ from, to }) => from === to || !keptOut(facts.get(to), addressOf(from)))
    // … and all where nobody was let in before.
    .filter(({ to, outcome }) => /^answered by/.test(outcome) || !opens(inventory, facts.get(to)));
  const between = groupsOf(judged.filter(({ from, to }) => from !== to)).map((group) => ({
    host: group.fault.host,
    ...connectionJudgement(inventory, facts.get(group.fault.host) ?? {}, group),
  }));
  return [...judgeLoopback(judged, facts), ...between];
}

/** A host that does not reach itself by its own address. */
function judgeLoopback(connections: readonly Connection[], facts: ReadonlyMap<string, Facts>): CheckFinding[] {
  const failed = connections.filter(({ from, to, outcome }) => from === to && outcome !== "ok");
  return [...new Set(failed.map(({ to }) => to))].map((host) => {
    const own = failed.filter(({ to }) => to === host);
    const list = [...new Set(own.map(({ port }) => port))].sort(byNumber).join(", ");
    const outcome = [...new Set(own.map((one) => one.outcome))].join(" or ");
    return {
      host,
      check: "links",
      found: `does not reach ${list} of itself (${outcome}${denies(facts.get(host) ?? {})})`,
      needed: "a host that reaches itself by its own address: Swarm uses its Consul and its Docker API",
      fix: loopbackCommand(facts.get(host) ?? {}),
    };
  });
}

/**
 * Does this machine reach the Docker API of every host?
 *
 * @param deployer who this deploy is to the hosts; without one, another machine may be the one that deploys
 */
export function judgeFromHere(
  inventory: Inventory,
  facts: ReadonlyMap<string, Facts>,
  fromHere: ReadonlyMap<string, string>,
  deployer?: string,
): CheckFinding[] {
  return inventory.hosts.flatMap((host) => {
    const outcome = fromHere.get(host.name) ?? "ok";
    const own = facts.get(host.name) ?? {};
    if (outcome === "ok" || wordsOf(own["taken-ports"]).includes(operatorPort) || opens(inventory, own)) {
      return [];
    }
    const client = inventory.bastion === undefined ? own.client : undefined;
    const judgement: Judgement = {
      check: "links",
      found: `${operatorPort} not reached from this machine${client ? `, which is ${client} there` : ""} (${outcome}${denies(own)})`,
      needed: "this port open for the machine that deploys: Terraform makes Swarm's containers through it",
      fix: openForOperators(inventory, host, own, client),
      ...(deployer === undefined ? { warning: true as const } : {}),
    };
    return [{ host: host.name, ...judgement }];
  });
}

/** What operators use, opened for all of them. */
function openForOperators(
  { settings: { firewall } }: Inventory,
  { manager }: InventoryHost,
  facts: Facts,
  client: string | undefined,
): string {
  if (client !== undefined && keptOut(facts, client)) {
    return `on the host: systemctl stop ${names.unit}; with ${client} in firewall.operators of the cluster file the next deploy loads the allow-list again`;
  }
  const used = [portTable.consulHttp, portTable.weaveProxy, ...(manager ? [portTable.swarmManager] : [])];
  const operators = firewall?.operators ?? [];
  const known = client === undefined || operators.some((range) => within(client, range));
  const sources = known ? operators : [client, ...operators];
  return openingCommand(
    facts,
    used.map(({ number }) => `${number}/tcp`).sort(byNumber),
    sources.length > 0 ? sources : ["ADDRESS-OF-THIS-MACHINE"],
  );
}

function groupsOf(connections: readonly Connection[]): Group[] {
  const tried = connections.map((connection) => ({ ...connection, failed: connection.outcome !== "ok" }));
  const groups = new Map<string, Group>();
  for (const port of [...new Set(connections.map(({ port }) => port))].sort(byNumber)) {
    for (const fault of faults(tried.filter((one) => one.port === port))) {
      const outcome = [...new Set(fault.failures.map(({ outcome }) => outcome))].join(" or ");
      const pairs = fault.failures.map(({ from, to }) => `${from} ${to}`);
      const key = [fault.host, fault.kind, outcome, ...pairs].join("|");
      const group = groups.get(key) ?? { fault, outcome, ports: [] };
      group.ports.push(port);
      groups.set(key, group);
    }
  }
  return [...groups.values()];
}

function connectionJudgement(inventory: Inventory, facts: Facts, { fault, outcome, ports }: Group): Judgement {
  const { host, kind, failures, all } = fault;
  const peers = failures.map(({ from, to }) => (kind === "not reached" ? from : to));
  const who = all && inventory.hosts.length > 2 ? "any other host" : labels(inventory, peers);
  const list = ports.join(", ");
  const these = ports.length > 1 ? "these ports" : "this port";
  const check = "links";
  const stranger = /^answered by/.test(outcome)
    ? `find the other machine that has the address ${inventory.hosts.find(({ name }) => name === host)?.address}`
    : undefined;
  if (kind === "does not reach") {
    return {
      check,
      found: `does not reach ${list} of ${who} (${outcome})`,
      needed: `connections to ${these} of the other hosts`,
      fix: stranger ?? `iptables -S OUTPUT (on ${host}) and the switch between them show what blocks it`,
    };
  }
  const members = [...inventory.hosts, ...inventory.absent];
  const others = members.filter(({ name }) => name !== host).map(({ address }) => address);
  return {
    check,
    found: `${list} not reached from ${who} (${outcome}${denies(facts)})`,
    needed: `${these} open for the other hosts of the cluster`,
    fix: stranger ?? openingCommand(facts, ports, exactRangesOf(others)),
  };
}

function byNumber(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10) || a.localeCompare(b);
}
