/** Tests of the containers' network, with one container of our own on each host, which Swarm has put there. */

import type { Inventory, InventoryHost } from "../../cluster/inventory.js";
import { lastLine, onAll, type RunAsRoot } from "../../ssh/contact.js";
import { plural } from "../shared/findings.js";
import type { Complaint } from "./blame.js";
import { connectionsTo, firewallOf, openPorts, trouble, type Views } from "./observations.js";
import type { Check, Observation } from "./verdicts.js";
import { parseSections, parseSwarmInfo, parseWeaveReport, type Said } from "./views.js";

/** What a network test needs: where to run, and under which name. */
export interface TestRun {
  readonly inventory: Inventory;
  readonly views: Views;
  /** Text of `scripts/host/probes/verify.sh`. */
  readonly script: string;
  readonly run: RunAsRoot;
  /** Names this run's containers, so that exactly they are removed. */
  readonly id: string;
}

export const group = "224.2.2.3:54327";
/** How many each host sends; in tens, as the script does. */
export const datagrams = 300;
/** More than this share lost is a fault. A busy host may drop a few of a burst. */
const tolerated = 0.05;

/** What a container has seen of another. */
export interface Link {
  /** The address that the other's name stands for, here. */
  readonly address?: string;
  readonly trouble?: string;
  readonly ping?: { readonly sent: number; readonly received: number; readonly ms?: number };
  readonly tcp?: string;
  /** Bytes of payload. */
  readonly largest?: number;
}

