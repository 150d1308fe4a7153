/**
 * The guide's last test, and more: a Vert.x event bus over the containers' network, whose members find each other by
 * multicast alone. Its programs are in `examples/event-bus`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Inventory, InventoryHost } from "../../cluster/inventory.js";
import type { Artifact, Cluster } from "../../cluster/model.js";
import { label } from "../../cluster/model.js";
import { ports } from "../../cluster/ports.js";
import { onAll } from "../../ssh/contact.js";
import { lastLine } from "../../ssh/explain.js";
import { plural } from "../shared/findings.js";
import type { Complaint } from "./blame.js";
import type { TestRun } from "./network-test.js";
import { parseSwarmInfo } from "./parsers.js";
import { parseSections, type Said, textOf } from "./sections.js";

/** The image of `examples/event-bus`. */
export interface EventBusImage {
  readonly reference: string;
  /** Sources for hosts that do not have it. */
  readonly artifacts: readonly Pick<Artifact, "platform" | "sha256" | "source">[];
}

/** The image that a cluster file names, or the one that the README of `examples/event-bus` builds. */
export function eventBusImage({ settings, artifacts }: ClusterWithImage): EventBusImage {
  const reference = settings.verify.eventBusImage ?? "multicast-swarm/event-bus:1";
  return { reference, artifacts: artifacts.filter(({ name }) => name === `image:${reference}`) };
}

interface ClusterWithImage {
  readonly settings: { readonly verify: Pick<Cluster["settings"]["verify"], "eventBusImage"> };
  readonly artifacts: Cluster["artifacts"];
}

/** How long each step waits for news, and how often it looks. */
export interface Patience {
  readonly seconds: number;
  readonly pauseMilliseconds: number;
}

const defaultPatience: Patience = { seconds: 90, pauseMilliseconds: 500 };

export interface EventBusRun extends Pick<TestRun, "views" | "run" | "id"> {
  readonly inventory: Pick<Inventory, "hosts">;
  /** Text of `tls.sh`, `http.sh`, `lib.sh` and `artifacts.sh` of `scripts/host/steps`, and of `scripts/host/probes/event-bus.sh`. */
  readonly script: string;
  readonly image: EventBusImage;
  readonly say: (line: string) => void;
  readonly patience?: Patience;
}

/** What the test has found. */
export interface EventBusResult extends Outcome {
  /** The image's reference. */
  readonly image: string;
  readonly patience: Patience;
  /** Did all hosts have the image? */
  readonly loaded: boolean;
}

interface Outcome {
  /** Hosts that had a member. */
  readonly on: readonly string[];
  readonly complaints: readonly Complaint[];
  /** What the members have printed. */
  readonly transcript: readonly string[];
}

/**
 * Runs the test on `hosts`, through the Swarm manager on `manager`. `removeContainers` removes its containers,
 * `unloadEventBus` its image.
 */
export async function testEventBus(
  test: EventBusRun,
  manager: InventoryHost,
  hosts: readonly InventoryHost[],
): Promise<EventBusResult> {
  const { inventory, views, id, say, patience = defaultPatience } = test;
  const on = { ...test, patience, manager, nodes: nodesOf(inventory, views, manager) };
  const own = { image: test.image.reference, patience };

  say(`event bus: loading its image on ${plural(hosts.length, "host")}`);
  const withoutImage = await load(test, hosts);
  if (withoutImage.length > 0) {
    return { ...own, ...nothingSeen, loaded: false, complaints: withoutImage };
  }

  say("event bus: bus_sender and bus_receiver, kept apart by Swarm; a member on each host, of which one crashes");
  const [pair, members] = await Promise.all([testPair(on, hosts), testMembers(on, membersOf(hosts, id))]);
  return {
    ...own,
    loaded: true,
    on: members.on,
    complaints: [...pair.complaints, ...members.complaints],
    transcript: [...pair.transcript, ...members.transcript],
  };
}

