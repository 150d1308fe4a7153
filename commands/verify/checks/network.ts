/** The containers' network, as the tests with one container on each host have found it. */
import { containers, multicast as group } from "../../../cluster/names.js";
import { ports } from "../../../cluster/ports.js";
import { plural } from "../../shared/findings.js";
import type { Evidence } from "../evidence.js";
import type { NetworkResult, Reach } from "../network-result.js";
import { succeeded } from "../sections.js";
import { headerBytes, promisedBytes } from "../weave-connections.js";
import { type Check, complainOfPairs, inNetwork, type Observed } from "./check.js";
import { letWeaveThrough } from "./weave.js";

export const schedule = {
  name: "schedule",
  title: "Swarm keeps containers apart by affinity",
  doc: "Swarm starts a container on every host, kept apart by affinity",
  after: ["swarm", "ipam"],
  needed: ({ inventory }) => `one container on each host, by affinity; image ${inventory.settings.verify.image} on all`,
  fix: (host, { views }) =>
    succeeded(views, host, "image")
      ? `on ${host}: docker -H :${ports.swarmManager.number} info; docker logs --tail 20 ${containers.manager}`
      : "scripts/lock, then deploy, puts the image on the host",
  observe: inNetwork(["image"], (network, evidence) => {
    const agents = evidence.inventory.hosts.filter(({ agent, name }) => agent && evidence.views.has(name));
    if (nowhere(network)) {
      return { seen: new Map(), complaints: [ofManager(network)] };
    }
    return {
      seen: new Map(agents.filter(({ name }) => isFound(network, name)).map(({ name }) => [name, "apart"])),
      complaints: agents.flatMap(({ name }) => {
        const found = misplaced(network, evidence, name);
        return found === undefined ? [] : [{ by: name, about: name, found }];
      }),
    };
  }),
} as const satisfies Check;

export const dns = {
  name: "dns",
  title: "Containers find each other by weave.local name",
  doc: "`pingtestN-RUN.weave.local` resolves to the address of the other container; with `weave.dns: false` names are off, and the tests below use addresses",
  after: ["schedule"],
  needed: "the address of the other's container",
  fix: (host) => `on ${host}: weave status dns; weave dns-lookup`,
  observe: inNetwork([], (network, { inventory }) =>
    observed(
      network,
      (reaches) => (inventory.settings.weave.dns ? plural(reaches.length, "name") : "names are off (weave.dns)"),
      complainOfPairs(network, (_, to, { address, unresolved }) => {
        if (!inventory.settings.weave.dns) {
          return undefined;
        }
        const own = network.addresses.get(to);
        if (address === undefined) {
          return `its name does not resolve: ${unresolved ?? "no answer"}`;
        }
        if (own === undefined && network.unanswered.has(to)) {
          return undefined;
        }
        return address === own ? undefined : `its name resolves to ${address}, not to ${own ?? "its container"}`;
      }),
    ),
  ),
} as const satisfies Check;

export const ping = {
  name: "ping",
  title: "Containers ping each other, both ways",
  doc: "the containers ping each other; above five hosts, neighbours on a ring",
  after: ["dns"],
  needed: "answers from both ends",
  fix: letWeaveThrough,
  observe: inNetwork([], (network) =>
    observed(
      network,
      slowest,
      complainOfPairs(network, (_, __, { ping: result }) =>
        result && result.received <= result.sent / 2
          ? `${result.received} of ${result.sent} pings answered`
          : undefined,
      ),
    ),
  ),
} as const satisfies Check;

export const tcp = {
  name: "tcp",
  title: "Containers talk TCP, both ways",
  doc: "what `nc` sends to the same containers comes back",
  after: ["ping"],
  needed: "what was sent comes back",
  fix: letWeaveThrough,
  observe: inNetwork([], (network) =>
    observed(
      network,
      (reaches) => `${plural(reaches.length, "call")} answered`,
      complainOfPairs(network, (_, __, { tcp: result }) =>
        result === undefined || result === "ok" ? undefined : `no TCP: ${result}`,
      ),
    ),
  ),
} as const satisfies Check;

const tolerated = `${100 * group.toleratedLoss} %`;

export const multicast = {
  name: "multicast",
  title: `UDP multicast to ${group.group}:${group.port}`,
  doc: `each container has joined ${group.group}; each host sends ${group.datagrams} datagrams, of which every other host misses at most ${tolerated}`,
  after: ["ping"],
  needed: `every other host's datagrams to ${group.group}:${group.port}, at most ${tolerated} lost`,
  fix: letWeaveThrough,
  observe: inNetwork([], (network) => ({
    seen: new Map(
      [...network.placed.keys()].map((host) => [host, hasOthers(network, host) ? loss(network, host) : noOther]),
    ),
    complaints: [
      ...network.unjoined.map((host) => ({
        by: host,
        about: host,
        found: `its container has not joined ${group.group} (/proc/net/igmp)`,
      })),
      ...[...network.mute].map(([host, why]) => ({ by: host, about: host, found: `cannot send: ${why}` })),
      ...unheard(network),
    ],
  })),
} as const satisfies Check;

