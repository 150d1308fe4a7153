/** Is the cluster what the cluster file says? What each host sees of it, compared with the inventory. */

import type { Inventory, InventoryHost } from "../../cluster/inventory.js";
import { peerName } from "../../cluster/model.js";
import { lastLine } from "../../ssh/contact.js";
import { plural } from "../shared/findings.js";
import type { Complaint } from "./blame.js";
import type { Check, Observation } from "./verdicts.js";
import {
  parseAutopilot,
  parseConsulInfo,
  parseContainers,
  parseMembers,
  parseRaftPeers,
  parseSwarmInfo,
  parseWeaveReport,
  type Said,
  type SwarmInfo,
  type WeaveReport,
} from "./views.js";

/** What each host that answered has said, by name of the host. */
export type Views = ReadonlyMap<string, ReadonlyMap<string, Said>>;

/** What a host's view says to one check: in a few words what is well, and what is not. */
interface View {
  readonly seen: string;
  readonly complaints: readonly Omit<Complaint, "by">[];
}

/** Everything that the hosts' views tell, without the tests of the containers' network. */
export function observe(inventory: Inventory, views: Views): Observation[] {
  const { hosts } = inventory;
  const managers = hosts.filter(({ manager }) => manager);
  const observation = (
    check: Check,
    from: readonly InventoryHost[],
    needed: string,
    fix: Observation["fix"],
    look: (host: InventoryHost, said: (section: string) => Said | undefined) => View,
  ): Observation => {
    const looks = from.flatMap((host) => {
      const view = views.get(host.name);
      return view ? [{ host: host.name, ...look(host, (section) => view.get(section)) }] : [];
    });
    return {
      check,
      needed,
      fix,
      seen: new Map(looks.map(({ host, seen }) => [host, seen])),
      complaints: looks.flatMap(({ host, complaints }) => complaints.map((one) => ({ by: host, ...one }))),
    };
  };
  const restart = (unit: string) => (host: string) =>
    `on ${host}: systemctl restart ${unit}; journalctl -u ${unit} -n 30 says why it stopped`;
  const member = (name: string) => hosts.some((host) => host.name === name);

  return [
    observation("engine", hosts, "docker.service active and answering", restart("docker"), (host, said) => {
      const text = unitTrouble(said, "docker") ?? trouble(said("containers"));
      return { seen: "runs", complaints: text === undefined ? [] : [{ about: host.name, found: text }] };
    }),
    observation(
      "consul",
      hosts,
      "exactly the cluster file's hosts as Consul members, all alive",
      (name) =>
        member(name) ? restart("consul")(name) : `if it is not yours: consul force-leave -prune its node name`,
      (host, said) =>
        orTrouble(host, unitTrouble(said, "consul"), said("consul-members"), (text) => members(inventory, text)),
    ),
    observation(
      "leader",
      hosts,
      "one leader that all agree on, every server votes, Autopilot healthy",
      restart("consul"),
      (host, said) =>
        orTrouble(host, undefined, said("consul-raft"), (text) =>
          leadership(inventory, views, host, text, said("consul-autopilot")),
        ),
    ),
    observation(
      "gossip",
      hosts,
      "encrypted = true in consul info",
      (name) => `deploy again with the cluster's gossip key; on ${name}: journalctl -u consul`,
      (host, said) =>
        orTrouble(host, undefined, said("consul-info"), (text) => ({
          seen: "encrypted",
          complaints:
            parseConsulInfo(text).encrypted === true
              ? []
              : [{ about: host.name, found: "members talk in the clear: consul info shows no encrypted = true" }],
        })),
    ),
    observation(
      "weave",
      hosts,
      "an established connection between every pair of hosts, and no other peers",
      (name, complaints) => {
        if (!member(name)) return "stop Weave on it; then weave rmpeer its name on exactly one host";
        const own = complaints.some(({ by, about }) => by === name && about === name);
        return own ? restart("weave")(name) : openPorts(name, firewallOf(views, name));
      },
      (host, said) =>
        orTrouble(host, unitTrouble(said, "weave"), said("weave-report"), (text) =>
          withReport(host, text, (report) => connections(inventory, host, report)),
        ),
    ),
    observation(
      "ipam",
      hosts,
      "ranges owned by the cluster's peers alone",
      (name) => (member(name) ? restart("weave")(name) : `on exactly one host: weave rmpeer ${name}`),
      (host, said) =>
        orTrouble(host, undefined, said("weave-report"), (text) =>
          withReport(host, text, (report) => ranges(inventory, host, report)),
        ),
    ),
    observation("proxy", hosts, "the Docker API on port 12375", restart("weave"), (host, said) =>
      orTrouble(host, undefined, said("proxy"), (text) => ({ seen: `engine ${lastLine(text)}`, complaints: [] })),
    ),
    observation(
      "swarm",
      hosts.filter(({ agent }) => agent),
      "swarm-agent, and swarm-manager on managers, up",
      containerFix(views),
      (host, said) => {
        const found = containerTrouble(host, said("containers"));
        return { seen: "node", complaints: found === undefined ? [] : [{ about: host.name, found }] };
      },
    ),
    observation(
      "swarm",
      managers,
      "exactly the cluster file's agents as Swarm nodes, all healthy, and one primary",
      (name) =>
        member(name)
          ? `on ${name}: docker logs --tail 20 swarm-agent; docker restart swarm-agent`
          : `docker rm -f its swarm join; on any host: consul kv delete docker/swarm/nodes/${name}:12375`,
      (host, said) => {
        const view = orTrouble(host, undefined, said("swarm-info"), (text) => swarm(inventory, views, host, text));
        return view;
      },
    ),
    observation(
      "versions",
      hosts,
      neededVersions(inventory),
      () => "scripts/lock, then deploy",
      (host, said) => versions(inventory, host, said),
    ),
  ];
}

