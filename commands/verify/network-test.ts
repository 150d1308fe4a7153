/** Tests the containers' network with one container on each host, which Swarm places. */
import type { Inventory, InventoryHost } from "../../cluster/inventory.js";
import { multicast } from "../../cluster/names.js";
import { onAll, type RunAsRoot } from "../../ssh/contact.js";
import { lastLine } from "../../ssh/explain.js";
import type { NetworkResult, Reach } from "./network-result.js";
import { parseSwarmInfo } from "./parsers.js";
import { parseSections, type Said, textOf, type Views, whyFailed } from "./sections.js";
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
  const unanswered = new Map<string, string[]>();
  const ask = asker(test, unanswered);
  say(`Swarm starts ${hosts.length} containers, one on each host, kept apart by affinity`);
  const { started, refused } = await startContainers(test, ask, manager, hosts);
  // No container can look for a neighbour before it is known who is where.
  const placed = await findContainers(test, ask, hosts);
  const ready = hosts.filter(({ name }) => placed.has(name));
  say(`${started} containers find, ping and call each other, and send the largest datagram that fits`);
  // What containers call each other with is little, and does not keep multicast from passing.
  const [called, { mute, unsent }] = await Promise.all([
    callEachOther(test, ask, ready, placed),
    sendAll(test, ask, ready, say),
  ]);
  const heard = await countHeard(test, ask, ready, unsent);
  const tested = hosts.map(({ name }) => name);
  return { manager: manager.name, unanswered, tested, placed, refused, ...called, mute, heard };
}

/** Asks a host; what it has not answered in time is noted, and gives nothing or the part that it has answered. */
type Ask = (
  host: InventoryHost,
  question: keyof typeof questions,
  args: readonly string[],
) => Promise<{ readonly said: ReadonlyMap<string, Said>; readonly answered: boolean }>;

/** What is unknown without an answer. */
const questions = {
  start: "whether its Swarm manager starts containers",
  where: "which of the test's containers it runs",
  address: "the address of its container",
  probe: "whom its container reaches",
  send: "whether its container can send multicast",
  heard: "which datagrams its container has received",
} as const;

function asker(test: TestRun, unanswered: Map<string, string[]>): Ask {
  return async (host, question, args) => {
    const said = await act(test, host, [question, ...args]);
    const own = [...said].filter(([name]) => name === question || name.startsWith(`${question} `));
    const answered = own.some(([, { status }]) => status !== 124);
    if (!answered) {
      unanswered.set(host.name, [...(unanswered.get(host.name) ?? []), questions[question]]);
    }
    return { said, answered };
  };
}

async function startContainers(test: TestRun, ask: Ask, manager: InventoryHost, hosts: readonly InventoryHost[]) {
  const { inventory, id } = test;
  const { image } = inventory.settings.verify;
  const notAll = hosts.length < inventory.hosts.filter(({ agent }) => agent).length;
  const { said, answered } = await ask(manager, "start", [
    id,
    image,
    String(lifetime(hosts.length)),
    String(hosts.length),
    // Only where something is wrong already. Elsewhere Swarm has to find the right places by itself.
    ...(notAll ? [nodeConstraint(test, manager, hosts)] : []),
  ]);
  const starts = [...said].filter(([name]) => name.startsWith("start "));
  const refusals = starts.filter(([, { status }]) => status !== 0);
  return {
    started: starts.length - refusals.length,
    refused: answered ? refusals.map(([, { text }]) => lastLine(text) || "no answer") : ["no answer in time"],
  };
}

/** The names of the containers on each host that has any. */
async function findContainers({ id }: TestRun, ask: Ask, hosts: readonly InventoryHost[]) {
  const placed = new Map<string, string[]>();
  await onAll(hosts, async (host) => {
    const said = (await ask(host, "where", [id])).said.get("where");
    const names = said?.status === 0 ? said.text.split("\n").filter(Boolean) : [];
    if (names.length > 0) {
      placed.set(host.name, names);
    }
  });
  return placed;
}