/** What the tests have seen, by names of hosts: from one to the other. */
export interface Network {
  /** Hosts that were to get a container. */
  readonly tested: readonly string[];
  /** Containers by host; two on one host is not what Swarm was asked for. */
  readonly placed: ReadonlyMap<string, readonly string[]>;
  /** What Swarm said to what it did not start. */
  readonly refused: readonly string[];
  readonly addresses: ReadonlyMap<string, string>;
  readonly devices: ReadonlyMap<string, number>;
  /** Hosts whose container is not in the group's list in /proc/net/igmp. */
  readonly unjoined: readonly string[];
  readonly links: ReadonlyMap<string, ReadonlyMap<string, Link>>;
  /** What a sender said when it could not send. */
  readonly mute: ReadonlyMap<string, string>;
  /** Different datagrams received: by sender, then receiver. */
  readonly heard: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** Above this many hosts each tries its two neighbours on a ring; multicast still covers all pairs. */
const allPairsUpTo = 5;

/** Runs all tests on `hosts`, by way of the Swarm manager on `manager`. */
export async function testNetwork(
  test: TestRun,
  manager: InventoryHost,
  hosts: readonly InventoryHost[],
  say: (line: string) => void,
): Promise<Network> {
  const { inventory, views, id } = test;
  const { image } = inventory.settings.verify;
  const some = hosts.length < inventory.hosts.filter(({ agent }) => agent).length;
  say(`Swarm starts ${hosts.length} containers, one on each host, kept apart by affinity`);
  const started = await act(
    test,
    manager,
    ["start", id, image, String(lifetime(hosts.length)), String(hosts.length)],
    // Only where something is wrong already: elsewhere Swarm has to find the right places alone.
    some ? [nodePattern(views, manager, hosts)] : [],
  );
  const refused = [...started].flatMap(([name, said]) =>
    name.startsWith("start ") && said.status !== 0 ? [lastLine(said.text) || "no answer"] : [],
  );
  const numbers = hosts.map((_, i) => String(i + 1)).filter((number) => started.get(`start ${number}`)?.status === 0);

  // Who is where, before anyone can look for a neighbour.
  const placed = new Map<string, string[]>();
  await onAll(hosts, async (host) => {
    const said = (await act(test, host, ["where", id])).get("where");
    const names = said?.status === 0 ? said.text.split("\n").filter(Boolean) : [];
    if (names.length > 0) placed.set(host.name, names);
  });
  const ready = hosts.filter(({ name }) => placed.has(name));
  const numberOn = (host: InventoryHost) => /^pingtest(\d+)-/.exec(placed.get(host.name)?.[0] ?? "")?.[1];
  const hostOf = new Map(ready.map((host) => [numberOn(host), host.name]));

  say(`${numbers.length} containers look up, ping and call each other, and send what just fits`);
  const addresses = new Map<string, string>();
  const devices = new Map<string, number>();
  const links = new Map<string, Map<string, Link>>();
  const unjoined: string[] = [];
  await onAll(ready, async (host) => {
    const others = neighbours(ready, host).flatMap((other) => {
      const number = numberOn(other);
      return number === undefined ? [] : [`${number}:${promised(inventory, views, host.name, other.name)}`];
    });
    const said = (await act(test, host, ["probe", id, ...others])).get("probe");
    const seen = parseProbe(said?.text ?? "");
    if (seen.address) addresses.set(host.name, seen.address);
    if (seen.device) devices.set(host.name, seen.device);
    if (said?.status !== 0 || !seen.joined) unjoined.push(host.name);
    const mine = [...seen.links].flatMap(([number, link]) => {
      const other = hostOf.get(number);
      return other === undefined ? [] : [[other, link] as const];
    });
    links.set(host.name, new Map(mine));
  });

  const mute = new Map<string, string>();
  for (const [i, host] of ready.entries()) {
    say(`${host.name} sends ${datagrams} datagrams to ${group}, all listen (${i + 1} of ${ready.length})`);
    const found = trouble((await act(test, host, ["send", id, host.name, String(datagrams)])).get("send"));
    if (found !== undefined) mute.set(host.name, found);
  }
  const nothing = () => new Map(ready.map(({ name }) => [name, 0]));
  const heard = new Map(ready.map(({ name }) => [name, nothing()]));
  await onAll(ready, async (host) => {
    const said = (await act(test, host, ["heard", id])).get("heard");
    for (const line of said?.status === 0 ? said.text.split("\n") : []) {
      const [sender = "", count] = line.split(" ");
      heard.get(sender)?.set(host.name, Number(count));
    }
  });
  return { tested: hosts.map(({ name }) => name), placed, refused, addresses, devices, unjoined, links, mute, heard };
}

/** Seconds after which the containers end, should nobody remove them: some time more than the tests take. */
function lifetime(hosts: number): number {
  return 180 + 5 * hosts;
}

/** All others, or in a large cluster the neighbours on a ring. */
function neighbours(hosts: readonly InventoryHost[], host: InventoryHost): InventoryHost[] {
  const others = hosts.filter((other) => other !== host);
  if (hosts.length <= allPairsUpTo) return others;
  const here = hosts.indexOf(host);
  const around = [here - 1, here + 1].map((place) => hosts.at(place % hosts.length));
  return others.filter((other) => around.includes(other));
}

/** Bytes of payload that Weave says its connection carries in one piece. */
function promised({ hosts }: Inventory, views: Views, from: string, to: string): number {
  const report = parseWeaveReport(views.get(from)?.get("weave-report")?.text ?? "");
  const other = hosts.find(({ name }) => name === to);
  const mtus = report && other ? connectionsTo(report, other).flatMap(({ mtu }) => mtu ?? []) : [];
  return Math.min(1500, ...mtus) - headers;
}

/** Of IPv4 and UDP. */
const headers = 28;

/** Swarm's constraint for exactly these nodes, which go by the engine's names. */
function nodePattern(views: Views, manager: InventoryHost, hosts: readonly InventoryHost[]): string {
  const { nodes } = parseSwarmInfo(views.get(manager.name)?.get("swarm-info")?.text ?? "");
  const names = hosts.map((host) => nodes.find(({ address }) => address === host.address)?.name ?? host.name);
  return `constraint:node==/^(${names.join("|")})$/`;
}

interface Probe {
  readonly address?: string;
  readonly device?: number;
  readonly joined: boolean;
  /** By the other container's number. */
  readonly links: ReadonlyMap<string, Link>;
}

/** What the script prints in a container: `address A`, `device MTU`, `igmp COUNT`, and `NUMBER WHAT …` of each other. */
export function parseProbe(text: string): Probe {
  const value = (name: string) => new RegExp(`^${name} (\\S+)`, "m").exec(text)?.[1];
  const links = new Map<string, Link>();
  for (const line of text.split("\n")) {
    const [, number, what, rest = ""] = /^(\d+) (name|ping|tcp|largest) (.*)$/.exec(line) ?? [];
    if (number === undefined) continue;
    const word = rest.trim();
    links.set(number, {
      ...links.get(number),
      ...(what === "name" ? (/^[\d.]+$/.test(word) ? { address: word } : { trouble: word || "no answer" }) : {}),
      ...(what === "ping" ? { ping: parsePing(word) } : {}),
      ...(what === "tcp" ? { tcp: word || "no answer" } : {}),
      ...(what === "largest" ? { largest: Number(word) } : {}),
    });
  }
  const [address, device] = [value("address"), value("device")];
  return {
    ...(address === undefined ? {} : { address }),
    ...(device === undefined ? {} : { device: Number(device) }),
    joined: Number(value("igmp") ?? 0) > 0,
    links,
  };
}

/** The last lines of `ping`, busybox's or another. */
function parsePing(text: string): NonNullable<Link["ping"]> {
  const [, sent = "0", received = "0"] = /(\d+) packets transmitted, (\d+) (?:packets )?received/.exec(text) ?? [];
  const [, average] = /= [\d.]+\/([\d.]+)\//.exec(text) ?? [];
  return {
    sent: Number(sent),
    received: Number(received),
    ...(average === undefined ? {} : { ms: Number(average) }),
  };
}

/** What the tests say to the checks. */
export function observeNetwork(inventory: Inventory, views: Views, network: Network): Observation[] {
  const { hosts, settings } = inventory;
  const { tested, placed, links, heard, devices } = network;
  const agents = hosts.filter(({ agent, name }) => agent && views.has(name)).map(({ name }) => name);
  const on = [...placed.keys()];
  const observation = (
    check: Check,
    needed: string,
    fix: Observation["fix"],
    seen: (host: string) => string,
    complaints: readonly Complaint[],
    about = on,
  ): Observation => ({ check, needed, fix, complaints, seen: new Map(about.map((host) => [host, seen(host)])) });
  const withLinks = (look: (from: string, to: string, link: Link) => string | undefined): Complaint[] =>
    [...links].flatMap(([from, mine]) =>
      [...mine].flatMap(([to, link]) => {
        const found = look(from, to, link);
        return found === undefined ? [] : [{ by: from, about: to, found }];
      }),
    );
  const own = (host: string) => [...(links.get(host)?.values() ?? [])];
  /** What a host with others to test with has shown; a cluster's only host has none. */
  const withOthers = (shown: (host: string) => string) => (host: string) =>
    own(host).length > 0 ? shown(host) : "alone";
  const dead = withLinks((_, __, { ping }) => (ping && ping.received === 0 ? "no answer" : undefined));
  const look = (host: string) => openPorts(host, firewallOf(views, host));
  const image = (name: string) => views.get(name)?.get("image")?.status === 0;

  return [
    observation(
      "weave",
      "connections that carry datagrams: UDP 6783, and 6784 for the fast datapath",
      look,
      () => "",
      dead
        .filter(({ by, about }) => established(inventory, views, by, about))
        .map(({ by, about }) => ({ by, about, found: "Weave's connection is established, but no datagram passes" }))
        .map((complaint) => withRule(views, complaint)),
      [],
    ),
    observation(
      "schedule",
      `one container on each host, by affinity:container!=; image ${settings.verify.image} on all`,
      (host) =>
        image(host)
          ? `on ${host}: docker -H :4000 info; docker logs --tail 20 swarm-manager`
          : "scripts/lock, then deploy, puts the image on the host",
      () => "apart",
      agents.flatMap((host) => {
        const count = placed.get(host)?.length ?? 0;
        const found = !image(host)
          ? `no image ${settings.verify.image} here`
          : !tested.includes(host)
            ? "not tried"
            : count === 0
              ? `Swarm starts no container here: ${network.refused.at(0) ?? "it said nothing"}`
              : count > 1
                ? `Swarm put ${count} containers here, in spite of affinity:container!=`
                : undefined;
        return found === undefined ? [] : [{ by: host, about: host, found }];
      }),
      agents,
    ),
    observation(
      "dns",
      "the address of the other's container",
      (host) => `on ${host}: weave status dns; weave dns-lookup`,
      withOthers((host) => plural(own(host).length, "name")),
      withLinks((_, to, { address, trouble: found }) =>
        address === undefined
          ? `its name is not known: ${found ?? "no answer"}`
          : address === network.addresses.get(to)
            ? undefined
            : `its name leads to ${address}, not to ${network.addresses.get(to) ?? "its container"}`,
      ),
    ),
    observation(
      "ping",
      "answers from both ends",
      look,
      withOthers((host) => milliseconds(own(host))),
      withLinks((_, __, { ping }) =>
        ping && ping.received <= ping.sent / 2 ? `${ping.received} of ${ping.sent} pings answered` : undefined,
      ),
    ),
    observation(
      "tcp",
      "what was sent comes back",
      look,
      withOthers((host) => `${plural(own(host).length, "call")} answered`),
      withLinks((_, __, { tcp }) => (tcp === undefined || tcp === "ok" ? undefined : `no TCP: ${tcp}`)),
    ),
    observation(
      "multicast",
      `every other host's datagrams to ${group}, at most ${100 * tolerated} % lost`,
      look,
      withOthers((host) => heardBy(network, host)),
      [
        ...network.unjoined.map((host) => ({
          by: host,
          about: host,
          found: `its container has not joined ${group.split(":")[0]} (/proc/net/igmp)`,
        })),
        ...[...network.mute].map(([host, why]) => ({ by: host, about: host, found: `cannot send: ${why}` })),
        ...on.flatMap((sender) =>
          on.flatMap((receiver) => {
            const count = heard.get(sender)?.get(receiver) ?? 0;
            if (sender === receiver || network.mute.has(sender) || count >= datagrams * (1 - tolerated)) return [];
            const found = count === 0 ? "no multicast passes" : `${count} of ${datagrams} multicast datagrams`;
            return [{ by: receiver, about: sender, found }];
          }),
        ),
      ],
    ),
    observation(
      "mtu",
      "what Weave says that its connection carries in one piece",
      () => "set weave.mtu in the cluster file to the LAN's MTU less 90 or less",
      withOthers((host) => `${Math.min(...own(host).flatMap(({ largest }) => largest ?? []))} bytes`),
      withLinks((from, to, { largest }) => {
        const fits = Math.min(promised(inventory, views, from, to), (devices.get(from) ?? 0) - headers);
        return largest === undefined || largest >= fits ? undefined : `${largest} bytes pass in one piece, not ${fits}`;
      }),
    ),
  ];
}

/** Do both ends' routers call their connection established? */
function established({ hosts }: Inventory, views: Views, from: string, to: string): boolean {
  const report = parseWeaveReport(views.get(from)?.get("weave-report")?.text ?? "");
  const other = hosts.find(({ name }) => name === to);
  if (report === undefined || other === undefined) return false;
  return connectionsTo(report, other).some(({ state }) => state === "established");
}

/** A rule that drops Weave's traffic is the reason for what does not pass on that host. */
function withRule(views: Views, complaint: Complaint): Complaint {
  for (const host of [complaint.by, complaint.about]) {
    const [rule] = firewallOf(views, host);
    if (rule) return { by: host, about: host, found: `${complaint.found}: this host has the rule ${rule}` };
  }
  return complaint;
}

function milliseconds(links: readonly Link[]): string {
  const times = links.flatMap(({ ping }) => ping?.ms ?? []);
  return times.length > 0 ? `${Math.max(...times).toFixed(1)} ms` : "alone";
}

/** How much a host has missed of all that others have sent. */
function heardBy({ heard, placed }: Network, host: string): string {
  const senders = [...placed.keys()].filter((name) => name !== host);
  const got = senders.reduce((sum, sender) => sum + (heard.get(sender)?.get(host) ?? 0), 0);
  const sent = senders.length * datagrams;
  return `${(100 - (100 * got) / Math.max(sent, 1)).toFixed(1)} % lost`;
}

/** Removes what a run has started, on all hosts; says on which it could not. */
export async function removeContainers(
  test: Pick<TestRun, "script" | "run" | "id">,
  hosts: readonly InventoryHost[],
): Promise<string[]> {
  const results = await onAll(hosts, async (host) => ({ host, said: await act(test, host, ["remove", test.id]) }));
  return results.flatMap(({ host, said }) =>
    said.has("end") && [...said.values()].every(({ status }) => status === 0)
      ? []
      : [`${host.name}: could not remove the test's container; it ends by itself within minutes`],
  );
}

async function act(
  { script, run }: Pick<TestRun, "script" | "run">,
  host: InventoryHost,
  args: readonly string[],
  more: readonly string[] = [],
): Promise<ReadonlyMap<string, Said>> {
  return parseSections((await run(host, script, [...args, ...more])).stdout);
}
