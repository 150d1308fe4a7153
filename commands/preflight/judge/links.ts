/** Whose fault is it when hosts do not reach each other, when packets get lost for their size, or when clocks differ? */

import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { narrowRangesOf } from "../../../cluster/ipv4.js";
import { type Finding, label } from "../../shared/findings.js";
import type { Facts } from "../facts.js";
import type { Clock, Link, Links, Path } from "../probe-links.js";

export function judgeLinks(inventory: Inventory, facts: ReadonlyMap<string, Facts>, seen: Links): Finding[] {
  return [
    ...judgePorts(inventory, facts, seen.links),
    ...judgePaths(inventory, seen.paths),
    ...judgeClocks(inventory, seen.clocks),
  ];
}

// ── Ports ───────────────────────────────────────────────────────────────────────────────────────────

interface Tried {
  readonly from: string;
  readonly to: string;
  readonly failed: boolean;
}

/** Who is at fault: the host that is not reached, or the one that does not reach. */
interface Fault<T extends Tried> {
  readonly host: string;
  readonly kind: "not reached" | "does not reach";
  readonly failures: readonly T[];
  /** Does it concern all that were tried? */
  readonly all: boolean;
}

/**
 * A host that none of the others reaches is at fault, and one that reaches none of the rest; whatever is left counts
 * against the host that is not reached, since firewalls are mostly on the receiving side.
 */
export function faults<T extends Tried>(tried: readonly T[]): Fault<T>[] {
  const found: Fault<T>[] = [];
  let open = tried.filter(({ failed }) => failed);
  const hosts = [...new Set(tried.flatMap(({ from, to }) => [to, from]))];
  const settle = (host: string, kind: Fault<T>["kind"], failures: readonly T[], all: boolean) => {
    found.push({ host, kind, failures, all });
    open = open.filter((failure) => !failures.includes(failure));
  };
  const shut = new Set(
    hosts.filter((host) => {
      const inbound = tried.filter(({ to }) => to === host);
      return inbound.length > 0 && inbound.every(({ failed }) => failed);
    }),
  );
  // With one other host each way, a firewall that lets nothing in explains as much as one that lets nothing out.
  const mute = hosts.filter((host) => {
    const outbound = tried.filter(({ from, to }) => from === host && !shut.has(to));
    return outbound.length > 1 && outbound.every(({ failed }) => failed);
  });
  for (const host of shut)
    settle(
      host,
      "not reached",
      open.filter(({ to }) => to === host),
      true,
    );
  for (const host of mute)
    settle(
      host,
      "does not reach",
      open.filter(({ from }) => from === host),
      true,
    );
  for (const host of hosts) {
    const failures = open.filter(({ to }) => to === host);
    if (failures.length > 0) settle(host, "not reached", failures, false);
  }
  return found;
}

function judgePorts(inventory: Inventory, facts: ReadonlyMap<string, Facts>, links: readonly Link[]): Finding[] {
  const tried = links
    // What somebody else does with a port that he has taken is no matter of reaching it.
    .filter(({ to, port }) => !(facts.get(to)?.["taken-ports"] ?? "").split(" ").includes(port))
    .map((link) => ({ ...link, failed: link.outcome !== "ok" }));
  const ports = [...new Set(links.map(({ port }) => port))].sort(byNumber);
  // Ports with the same fault are one finding: a firewall seldom blocks one alone.
  const grouped = new Map<string, { fault: Fault<Link & Tried>; outcome: string; ports: string[] }>();
  for (const port of ports) {
    for (const fault of faults(tried.filter((one) => one.port === port))) {
      const outcomes = [...new Set(fault.failures.map(({ outcome }) => outcome))].join(" or ");
      const key = [fault.host, fault.kind, outcomes, ...fault.failures.map(({ from, to }) => `${from} ${to}`)].join(
        "|",
      );
      const group = grouped.get(key);
      if (group) group.ports.push(port);
      else grouped.set(key, { fault, outcome: outcomes, ports: [port] });
    }
  }
  return [...grouped.values()].map(({ fault, outcome, ports }) => portFinding(inventory, facts, fault, outcome, ports));
}

