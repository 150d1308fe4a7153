/** Is the cluster what the cluster file says? Judged from each host's own view. */
import type { Host } from "../cluster/model.js";
import { lastLine } from "./contact.js";
import { label } from "./findings.js";
import type { Inventory } from "./inventory.js";
import {
  parseConnections,
  parseMembers,
  parseRaftPeers,
  parseSwarmInfo,
  peerName,
  type Said,
  type SwarmInfo,
} from "./views.js";

export const checks = ["consul", "leader", "weave", "proxy", "swarm", "image", "ping", "multicast"] as const;
export type Check = (typeof checks)[number];

/** What one check says of one host. */
export interface Verdict {
  readonly host: string;
  readonly check: Check;
  /** What is wrong, piece by piece; nothing when all is well. */
  readonly wrong: readonly string[];
}

/** What each host that answered has said, by name of the host. */
export type Views = ReadonlyMap<string, ReadonlyMap<string, Said>>;

/** Everything that the hosts' views tell, without the tests of the containers' network. */
export function judgeViews(inventory: Inventory, views: Views): Verdict[] {
  return inventory.hosts.flatMap((host) => {
    const view = views.get(host.name);
    if (view === undefined) return [];
    const verdict = (check: Check, command: string, judge: (text: string) => string[]): Verdict => ({
      host: host.name,
      check,
      wrong: ifItAnswered(view.get(command), judge),
    });
    return [
      verdict("consul", "consul-members", (text) => judgeMembers(inventory, text)),
      verdict("leader", "consul-raft", (text) => [
        ...judgeRaft(inventory, text),
        ...judgeLeader(inventory, views, text),
      ]),
      verdict("weave", "weave-connections", (text) => judgeConnections(inventory, host, text)),
      verdict("proxy", "proxy", () => []),
      ...(host.manager ? [verdict("swarm", "swarm-info", (text) => judgeSwarm(inventory, views, text))] : []),
      verdict("image", "image", () => []),
    ];
  });
}

function ifItAnswered(said: Said | undefined, judge: (text: string) => string[]): string[] {
  if (said === undefined) return ["was not asked"];
  if (said.status === 124) return ["no answer within a minute"];
  if (said.status === 0) return judge(said.text);
  const reason = lastLine(said.text);
  if (/No such image/i.test(reason))
    return [`${reason.replace(/^Error: /, "")}: scripts/lock, then deploy, puts it on the host`];
  const [, command] = /^timeout: failed to run command '(.*)': No such file/.exec(reason) ?? [];
  return [command === undefined ? reason || `status ${said.status}` : `there is no ${command} on the host`];
}

/** Compares a list of what is there with the hosts that should be. */
function compare<T extends { readonly address: string }>(
  hosts: readonly Host[],
  present: readonly T[],
  what: string,
  wrongWith: (host: Host, found: T) => string | undefined,
): string[] {
  const missing = hosts.flatMap((host) => {
    const found = present.find(({ address }) => address === host.address);
    const wrong = found === undefined ? `is no ${what}` : wrongWith(host, found);
    return wrong === undefined ? [] : [`${label(host)} ${wrong}`];
  });
  const strangers = present
    .filter(({ address }) => !hosts.some((host) => host.address === address))
    .map(({ address }) => `${address} is a ${what}, but not in the cluster file`);
  return [...missing, ...strangers];
}

function judgeMembers({ hosts }: Inventory, text: string): string[] {
  // Consul remembers for three days who has left; of a stranger that is no news.
  const members = parseMembers(text).filter(
    ({ address, status }) => status !== "left" || hosts.some((host) => host.address === address),
  );
  return compare(hosts, members, "Consul member", (host, { status, type }) =>
    status !== "alive"
      ? `${status === "left" ? "has" : "is"} ${status}`
      : type !== host.consul
        ? `is a ${type}, not a ${host.consul}`
        : undefined,
  );
}

function judgeRaft({ hosts }: Inventory, text: string): string[] {
  const peers = parseRaftPeers(text);
  return [
    ...(peers.some(({ leader }) => leader) ? [] : ["Consul has no leader"]),
    ...compare(
      hosts.filter(({ consul }) => consul === "server"),
      peers,
      "Consul voter",
      (_, { voter }) => (voter ? undefined : "does not vote"),
    ),
  ];
}

/** All hosts have to see the same leader. */
function judgeLeader({ hosts }: Inventory, views: Views, text: string): string[] {
  const own = leaderOf(text);
  for (const other of hosts) {
    const theirs = leaderOf(views.get(other.name)?.get("consul-raft")?.text ?? "");
    if (own !== undefined && theirs !== undefined && own !== theirs) {
      return [`sees ${own} as leader, while ${label(other)} sees ${theirs}`];
    }
  }
  return [];
}

function leaderOf(text: string): string | undefined {
  return parseRaftPeers(text).find(({ leader }) => leader)?.address;
}

function judgeConnections({ hosts }: Inventory, self: Host, text: string): string[] {
  const connections = parseConnections(text);
  return hosts
    .filter(({ name }) => name !== self.name)
    .flatMap((other) => {
      // A host with several addresses may call from another one than its own on the LAN.
      const between = connections.filter(
        ({ address, peer }) => address === other.address || peer === peerName(other.address),
      );
      if (between.some(({ state }) => state === "established")) return [];
      const [first] = between;
      return [`no connection to ${label(other)}${first ? `: ${first.state} ${first.detail}` : ""}`];
    });
}

function judgeSwarm(inventory: Inventory, views: Views, text: string): string[] {
  const { hosts, settings } = inventory;
  const info = parseSwarmInfo(text);
  const wrong = compare(
    hosts.filter(({ agent }) => agent),
    info.nodes,
    "Swarm node",
    (_, { status, error }) => (status === "Healthy" ? undefined : `is ${status}${error ? `: ${error}` : ""}`),
  );
  const managers = hosts.filter(({ manager }) => manager);
  if (!settings.swarm.replication || managers.length === 1) {
    return info.role === "primary" ? wrong : [...wrong, `its role is ${info.role}, not primary`];
  }
  const primaries = managers.filter(({ name }) => swarmInfo(views, name)?.role === "primary");
  if (primaries.length === 1) return wrong;
  // A manager that did not answer may be the primary: then nothing is known against the others.
  const silent = managers.some(({ name }) => swarmInfo(views, name) === undefined);
  if (primaries.length === 0) return silent ? wrong : [...wrong, "no manager is primary"];
  return info.role === "primary" ? [...wrong, `more than one primary: ${primaries.map(label).join(", ")}`] : wrong;
}

function swarmInfo(views: Views, host: string): SwarmInfo | undefined {
  const said = views.get(host)?.get("swarm-info");
  return said?.status === 0 ? parseSwarmInfo(said.text) : undefined;
}