const nothingSeen: Outcome = { on: [], complaints: [], transcript: [] };

interface OnManager extends EventBusRun {
  readonly patience: Patience;
  readonly manager: InventoryHost;
  /** Hosts by the name that Swarm knows them under. */
  readonly nodes: ReadonlyMap<string, InventoryHost>;
}

function nodesOf(
  { hosts }: EventBusRun["inventory"],
  views: TestRun["views"],
  manager: InventoryHost,
): Map<string, InventoryHost> {
  const { nodes } = parseSwarmInfo(textOf(views, manager.name, "swarm-info"));
  return new Map(
    nodes.flatMap(({ name, address }) => {
      const host = hosts.find((one) => one.address === address);
      return host ? [[name, host] as const] : [];
    }),
  );
}

/** The name that Swarm knows a host under. */
function nodeOf({ nodes }: OnManager, host: InventoryHost): string | undefined {
  return [...nodes].find(([, one]) => one.name === host.name)?.[0];
}

// ── The image ───────────────────────────────────────────────────────────────────────────────────────

/** Loads the image on all hosts; complains of those that do not get it. */
async function load(test: EventBusRun, hosts: readonly InventoryHost[]): Promise<Complaint[]> {
  const { reference, artifacts } = test.image;
  const sources = artifacts.flatMap(({ platform, sha256, source }) => [platform, sha256, source]);
  const complaints = await onAll(hosts, async (host) => {
    const said = (await act(test, host, "load", reference, ...sources)).get("load");
    return said?.status === 0 ? [] : [self(host, reason(said))];
  });
  return complaints.flat();
}

/** Removes the image from the hosts on which the test has loaded it; says where that failed. */
export async function unloadEventBus(
  test: Pick<EventBusRun, "script" | "run" | "image">,
  hosts: readonly InventoryHost[],
): Promise<string[]> {
  const left = await onAll(hosts, async (host) => {
    const said = await act(test, host, "unload", test.image.reference);
    const why = said.has("end") ? said.get("unload") : { status: 1, text: "no answer" };
    return why === undefined || why.status === 0
      ? []
      : [`${label(host)}: could not remove the image ${test.image.reference}: ${reason(why)}`];
  });
  return left.flat();
}

// ── The guide's pair ─────────────────────────────────────────────────────────────────────────────

const news = "Received news: Some news!";

async function testPair(test: OnManager, hosts: readonly InventoryHost[]): Promise<Outcome> {
  const names = [`bus_receiver-${test.id}`, `bus_sender-${test.id}`] as const;
  const [receiver, sender] = names;
  const apart = hosts.length > 1;
  // Only where something is wrong already. Elsewhere Swarm has to find the right places by itself.
  const notAll = hosts.length < test.inventory.hosts.filter(({ agent }) => agent).length;
  const sound = hosts.map((host) => nodeOf(test, host) ?? host.name).join("|");
  // A cluster of their own: members that come and go are no matter of theirs.
  const here = [`CLUSTER_NAME=pair-${test.id}`, ...(notAll ? [`constraint:node==/^(${sound})$/`] : [])];
  const keepApart = apart ? [`affinity:container!=${receiver}`] : [];
  const started = [
    ...(await start(test, [{ name: receiver, variables: here, args: "Receiver" }])),
    // Swarm keeps it away from what is there.
    ...(await start(test, [{ name: sender, variables: [...here, ...keepApart], args: "Sender" }])),
  ];
  const said = new Map(started);
  const unstarted = names.flatMap((name) => failure(said.get(`start ${name}`), `cannot start ${name}`));
  if (unstarted.length > 0) {
    // Swarm may have chosen a host that it does not reach.
    const host = (found: string) => hosts.find(({ address }) => found.includes(`//${address}:`)) ?? test.manager;
    return { ...nothingSeen, complaints: unstarted.map((found) => self(host(found), found)) };
  }

  const last = await watch(test, 5, names, (now) => logOf(now, receiver).includes(news));
  const result = outcomeOfPair(test, names, apart, last);
  await act(test, test.manager, "discard", ...names);
  return result;
}