function portFinding(
  inventory: Inventory,
  facts: ReadonlyMap<string, Facts>,
  { host, kind, failures, all }: Fault<Link & Tried>,
  outcome: string,
  ports: readonly string[],
): Finding {
  const others = failures.map(({ from, to }) => (kind === "not reached" ? from : to));
  const total = inventory.hosts.length - 1;
  const who = all && total > 1 ? "any other host" : named(inventory, others);
  const list = ports.join(", ");
  const addresses = inventory.hosts.filter(({ name }) => name !== host).map(({ address }) => address);
  const firewall = facts.get(host)?.firewall ?? "iptables";
  return {
    host,
    check: "links",
    found:
      kind === "not reached"
        ? `${list} not reached from ${who} (${outcome})`
        : `does not reach ${list} of ${who} (${outcome})`,
    needed:
      kind === "not reached"
        ? `${ports.length > 1 ? "these ports" : "this port"} open for the other hosts of the cluster`
        : "a way out to these ports of the other hosts",
    fix: /^answered by/.test(outcome)
      ? `find the other machine that has the address ${inventory.hosts.find(({ name }) => name === host)?.address}`
      : kind === "not reached"
        ? firewallCommand(firewall, ports, narrowRangesOf(addresses))
        : `iptables -S OUTPUT (on ${host}) and the switch between them show what holds it back`,
  };
}

interface Opening {
  readonly protocol: string;
  readonly ports: readonly string[];
  /** Ranges and addresses. */
  readonly sources: readonly string[];
}

/** How each kind of firewall is told to let these in. */
const opening: Readonly<Record<string, (wanted: Opening) => string[]>> = {
  ufw: ({ protocol, ports, sources }) =>
    sources.map((source) => `ufw allow from ${source} to any port ${ports.join(",")} proto ${protocol}`),
  firewalld: ({ protocol, ports, sources }) =>
    sources.flatMap((source) =>
      ports.map(
        (port) =>
          `firewall-cmd --permanent --add-rich-rule='rule family=ipv4 source address=${source} port port=${port} protocol=${protocol} accept'`,
      ),
    ),
  nft: ({ protocol, ports, sources }) => {
    const source = sources.length === 1 ? sources[0] : `'{ ${sources.join(", ")} }'`;
    return [`nft insert rule inet filter input ip saddr ${source} ${protocol} dport '{ ${ports.join(", ")} }' accept`];
  },
  iptables: ({ protocol, ports, sources }) => {
    const match = ports.length === 1 ? `--dport ${ports[0]}` : `-m multiport --dports ${ports.join(",")}`;
    return [`iptables -I INPUT -s ${sources.join(",")} -p ${protocol} ${match} -j ACCEPT`];
  },
};

/** The command that opens ports such as `8500/tcp`, for the firewall that a host has. */
export function firewallCommand(firewall: string, ports: readonly string[], sources: readonly string[]): string {
  const open = opening[firewall] ?? opening.iptables;
  const commands = ["tcp", "udp"].flatMap((protocol) => {
    const numbers = ports.filter((port) => port.endsWith(protocol)).map((port) => port.split("/")[0] as string);
    return numbers.length === 0 || open === undefined ? [] : open({ protocol, ports: numbers, sources });
  });
  return [...commands, ...(firewall === "firewalld" ? ["firewall-cmd --reload"] : [])].join(" && ");
}

function byNumber(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10) || a.localeCompare(b);
}

function named({ hosts }: Inventory, names: readonly string[]): string {
  const unique = hosts.filter(({ name }) => names.includes(name));
  const shown = unique.slice(0, 3).map(label).join(", ");
  return unique.length > 3 ? `${shown} and ${unique.length - 3} more` : shown;
}

// ── Packet size ─────────────────────────────────────────────────────────────────────────────────────

/** What Weave Net's own header takes, at most, of a packet on the fast datapath. */
const fastDatapathHeader = 84;
const weaveMtu = 1376;