/** The rules on a host that stop Weave's datagrams; Weave's own keep local containers out of its ports. */
export function firewallOf(views: Views, host: string): string[] {
  const lines = (views.get(host)?.get("firewall")?.text ?? "").split("\n");
  return lines.filter((line) => /^-A .*-p udp /.test(line) && !/ -i docker0 | -d 127\.0\.0\.1/.test(line));
}

/** How to let Weave's traffic through. */
export function openPorts(host: string, rules: readonly string[]): string {
  return rules.length > 0
    ? `on ${host}: ${rules.map((rule) => `iptables ${rule.replace(/^-A/, "-D")}`).join("; ")}`
    : `open 6783/tcp and 6783-6784/udp to and from ${host}; iptables-save and nft list ruleset show what is in the way`;
}

/** Why a command that had to succeed did not; nothing when it did. */
export function trouble(said: Said | undefined): string | undefined {
  if (said === undefined) return "was not asked";
  if (said.status === 0) return undefined;
  if (said.status === 124) return "no answer in time";
  const reason = lastLine(said.text).replace(/^Error: /, "");
  const [, command] = /^timeout: failed to run command '(.*)': No such file/.exec(reason) ?? [];
  return command === undefined ? reason || `status ${said.status}` : `there is no ${command} on the host`;
}

/** Why a systemd unit is at fault; nothing when it is active. */
function unitTrouble(said: (section: string) => Said | undefined, unit: "consul" | "docker" | "weave") {
  const state = said(`unit-${unit}`)?.text;
  return state === undefined || state === "active" ? undefined : `${unit}.service is ${state}`;
}

function orTrouble(
  host: InventoryHost,
  unit: string | undefined,
  said: Said | undefined,
  look: (text: string) => View,
) {
  const found = unit ?? trouble(said);
  return found === undefined ? look(said?.text ?? "") : { seen: "", complaints: [{ about: host.name, found }] };
}

function withReport(host: InventoryHost, text: string, look: (report: WeaveReport) => View): View {
  const report = parseWeaveReport(text);
  return report ? look(report) : { seen: "", complaints: [{ about: host.name, found: "weave report is not JSON" }] };
}

/** Compares a list of what is there with the hosts that should be; strangers go by their address. */
function compare<T extends { readonly address: string }>(
  hosts: readonly InventoryHost[],
  present: readonly T[],
  what: string,
  wrongWith: (host: InventoryHost, found: T) => string | undefined,
): View["complaints"] {
  const missing = hosts.flatMap((host) => {
    const entry = present.find(({ address }) => address === host.address);
    const found = entry === undefined ? `is no ${what}` : wrongWith(host, entry);
    return found === undefined ? [] : [{ about: host.name, found }];
  });
  const strangers = present
    .filter(({ address }) => !hosts.some((host) => host.address === address))
    .map(({ address }) => ({ about: address, found: `is a ${what}, but not in the cluster file` }));
  return [...missing, ...strangers];
}

function members({ hosts }: Inventory, text: string): View {
  // Consul remembers for three days who has left; of a stranger that is no news.
  const present = parseMembers(text).filter(
    ({ address, status }) => status !== "left" || hosts.some((host) => host.address === address),
  );
  return {
    seen: plural(present.length, "member"),
    complaints: compare(hosts, present, "Consul member", (host, { status, type }) =>
      status !== "alive"
        ? `${status === "left" ? "has" : "is"} ${status} as a Consul member`
        : type !== host.consul
          ? `is a Consul ${type}, not a ${host.consul}`
          : undefined,
    ),
  };
}