/** What the last snapshot of receiver and sender shows. */
function outcomeOfPair(
  { manager, nodes }: Pick<OnManager, "manager" | "nodes">,
  [receiver, sender]: readonly [string, string],
  apart: boolean,
  last: Snapshot,
): Outcome {
  const [to, from] = [receiver, sender].map((name) => nodes.get(last.containers.get(name)?.node ?? ""));
  const transcript = [
    `${to?.name ?? "?"}> docker -H :${ports.swarmManager.number} logs ${receiver}`,
    ...logOf(last, receiver).split("\n"),
    `${from?.name ?? "?"}> docker -H :${ports.swarmManager.number} logs ${sender}`,
    ...logOf(last, sender).split("\n"),
    "",
  ];
  const complain = (found: string) => ({
    ...nothingSeen,
    complaints: [{ by: (to ?? manager).name, about: (from ?? to ?? manager).name, found }],
    transcript,
  });
  if (to === undefined || from === undefined) {
    return complain(`Swarm does not say where ${to ? sender : receiver} runs`);
  }
  if (apart && to === from) {
    return complain(`Swarm put both containers on ${label(to)}, despite affinity:container!=`);
  }
  if (!logOf(last, receiver).includes(news)) {
    const [culprit, seen] = ended(last, sender) ? [sender, logOf(last, sender)] : [receiver, logOf(last, receiver)];
    return complain(
      `${receiver} on ${label(to)} received no news from ${sender} on ${label(from)} ${time(last)}; ${culprit} ${stateOf(last, culprit)}, last output: ${lastLine(seen) || "nothing"}`,
    );
  }
  return { ...nothingSeen, transcript };
}

// ── A member on each host ───────────────────────────────────────────────────────────────────────────

interface Member {
  /** What it calls itself in its news. */
  readonly name: string;
  readonly container: string;
  readonly host: InventoryHost;
}

/** One member on each host; a host that is alone gets two. */
function membersOf(hosts: readonly InventoryHost[], id: string): Member[] {
  const [first] = hosts;
  const named = hosts.map((host) => ({ name: host.name, host }));
  if (hosts.length === 1 && first) {
    named.push({ name: `${first.name}-2nd`, host: first });
  }
  return named.map(({ name, host }) => ({ name, host, container: `bus_member-${name}-${id}` }));
}

async function testMembers(test: OnManager, members: readonly Member[]): Promise<Outcome> {
  const strangers = members.filter(({ host }) => nodeOf(test, host) === undefined);
  if (strangers.length > 0) {
    return {
      ...nothingSeen,
      complaints: strangers.map(({ host }) => self(host, "is not a Swarm node, so no member runs there")),
    };
  }
  const { running, complaints: unstarted } = await startMembers(test, members);
  const first = await waitForNews(test, running);
  const transcript = hearing(running, first);
  const silence = complaintsOfMembers(running, first, undefined, "");
  if (unstarted.length + silence.length > 0) {
    return { on: [], complaints: [...unstarted, ...silence], transcript };
  }
  const crash = await testCrash(test, running);
  const on = [...new Set(running.map(({ host }) => host.name))];
  return { on, complaints: crash.complaints, transcript: [...transcript, ...crash.transcript] };
}

async function startMembers(test: OnManager, members: readonly Member[]) {
  const wanted = members.map(({ name, container, host }) => ({
    name: container,
    variables: [`constraint:node==${nodeOf(test, host)}`],
    args: `Member ${name}`,
  }));
  // The oldest member leads Hazelcast's cluster: it is to be the one that crashes.
  const started = new Map([...(await start(test, wanted.slice(0, 1))), ...(await start(test, wanted.slice(1)))]);
  const complaints = members.flatMap(({ container, host }) =>
    failure(started.get(`start ${container}`), `cannot start ${container}`).map((found) => self(host, found)),
  );
  return { running: members.filter(({ host }) => !complaints.some(({ by }) => by === host.name)), complaints };
}

