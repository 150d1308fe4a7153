/** Consul: its members, its leader, its encryption. */
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { plural } from "../../shared/findings.js";
import type { Evidence } from "../evidence.js";
import { type ConsulMember, parseAutopilot, parseConsulInfo, parseMembers, parseRaftPeers } from "../parsers.js";
import { type Said, textOf, whyFailed } from "../sections.js";
import {
  type Check,
  complainOfList,
  inViews,
  isMember,
  restart,
  type Sight,
  unless,
  whyInactive,
  withoutAbsent,
} from "./check.js";

export const consul = {
  name: "consul",
  title: "Consul members equal the cluster file",
  doc: "Consul's members are the cluster file's hosts, in their roles, all alive",
  after: ["firewall"],
  needed: "exactly the cluster file's hosts as Consul members, all alive",
  fix: (host, evidence) =>
    isMember(evidence, host)
      ? restart("consul", host)
      : "if it is not yours: consul force-leave -prune with the name of its node (security.consulAcl: with the management token)",
  observe: inViews(["unit-consul", "consul-members"], (host, said, { inventory }) =>
    unless(whyInactive("consul", said("unit-consul")) ?? whyFailed(said("consul-members")), host, () =>
      membership(inventory, said("consul-members").text),
    ),
  ),
  transcript: { section: "consul-members", command: "consul members" },
} as const satisfies Check;

export const leader = {
  name: "leader",
  title: "One Consul leader, all servers vote, Autopilot healthy",
  doc: "one leader that all agree on, every server votes, Autopilot is healthy",
  after: ["consul"],
  needed: "one leader that all agree on, every server votes, Autopilot healthy",
  fix: (host) => restart("consul", host),
  observe: inViews(["consul-raft", "consul-autopilot"], (host, said, evidence) =>
    unless(whyFailed(said("consul-raft")), host, () =>
      leadership(evidence, host, said("consul-raft").text, said("consul-autopilot")),
    ),
  ),
  inHostTable: true,
} as const satisfies Check;

export const gossip = {
  name: "gossip",
  title: "Consul gossip encrypted",
  doc: "`consul info` says that gossip is encrypted",
  after: ["consul"],
  needed: "encrypted = true in consul info",
  fix: (host) => `deploy again with the cluster's gossip key; on ${host}: journalctl -u consul`,
  observe: inViews(["consul-info"], (host, said) =>
    unless(whyFailed(said("consul-info")), host, () => ({
      seen: "encrypted",
      complaints:
        parseConsulInfo(said("consul-info").text).encrypted === true
          ? []
          : [{ about: host.name, found: "gossip is not encrypted: consul info does not say encrypted = true" }],
    })),
  ),
} as const satisfies Check;

function membership(inventory: Inventory, text: string): Sight {
  const { hosts } = inventory;
  // Consul lists for three days who has left. A stranger that has left is no fault.
  const present = withoutAbsent(inventory, parseMembers(text)).filter(
    ({ address, status }) => status !== "left" || hosts.some((host) => host.address === address),
  );
  return {
    seen: plural(present.length, "member"),
    complaints: complainOfList(hosts, present, "Consul member", wrongMember),
  };
}

function wrongMember(host: InventoryHost, { status, type }: ConsulMember): string | undefined {
  if (status === "left") {
    return "has left Consul";
  }
  if (status !== "alive") {
    return `is ${status} in Consul`;
  }
  return type === host.consul ? undefined : `is a Consul ${type}, not a ${host.consul}`;
}

function leadership(evidence: Evidence, self: InventoryHost, raft: string, autopilot: Said): Sight {
  const { hosts, absent } = evidence.inventory;
  const peers = withoutAbsent(evidence.inventory, parseRaftPeers(raft));
  const own = leaderOf(raft);
  const named = (address: string) => hosts.find((host) => host.address === address)?.name ?? address;
  const voters = complainOfList(
    hosts.filter((host) => host.consul === "server"),
    peers,
    "Consul voter",
    (_, { voter }) => (voter ? undefined : "does not vote in Consul"),
  );
  return {
    seen: `${own === undefined ? "no leader" : `${named(own)} leads`}, ${plural(peers.filter(({ voter }) => voter).length, "voter")}`,
    complaints: [
      ...(own === undefined ? [{ about: self.name, found: "Consul has no leader" }] : []),
      ...voters,
      ...(own === undefined ? [] : otherLeaders(evidence, own, named)),
      ...unhealthyServers(self, autopilot, named).filter(
        ({ about }) => !absent.some(({ address }) => address === about),
      ),
    ],
  };
}

/** Complains of hosts that follow another leader. */
function otherLeaders({ inventory, views }: Evidence, own: string, named: (address: string) => string) {
  return inventory.hosts.flatMap(({ name }) => {
    const theirs = leaderOf(textOf(views, name, "consul-raft"));
    return theirs === undefined || theirs === own
      ? []
      : [{ about: name, found: `two leaders: ${[own, theirs].sort().map(named).join(" and ")}` }];
  });
}

function unhealthyServers(self: InventoryHost, said: Said, named: (address: string) => string): Sight["complaints"] {
  // Consul before 1.9 has no such command.
  const state = said.status === 0 ? parseAutopilot(said.text) : undefined;
  const sick = state?.sick ?? [];
  if (state?.healthy === false && sick.length === 0) {
    return [{ about: self.name, found: "Consul's Autopilot is not healthy" }];
  }
  return sick.map((address) => ({ about: named(address), found: "is unhealthy according to Consul's Autopilot" }));
}

function leaderOf(raft: string): string | undefined {
  return parseRaftPeers(raft).find((peer) => peer.leader)?.address;
}