function leadership(
  { hosts }: Inventory,
  views: Views,
  self: InventoryHost,
  text: string,
  autopilot: Said | undefined,
): View {
  const peers = parseRaftPeers(text);
  const leader = leaderOf(text);
  const voters = compare(
    hosts.filter(({ consul }) => consul === "server"),
    peers,
    "Consul voter",
    (_, { voter }) => (voter ? undefined : "does not vote in Consul"),
  );
  const named = (address: string) => hosts.find((host) => host.address === address)?.name ?? address;
  const split = hosts.flatMap((other) => {
    const theirs = leaderOf(views.get(other.name)?.get("consul-raft")?.text ?? "");
    return leader !== undefined && theirs !== undefined && leader !== theirs
      ? [{ about: other.name, found: `two leaders: ${[leader, theirs].sort().map(named).join(" and ")}` }]
      : [];
  });
  // Consul before 1.9 has no such command.
  const state = autopilot?.status === 0 ? parseAutopilot(autopilot.text) : undefined;
  const sick = (state?.sick ?? []).map((address) => ({
    about: named(address),
    found: "is not healthy to Consul's Autopilot",
  }));
  return {
    seen: `${leader === undefined ? "no leader" : `${named(leader)} leads`}, ${plural(peers.filter(({ voter }) => voter).length, "voter")}`,
    complaints: [
      ...(leader === undefined ? [{ about: self.name, found: "Consul has no leader" }] : []),
      ...voters,
      ...split,
      ...sick,
      ...(state?.healthy === false && sick.length === 0
        ? [{ about: self.name, found: "Consul's Autopilot is not healthy" }]
        : []),
    ],
  };
}

function leaderOf(text: string): string | undefined {
  return parseRaftPeers(text).find(({ leader }) => leader)?.address;
}

function connections({ hosts }: Inventory, self: InventoryHost, report: WeaveReport): View {
  const others = hosts.filter(({ name }) => name !== self.name);
  const missing = others.flatMap((other) => {
    const between = connectionsTo(report, other);
    if (between.some(({ state }) => state === "established")) return [];
    const [first] = between;
    return [
      {
        about: other.name,
        found: `no Weave connection${first ? `: ${first.state} ${withoutRetry(first.detail)}` : ""}`,
      },
    ];
  });
  const own = new Set(hosts.map(({ address }) => peerName(address)));
  const strangers = report.peers
    .filter(({ name }) => !own.has(name))
    .map(({ name, nickname }) => ({
      about: name,
      found: `is a Weave peer (${nickname}), but not in the cluster file`,
    }));
  const ways = [...new Set(report.connections.map(({ detail }) => detail.split(" ")[0]))].filter(Boolean).join(", ");
  return {
    seen: `${plural(others.length - missing.length, "connection")}${ways ? ` by ${ways}` : ""}`,
    complaints: [...missing, ...strangers],
  };
}

/** A host with several addresses may call from another one than its own on the LAN. */
export function connectionsTo(report: WeaveReport, other: InventoryHost) {
  return report.connections.filter(
    ({ address, peer }) => address === other.address || peer === peerName(other.address),
  );
}

/** The same trouble reads the same from both ends, at any time. */
function withoutRetry(detail: string): string {
  return detail
    .replace(/, retry: .*$/, "")
    .replace(/ mtu=\d+/, "")
    .replace(/dial tcp [\d.]+:\d+->/, "dial tcp ");
}

function ranges({ hosts }: Inventory, self: InventoryHost, { ipam }: WeaveReport): View {
  const total = ipam.owners.reduce((sum, { addresses }) => sum + addresses, 0);
  const mine = ipam.owners.find(({ peer }) => peer === peerName(self.address))?.addresses ?? 0;
  const share = (addresses: number) => `${Math.round((100 * addresses) / Math.max(total, 1))} %`;
  const lost = ipam.owners.flatMap(({ peer, nickname, addresses, known }) => {
    const host = hosts.find(({ address }) => peerName(address) === peer);
    if (host && known) return [];
    const found = `owns ${share(addresses)} of the containers' addresses, but ${host ? "is no peer now" : `is not in the cluster file (${nickname})`}`;
    return [{ about: host?.name ?? peer, found }];
  });
  const stuck = ["awaiting consensus", "waiting for addresses"].includes(ipam.state);
  return {
    // Ranges are shared out when the first container asks for an address.
    seen: ipam.state === "idle" ? `idle, ${ipam.range}` : `${share(mine)} of ${ipam.range}`,
    complaints: [
      ...(stuck ? [{ about: self.name, found: `Weave's address allocator is ${ipam.state}` }] : []),
      ...lost,
    ],
  };
}