/** Kills a member and restarts it: the others must go on hearing each other, and then hear it again. */
async function testCrash(test: OnManager, members: readonly Member[]): Promise<Omit<Outcome, "on">> {
  // The one that leads, and that all others had joined.
  const [victim, ...others] = members;
  if (victim === undefined) {
    return nothingSeen;
  }
  const order = async (action: "crash" | "again", what: string) =>
    failure(
      (await act(test, test.manager, action, victim.container)).get(action),
      `cannot ${what} ${victim.container}`,
    ).map((found) => self(victim.host, found));

  const alive = await order("crash", "kill");
  if (alive.length > 0) {
    return { ...nothingSeen, complaints: alive };
  }
  const dead = await takeSnapshot(test, linesFor(others), containersOf(others));
  const without = await waitForNews(test, others, dead);
  const broken = complaintsOfMembers(others, without, dead, `after ${victim.name} crashed`);
  if (broken.length > 0) {
    return { ...nothingSeen, complaints: broken };
  }

  const absent = await order("again", "restart");
  if (absent.length > 0) {
    return { ...nothingSeen, complaints: absent };
  }
  const back = await waitForNews(test, members, without);
  return {
    complaints: complaintsOfMembers(members, back, without, `after ${victim.name} crashed and came back`),
    transcript: [`${victim.name} crashed and came back:`, ...hearing(members, back), ""],
  };
}

/** Waits until these members have heard each other, or have heard each other again since an earlier snapshot. */
function waitForNews(test: OnManager, members: readonly Member[], since?: Snapshot): Promise<Snapshot> {
  return watch(test, linesFor(members), containersOf(members), (now) => unheard(members, now, since).length === 0);
}

const containersOf = (members: readonly Member[]) => members.map(({ container }) => container);

/** Lines of a log that hold a few seconds of news from all. */
const linesFor = (members: readonly Member[]) => 5 * members.length + 10;

/** Complains of who has not heard whom, at all or since an earlier snapshot. */
function complaintsOfMembers(
  members: readonly Member[],
  now: Snapshot,
  since: Snapshot | undefined,
  when: string,
): Complaint[] {
  const after = when === "" ? "" : `${when}: `;
  const gone = members.filter(({ container }) => ended(now, container));
  return [
    ...gone.map(({ host, container }) => {
      const log = lastLine(logOf(now, container)) || "nothing";
      return self(host, `${after}${container} ${stateOf(now, container)}, last output: ${log}`);
    }),
    ...unheard(members, now, since)
      .filter((pair) => !gone.some((member) => pair.includes(member)))
      .map(([listener, speaker]) => ({
        by: listener.host.name,
        about: speaker.host.name,
        found: `${after}no news arrives ${time(now)}`,
      })),
  ];
}

function unheard(members: readonly Member[], now: Snapshot, since?: Snapshot): (readonly [Member, Member])[] {
  return members.flatMap((listener) =>
    members.flatMap((speaker) =>
      listener === speaker || hears(listener, speaker, now, since) ? [] : [[listener, speaker] as const],
    ),
  );
}

/** News is numbered: a number other than in the earlier snapshot has been received since. */
function hears(listener: Member, speaker: Member, now: Snapshot, since?: Snapshot): boolean {
  const number = (of: Snapshot | undefined) => of && parseNews(logOf(of, listener.container)).get(speaker.name);
  return number(now) !== undefined && number(now) !== number(since);
}

/** The number of the last news that a member has printed, by sender. */
export function parseNews(log: string): Map<string, number> {
  return new Map(
    [...log.matchAll(/^Received news (\d+) from (\S+)$/gm)].map(([, number, sender]) => [sender ?? "", Number(number)]),
  );
}

