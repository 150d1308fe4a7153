/** Whose fault is it when hosts do not reach each other's ports? */
import type { Inventory } from "../../../cluster/inventory.js";
import { exactRangesOf } from "../../../cluster/ipv4.js";
import type { CheckFinding, Judgement } from "../checks.js";
import { type Facts, wordsOf } from "../facts.js";
import type { Connection } from "../probe-network.js";
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