function containerTrouble(host: InventoryHost, said: Said | undefined): string | undefined {
  if (said?.status !== 0) return undefined;
  const containers = parseContainers(said.text);
  const wanted = [...(host.agent ? ["swarm-agent"] : []), ...(host.manager ? ["swarm-manager"] : [])];
  const found = wanted.flatMap((name) => {
    const status = containers.get(name)?.status;
    if (status === undefined) return [`there is no container ${name}`];
    if (/\(Paused\)/.test(status)) return [`container ${name} is paused`];
    return status.startsWith("Up") ? [] : [`container ${name} is not up: ${status}`];
  });
  return found.length > 0 ? found.join("; ") : undefined;
}

const containerFix =
  (views: Views): Observation["fix"] =>
  (name) => {
    const containers = parseContainers(views.get(name)?.get("containers")?.text ?? "");
    const commands = ["swarm-agent", "swarm-manager"].flatMap((container) => {
      const status = containers.get(container)?.status;
      if (status === undefined) return [];
      if (/\(Paused\)/.test(status)) return [`docker unpause ${container}`];
      return status.startsWith("Up") ? [] : [`docker start ${container}`];
    });
    return commands.length > 0 ? `on ${name}: ${commands.join("; ")}` : "deploy again: it creates what is missing";
  };

function swarm(inventory: Inventory, views: Views, self: InventoryHost, text: string): View {
  const { hosts, settings } = inventory;
  const info = parseSwarmInfo(text);
  const wrong = compare(
    hosts.filter(({ agent }) => agent),
    info.nodes,
    "Swarm node",
    (_, { status, error }) =>
      status === "Healthy" ? undefined : `is ${status} as a Swarm node${error ? `: ${error}` : ""}`,
  );
  return {
    seen: `${info.role}, ${plural(info.nodes.filter(({ status }) => status === "Healthy").length, "node")}`,
    complaints: [...wrong, ...primaries(inventory, views, self, info, settings.swarm.replication)],
  };
}

function primaries({ hosts }: Inventory, views: Views, self: InventoryHost, { role }: SwarmInfo, replication: boolean) {
  const managers = hosts.filter(({ manager }) => manager);
  if (!replication || managers.length === 1) {
    return role === "primary" ? [] : [{ about: self.name, found: `its Swarm manager is ${role}, not primary` }];
  }
  const roles = managers.map(({ name }) => {
    const said = views.get(name)?.get("swarm-info");
    return { name, role: said?.status === 0 ? parseSwarmInfo(said.text).role : undefined };
  });
  const leading = roles.filter((one) => one.role === "primary");
  if (leading.length > 1 && role === "primary") {
    return leading
      .filter(({ name }) => name !== self.name)
      .map(({ name }) => ({ about: name, found: "both are primary of the Swarm" }));
  }
  // A manager that did not answer may be the primary: then nothing is known against the others.
  return leading.length === 0 && roles.every((one) => one.role !== undefined)
    ? [{ about: self.name, found: "no Swarm manager is primary" }]
    : [];
}

const consulVersion = ({ artifacts }: Inventory) => artifacts.find(({ name }) => name === "consul")?.version;

function neededVersions(inventory: Inventory): string {
  const { weave, swarm } = inventory.settings;
  return `consul ${consulVersion(inventory) ?? "of any version"}, weave ${weave.version}, swarm ${swarm.version}`;
}

function versions(inventory: Inventory, host: InventoryHost, said: (section: string) => Said | undefined): View {
  const { weave, swarm } = inventory.settings;
  const text = (section: string) => (said(section)?.status === 0 ? (said(section)?.text ?? "") : "");
  const containers = parseContainers(text("containers"));
  const tag = (name: string) => containers.get(name)?.image.split(":").at(-1);
  const running: readonly (readonly [string, string | undefined, string | undefined])[] = [
    ["consul", parseConsulInfo(text("consul-info")).version, consulVersion(inventory)],
    ["weave", parseWeaveReport(text("weave-report"))?.version, weave.version],
    ["swarm", host.manager ? known(parseSwarmInfo(text("swarm-info")).version) : tag("swarm-agent"), swarm.version],
    ["swarm-agent", host.agent ? tag("swarm-agent") : undefined, swarm.version],
  ];
  return {
    seen: running
      .slice(0, 3)
      .map(([name, found]) => `${name} ${found ?? "?"}`)
      .join(", "),
    // What does not answer is another check's business.
    complaints: running.flatMap(([name, found, needed]) =>
      found === undefined || needed === undefined || found === needed
        ? []
        : [{ about: host.name, found: `${name} ${found} runs, not ${needed}` }],
    ),
  };
}

const known = (version: string) => (version === "unknown" ? undefined : version);
