/** Tests the containers' network with one container on each host, which Swarm places. */
import type { Inventory, InventoryHost } from "../../cluster/inventory.js";
import { multicast } from "../../cluster/names.js";
import { lastLine, onAll, type RunAsRoot } from "../../ssh/contact.js";
import { whyFailed } from "./checks/check.js";
import { parseSwarmInfo } from "./parsers.js";
import { parseSections, type Said, textOf, type Views } from "./sections.js";
import { promisedBytes } from "./weave-connections.js";

/** What a test needs: where to run, and under which name. */
export interface TestRun {
  readonly inventory: Inventory;
  readonly views: Views;
  /** Text of `scripts/host/probes/verify.sh`. */
  readonly script: string;
  readonly run: RunAsRoot;
  /** Names this run's containers, so that exactly they are removed. */
  readonly id: string;
}

/** What one container has found when it called another. */
export interface Reach {
  /** The address that the other's name resolves to. */
  readonly address?: string;
  /** Why it does not resolve. */
  readonly unresolved?: string;
  readonly ping?: { readonly sent: number; readonly received: number; readonly ms?: number };
  /** `ok`, or what went wrong. */
  readonly tcp?: string;
  /** Bytes of payload of the largest datagram that passes unfragmented. */
  readonly largest?: number;
}