export const mtu = {
  name: "mtu",
  title: "Largest datagram that passes in one piece",
  doc: "the datagram that Weave says its connection carries passes in one piece",
  after: ["ping"],
  needed: "what Weave says its connection carries in one piece",
  fix: () => "set weave.mtu in the cluster file to the LAN's MTU less 90 or less",
  observe: inNetwork(["weave-report"], (network, evidence) =>
    observed(
      network,
      (reaches) => `${Math.min(...reaches.flatMap(({ largest }) => largest ?? []))} bytes`,
      complainOfPairs(network, (from, to, { largest }) => {
        const fits = Math.min(promisedBytes(evidence, from, to), (network.devices.get(from) ?? 0) - headerBytes);
        return largest === undefined || largest >= fits ? undefined : `${largest} bytes pass in one piece, not ${fits}`;
      }),
    ),
  ),
} as const satisfies Check;

/** What is seen of the only host of a cluster. */
const noOther = "no other host";

const reachesOf = ({ reached }: NetworkResult, host: string): Reach[] => [...(reached.get(host)?.values() ?? [])];
const hasOthers = (network: NetworkResult, host: string) => reachesOf(network, host).length > 0;

function observed(
  network: NetworkResult,
  seen: (reaches: readonly Reach[]) => string,
  complaints: Observed["complaints"],
): Observed {
  const words = (host: string) => (hasOthers(network, host) ? seen(reachesOf(network, host)) : noOther);
  return { seen: new Map([...network.placed.keys()].map((host) => [host, words(host)])), complaints };
}

/** Has a host said which of the containers it runs? */
const isFound = ({ placed, tested, unanswered }: NetworkResult, host: string): boolean =>
  placed.has(host) || !tested.includes(host) || !unanswered.has(host);

/** One cause, wherever it lies, and not a fault of each host. */
const nowhere = ({ placed, tested, unanswered }: NetworkResult): boolean =>
  placed.size === 0 && tested.length > 1 && tested.some((host) => !unanswered.has(host));

const ofManager = ({ manager, refused }: NetworkResult) => ({
  by: manager,
  about: manager,
  found: `Swarm starts no container on any host: ${refused.at(0) ?? "it gives no reason"}`,
});

/** Why there is not exactly one container on a host. */
function misplaced(network: NetworkResult, { inventory, views }: Evidence, host: string) {
  const { placed, tested, refused } = network;
  const count = placed.get(host)?.length ?? 0;
  if (!succeeded(views, host, "image")) {
    return `the image ${inventory.settings.verify.image} is not on this host`;
  }
  if (!tested.includes(host)) {
    return "not tried";
  }
  if (!isFound(network, host)) {
    return undefined;
  }
  if (count === 0) {
    return `Swarm starts no container here: ${refused.at(0) ?? "it gives no reason"}`;
  }
  return count > 1 ? `Swarm put ${count} containers here, despite their affinity` : undefined;
}

function slowest(reaches: readonly Reach[]): string {
  const times = reaches.flatMap(({ ping: result }) => result?.ms ?? []);
  return times.length > 0 ? `${Math.max(...times).toFixed(1)} ms` : noOther;
}

/** How much a host has missed of what all others have sent. */
function loss({ heard, placed }: NetworkResult, host: string): string {
  const senders = [...placed.keys()].filter((name) => name !== host && heard.get(name)?.has(host));
  const got = senders.reduce((sum, sender) => sum + (heard.get(sender)?.get(host) ?? 0), 0);
  const sent = senders.length * group.datagrams;
  return `${(100 - (100 * got) / Math.max(sent, 1)).toFixed(1)} % lost`;
}

/** Complains of senders that a receiver has missed more of than is tolerated. */
function unheard({ heard, placed, mute }: NetworkResult): Observed["complaints"] {
  const names = [...placed.keys()];
  return names
    .filter((sender) => !mute.has(sender))
    .flatMap((sender) =>
      names.flatMap((receiver) => {
        const count = heard.get(sender)?.get(receiver);
        if (count === undefined || sender === receiver || count >= group.datagrams * (1 - group.toleratedLoss)) {
          return [];
        }
        const found = count === 0 ? "no multicast passes" : `${count} of ${group.datagrams} multicast datagrams arrive`;
        return [{ by: receiver, about: sender, found }];
      }),
    );
}