function hearing(members: readonly Member[], now: Snapshot): string[] {
  return members.map(({ name, container }) => {
    const last = [...parseNews(logOf(now, container))].map(([sender, number]) => `news ${number} from ${sender}`);
    return `${name}: received ${last.join(", ") || "nothing"}`;
  });
}

// ── Containers, through the manager ───────────────────────────────────────────────────────────────

/** What is there of a run's containers at one moment. */
interface Snapshot {
  readonly containers: ReadonlyMap<string, { readonly node: string; readonly status: string }>;
  readonly logs: ReadonlyMap<string, string>;
  /** Since the wait began. */
  readonly seconds: number;
}

function start(
  test: OnManager,
  wanted: readonly { readonly name: string; readonly variables: readonly string[]; readonly args: string }[],
): Promise<ReadonlyMap<string, Said>> {
  const specs = wanted.map(({ name, variables, args }) => `${name};${variables.join(" ")};${args}`);
  return act(test, test.manager, "start", test.id, test.image.reference, ...specs);
}

async function takeSnapshot(
  test: OnManager,
  lines: number,
  containers: readonly string[],
  began = Date.now(),
): Promise<Snapshot> {
  const said = await act(test, test.manager, "look", test.id, String(lines), ...containers);
  return parseSnapshot(said, (Date.now() - began) / 1000);
}

export function parseSnapshot(said: ReadonlyMap<string, Said>, seconds: number): Snapshot {
  const containers = new Map<string, { node: string; status: string }>();
  for (const line of said.get("containers")?.text.split("\n") ?? []) {
    const [, node, name, status] = /^([^/\s]+)\/(\S+) (.+)$/.exec(line.trim()) ?? [];
    if (node && name && status) {
      containers.set(name, { node, status });
    }
  }
  const logs = [...said].flatMap(([section, { text }]) =>
    section.startsWith("log ") ? [[section.slice("log ".length), text] as const] : [],
  );
  return { containers, logs: new Map(logs), seconds };
}

/**
 * Looks until `done`, until one of the containers has ended, or until patience ends. It can take a moment until Swarm
 * notices that a restarted container runs.
 */
async function watch(
  test: OnManager,
  lines: number,
  containers: readonly string[],
  done: (now: Snapshot) => boolean,
): Promise<Snapshot> {
  const { seconds, pauseMilliseconds } = test.patience;
  const began = Date.now();
  for (;;) {
    const now = await takeSnapshot(test, lines, containers, began);
    const hopeless = now.seconds > seconds / 9 && containers.some((name) => ended(now, name));
    if (done(now) || hopeless || now.seconds > seconds) {
      return now;
    }
    await sleep(pauseMilliseconds);
  }
}

const logOf = ({ logs }: Snapshot, container: string) => logs.get(container) ?? "";
const ended = ({ containers }: Snapshot, container: string) =>
  /^(exited|dead|removing)/.test(containers.get(container)?.status ?? "");
const stateOf = ({ containers }: Snapshot, container: string) =>
  `is ${containers.get(container)?.status.toLowerCase() ?? "not listed"}`;
const time = ({ seconds }: Snapshot) => `within ${Math.round(seconds)} s`;

const self = ({ name }: InventoryHost, found: string): Complaint => ({ by: name, about: name, found });

function failure(said: Said | undefined, what: string): string[] {
  return said?.status === 0 ? [] : [`${what}: ${reason(said)}`];
}

function reason(said: Said | undefined): string {
  return lastLine(said?.text ?? "").replace(/^\S+ \S+: ERROR: /, "") || "no answer";
}

async function act(
  { script, run }: Pick<EventBusRun, "script" | "run">,
  host: InventoryHost,
  ...args: string[]
): Promise<ReadonlyMap<string, Said>> {
  return parseSections((await run(host, script, args)).stdout);
}