/** What the tests have found, by names of hosts: from one to the other. */
export interface NetworkResult {
  /** Hosts that were to get a container. */
  readonly tested: readonly string[];
  /** Containers by host. More than one on a host is not what Swarm was asked for. */
  readonly placed: ReadonlyMap<string, readonly string[]>;
  /** Why Swarm did not start a container, for each that it did not. */
  readonly refused: readonly string[];
  readonly addresses: ReadonlyMap<string, string>;
  /** The MTUs of the containers' network devices. */
  readonly devices: ReadonlyMap<string, number>;
  /** Hosts whose container is not in the group's list in /proc/net/igmp. */
  readonly unjoined: readonly string[];
  readonly reached: ReadonlyMap<string, ReadonlyMap<string, Reach>>;
  /** Why a sender could not send. */
  readonly mute: ReadonlyMap<string, string>;
  /** Different datagrams received: by sender, then receiver. */
  readonly heard: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** With more hosts than this, each calls its two neighbours on a ring. Multicast is tested between all pairs anyway. */
const allPairsUpTo = 5;

type Say = (line: string) => void;

/** Runs all tests on `hosts`, through the Swarm manager on `manager`. */
export async function testNetwork(
  test: TestRun,
  manager: InventoryHost,
  hosts: readonly InventoryHost[],
  say: Say,
): Promise<NetworkResult> {
  say(`Swarm starts ${hosts.length} containers, one on each host, kept apart by affinity`);
  const { started, refused } = await startContainers(test, manager, hosts);
  // No container can look for a neighbour before it is known who is where.
  const placed = await findContainers(test, hosts);
  const ready = hosts.filter(({ name }) => placed.has(name));
  say(`${started} containers resolve, ping and call each other, and send the largest datagram that fits`);
  const called = await callEachOther(test, ready, placed);
  const mute = await sendAll(test, ready, say);
  const heard = await countHeard(test, ready);
  return { tested: hosts.map(({ name }) => name), placed, refused, ...called, mute, heard };
}

async function startContainers(test: TestRun, manager: InventoryHost, hosts: readonly InventoryHost[]) {
  const { inventory, id } = test;
  const { image } = inventory.settings.verify;
  const notAll = hosts.length < inventory.hosts.filter(({ agent }) => agent).length;
  const said = await act(
    test,
    manager,
    ["start", id, image, String(lifetime(hosts.length)), String(hosts.length)],
    // Only where something is wrong already. Elsewhere Swarm has to find the right places by itself.
    notAll ? [nodeConstraint(test, manager, hosts)] : [],
  );
  const starts = [...said].filter(([name]) => name.startsWith("start "));
  const refusals = starts.filter(([, { status }]) => status !== 0);
  return {
    started: starts.length - refusals.length,
    refused: refusals.map(([, { text }]) => lastLine(text) || "no answer"),
  };
}

/** The names of the containers on each host that has any. */
async function findContainers(test: TestRun, hosts: readonly InventoryHost[]) {
  const placed = new Map<string, string[]>();
  await onAll(hosts, async (host) => {
    const said = (await act(test, host, ["where", test.id])).get("where");
    const names = said?.status === 0 ? said.text.split("\n").filter(Boolean) : [];
    if (names.length > 0) placed.set(host.name, names);
  });
  return placed;
}

async function callEachOther(
  test: TestRun,
  hosts: readonly InventoryHost[],
  placed: ReadonlyMap<string, readonly string[]>,
): Promise<Pick<NetworkResult, "addresses" | "devices" | "unjoined" | "reached">> {
  const numberOn = ({ name }: InventoryHost) => /^pingtest(\d+)-/.exec(placed.get(name)?.[0] ?? "")?.[1];
  const hostOf = new Map(hosts.map((host) => [numberOn(host), host.name]));
  const addresses = new Map<string, string>();
  const devices = new Map<string, number>();
  const reached = new Map<string, Map<string, Reach>>();
  const unjoined: string[] = [];
  await onAll(hosts, async (host) => {
    const others = neighbours(hosts, host).flatMap((other) => {
      const number = numberOn(other);
      return number === undefined ? [] : [`${number}:${promisedBytes(test, host.name, other.name)}`];
    });
    const said = (await act(test, host, ["probe", test.id, ...others])).get("probe");
    const calls = parseCalls(said?.text ?? "");
    if (calls.address) addresses.set(host.name, calls.address);
    if (calls.device) devices.set(host.name, calls.device);
    if (said?.status !== 0 || !calls.joined) unjoined.push(host.name);
    const own = [...calls.reached].flatMap(([number, reach]) => {
      const other = hostOf.get(number);
      return other === undefined ? [] : [[other, reach] as const];
    });
    reached.set(host.name, new Map(own));
  });
  return { addresses, devices, unjoined, reached };
}

/** Lets each host send in turn; why a host could not, by its name. */
async function sendAll(test: TestRun, hosts: readonly InventoryHost[], say: Say): Promise<Map<string, string>> {
  const { datagrams, group, port } = multicast;
  const mute = new Map<string, string>();
  for (const [i, host] of hosts.entries()) {
    say(
      `${host.name} sends ${datagrams} datagrams to ${group}:${port}, all others listen (${i + 1} of ${hosts.length})`,
    );
    const why = whyFailed((await act(test, host, ["send", test.id, host.name, String(datagrams)])).get("send"));
    if (why !== undefined) mute.set(host.name, why);
  }
  return mute;
}

async function countHeard(test: TestRun, hosts: readonly InventoryHost[]): Promise<NetworkResult["heard"]> {
  const nothing = () => new Map(hosts.map(({ name }) => [name, 0]));
  const heard = new Map(hosts.map(({ name }) => [name, nothing()]));
  await onAll(hosts, async (host) => {
    const said = (await act(test, host, ["heard", test.id])).get("heard");
    for (const line of said?.status === 0 ? said.text.split("\n") : []) {
      const [sender = "", count] = line.split(" ");
      heard.get(sender)?.set(host.name, Number(count));
    }
  });
  return heard;
}

/** Seconds after which the containers stop by themselves: somewhat more than the tests take. */
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

/** Swarm's constraint for exactly these nodes, by the names that it knows them under. */
function nodeConstraint({ views }: TestRun, manager: InventoryHost, hosts: readonly InventoryHost[]): string {
  const { nodes } = parseSwarmInfo(textOf(views, manager.name, "swarm-info"));
  const names = hosts.map((host) => nodes.find(({ address }) => address === host.address)?.name ?? host.name);
  return `constraint:node==/^(${names.join("|")})$/`;
}

interface Calls {
  readonly address?: string;
  readonly device?: number;
  readonly joined: boolean;
  /** By the other container's number. */
  readonly reached: ReadonlyMap<string, Reach>;
}

/**
 * What `probe` prints of a container and its calls: `address A`, `device MTU`, `igmp COUNT`, and `NUMBER WHAT …` for each
 * other container.
 */
export function parseCalls(text: string): Calls {
  const value = (name: string) => new RegExp(`^${name} (\\S+)`, "m").exec(text)?.[1];
  const reached = new Map<string, Reach>();
  for (const line of text.split("\n")) {
    const [, number, what, rest = ""] = /^(\d+) (name|ping|tcp|largest) (.*)$/.exec(line) ?? [];
    if (number === undefined) continue;
    reached.set(number, { ...reached.get(number), ...reachFrom(what, rest.trim()) });
  }
  const [address, device] = [value("address"), value("device")];
  return {
    ...(address === undefined ? {} : { address }),
    ...(device === undefined ? {} : { device: Number(device) }),
    joined: Number(value("igmp") ?? 0) > 0,
    reached,
  };
}

function reachFrom(what: string | undefined, words: string): Reach {
  switch (what) {
    case "name":
      return /^[\d.]+$/.test(words) ? { address: words } : { unresolved: words || "no answer" };
    case "ping":
      return { ping: parsePing(words) };
    case "tcp":
      return { tcp: words || "no answer" };
    default:
      return { largest: Number(words) };
  }
}

/** The last lines of `ping`, busybox's or another. */
function parsePing(text: string): NonNullable<Reach["ping"]> {
  const [, sent = "0", received = "0"] = /(\d+) packets transmitted, (\d+) (?:packets )?received/.exec(text) ?? [];
  const [, average] = /= [\d.]+\/([\d.]+)\//.exec(text) ?? [];
  return {
    sent: Number(sent),
    received: Number(received),
    ...(average === undefined ? {} : { ms: Number(average) }),
  };
}

/** Removes a run's containers from these hosts; says where that failed. */
export async function removeContainers(
  test: Pick<TestRun, "script" | "run" | "id">,
  hosts: readonly InventoryHost[],
): Promise<string[]> {
  const results = await onAll(hosts, async (host) => ({ host, said: await act(test, host, ["remove", test.id]) }));
  return results.flatMap(({ host, said }) =>
    said.has("end") && [...said.values()].every(({ status }) => status === 0)
      ? []
      : [`${host.name}: could not remove the test's container; it stops by itself within minutes`],
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