async function callEachOther(
  test: TestRun,
  ask: Ask,
  hosts: readonly InventoryHost[],
  placed: ReadonlyMap<string, readonly string[]>,
): Promise<Pick<NetworkResult, "addresses" | "devices" | "unjoined" | "reached">> {
  const numberOn = ({ name }: InventoryHost) => /^pingtest(\d+)-/.exec(placed.get(name)?.[0] ?? "")?.[1];
  const hostOf = new Map(hosts.map((host) => [numberOn(host), host.name]));
  const addresses = new Map<string, string>();
  const devices = new Map<string, number>();
  const reached = new Map<string, Map<string, Reach>>();
  const unjoined: string[] = [];
  // Without names, containers can only be called by their addresses, which they know themselves.
  const named = test.inventory.settings.weave.dns;
  if (!named) {
    await onAll(hosts, async (host) => {
      const { address } = parseCalls((await ask(host, "address", [test.id])).said.get("address")?.text ?? "");
      if (address) {
        addresses.set(host.name, address);
      }
    });
  }
  await onAll(hosts, async (host) => {
    const others = neighbours(hosts, host).flatMap((other) => {
      const [number, address] = [numberOn(other), addresses.get(other.name)];
      if (number === undefined || (!named && address === undefined)) {
        return [];
      }
      return [[number, promisedBytes(test, host.name, other.name), ...(named ? [] : [address])].join(":")];
    });
    const { said: sections, answered } = await ask(host, "probe", [test.id, ...others]);
    const said = sections.get("probe");
    const calls = parseCalls(said?.text ?? "");
    if (calls.address) {
      addresses.set(host.name, calls.address);
    }
    if (calls.device) {
      devices.set(host.name, calls.device);
    }
    if (answered && (said?.status !== 0 || !calls.joined)) {
      unjoined.push(host.name);
    }
    const own = [...calls.reached].flatMap(([number, reach]) => {
      const other = hostOf.get(number);
      return other === undefined ? [] : [[other, reach] as const];
    });
    reached.set(host.name, new Map(own));
  });
  return { addresses, devices, unjoined, reached };
}

/** In a large cluster, more than one host sends at once: all have to have sent before the time is over. */
const sendingRounds = 10;

/** Lets the hosts send in turn: why some could not, by name, and of which that is not known. */
async function sendAll({ id }: TestRun, ask: Ask, hosts: readonly InventoryHost[], say: Say) {
  const { datagrams, group, port } = multicast;
  const mute = new Map<string, string>();
  const unsent = new Set<string>();
  const atOnce = Math.max(1, Math.ceil(hosts.length / sendingRounds));
  for (let i = 0; i < hosts.length; i += atOnce) {
    const senders = hosts.slice(i, i + atOnce);
    const names = senders.map(({ name }) => name).join(", ");
    const verb = senders.length === 1 ? "sends" : "send";
    say(
      `${names} ${verb} ${datagrams} datagrams to ${group}:${port}, all others listen (${i + senders.length} of ${hosts.length})`,
    );
    await onAll(senders, async (host) => {
      const { said, answered } = await ask(host, "send", [id, host.name, String(datagrams)]);
      if (!answered) {
        unsent.add(host.name);
      }
      const why = whyFailed(said.get("send"));
      if (answered && why !== undefined) {
        mute.set(host.name, why);
      }
    });
  }
  return { mute, unsent };
}

/** What each host has received, of those that are known to have sent. */
async function countHeard(
  { id }: TestRun,
  ask: Ask,
  hosts: readonly InventoryHost[],
  unsent: ReadonlySet<string>,
): Promise<NetworkResult["heard"]> {
  const sent = hosts.filter(({ name }) => !unsent.has(name));
  const heard = new Map(sent.map(({ name }) => [name, new Map<string, number>()]));
  await onAll(hosts, async (host) => {
    const { said, answered } = await ask(host, "heard", [id]);
    if (!answered) {
      return;
    }
    for (const row of heard.values()) {
      row.set(host.name, 0);
    }
    const own = said.get("heard");
    for (const line of own?.status === 0 ? own.text.split("\n") : []) {
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
  if (hosts.length <= allPairsUpTo) {
    return others;
  }
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
    if (number === undefined) {
      continue;
    }
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
): Promise<ReadonlyMap<string, Said>> {
  return parseSections((await run(host, script, args)).stdout);
}
