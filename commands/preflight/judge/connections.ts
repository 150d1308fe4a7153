/** Whose fault is it when hosts do not reach each other's ports? */
import type { Inventory } from "../../../cluster/inventory.js";
import { narrowRangesOf } from "../../../cluster/ipv4.js";
import type { CheckFinding, Judgement } from "../checks.js";
import { type Facts, wordsOf } from "../facts.js";
import type { Connection } from "../probe-network.js";
import { type Fault, faults, type Tried } from "./faults.js";
import { firewallCommand } from "./firewall.js";
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
  // A port that another program holds is a finding of its own.
  const judged = connections.filter(({ to, port }) => !wordsOf(facts.get(to)?.["taken-ports"]).includes(port));
  return groupsOf(judged).map((group) => ({
    host: group.fault.host,
    ...connectionJudgement(inventory, facts.get(group.fault.host)?.firewall ?? "iptables", group),
  }));
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

function connectionJudgement(inventory: Inventory, firewall: string, { fault, outcome, ports }: Group): Judgement {
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
  const others = inventory.hosts.filter(({ name }) => name !== host).map(({ address }) => address);
  return {
    check,
    found: `${list} not reached from ${who} (${outcome})`,
    needed: `${these} open for the other hosts of the cluster`,
    fix: stranger ?? firewallCommand(firewall, ports, narrowRangesOf(others)),
  };
}

function byNumber(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10) || a.localeCompare(b);
}