function judgePaths(inventory: Inventory, paths: readonly Path[]): Finding[] {
  const { fastDatapath, mtu = weaveMtu } = inventory.settings.weave;
  // Nothing came back at all: the network lets no echo through, and nothing is known.
  const known = paths.filter(({ answered }) => answered > 0);
  const lost = byHost(faults(known.map((path) => ({ ...path, failed: path.answered < path.sent })))).map(
    ([host, failures]): Finding => {
      const sent = Math.max(...failures.map((path) => path.sent));
      const answered = Math.min(...failures.map((path) => path.answered));
      return {
        host,
        check: "mtu",
        found: `packets of ${sent} bytes get lost between this host and ${others(host, failures)}; those of ${answered} arrive`,
        needed: "a network that carries what the hosts' interfaces send, or tells them that it does not",
        fix: `ip link set dev INTERFACE mtu ${answered} on all hosts, or a larger MTU in the switches and tunnels between them`,
      };
    },
  );
  if (lost.length > 0 || !fastDatapath) return lost;
  const wanted = mtu + fastDatapathHeader;
  const narrow = byHost(faults(known.map((path) => ({ ...path, failed: path.answered < wanted }))));
  return narrow.map(([host, failures]) => {
    const answered = Math.min(...failures.map((path) => path.answered));
    return {
      host,
      check: "mtu",
      found: `the network carries packets of ${answered} bytes between this host and ${others(host, failures)}`,
      needed: `${wanted} bytes: ${mtu} of weave.mtu and ${fastDatapathHeader} for Weave Net's header`,
      fix: `set weave.mtu: ${answered - fastDatapathHeader} in the cluster file`,
    };
  });

  function others(host: string, failures: readonly Path[]): string {
    return named(
      inventory,
      failures.map(({ from, to }) => (to === host ? from : to)),
    );
  }
}

/** An echo goes both ways, so that the direction says nothing. */
function byHost<T extends Tried>(found: readonly Fault<T>[]): [string, T[]][] {
  const hosts = [...new Set(found.map(({ host }) => host))];
  return hosts.map((name) => [name, found.filter(({ host }) => host === name).flatMap(({ failures }) => failures)]);
}

// ── Clocks ──────────────────────────────────────────────────────────────────────────────────────────

/**
 * Seconds. Swarm calls an engine unsynchronised from 2 on, and goes on. Consul's sessions are timed by the leader's
 * clock alone and survive more; beyond ten, certificates, logs and Hazelcast's cluster time no longer fit together.
 */
export const clockLimits = { warning: 2, problem: 10 } as const;

function judgeClocks(inventory: Inventory, clocks: ReadonlyMap<string, Clock>): Finding[] {
  const present = inventory.hosts.flatMap((host) => {
    const clock = clocks.get(host.name);
    return clock === undefined ? [] : [{ host, clock }];
  });
  if (present.length < 2) return [];
  const middle = median(present.map(({ clock }) => clock.ahead));
  return present.flatMap(({ host, clock }) => clockFinding(host, clock.ahead - middle, clock.uncertain));
}

/** Of an even number of hosts, the operator's own clock (0) decides between the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values, ...(values.length % 2 === 0 ? [0] : [])].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) / 2] ?? 0;
}

function clockFinding({ name }: InventoryHost, skew: number, uncertain: number): Finding[] {
  const sure = Math.abs(skew) - uncertain;
  if (sure <= clockLimits.warning) return [];
  return [
    {
      host: name,
      check: "clock",
      found: `the clock is ${inWords(Math.abs(skew))} ${skew > 0 ? "ahead" : "behind"} of most hosts`,
      needed: `less than ${clockLimits.warning} s of difference`,
      fix: "timedatectl set-ntp true (with systemd-timesyncd or chrony installed), and look at timedatectl status",
      ...(sure <= clockLimits.problem ? { warning: true as const } : {}),
    },
  ];
}

function inWords(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} minutes`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86400)} days`;
}
