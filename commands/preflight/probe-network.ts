/** Who reaches whom: all hosts listen on the cluster's ports for some seconds, and try those of the others. */
import { randomBytes } from "node:crypto";
import { createConnection, Socket } from "node:net";
import { getSystemErrorMap } from "node:util";
import type { Inventory, InventoryHost } from "../../cluster/inventory.js";
import { ports, portsBetween } from "../../cluster/ports.js";
import { onAll } from "../../ssh/contact.js";
import { lastLine } from "../../ssh/explain.js";
import { perlSession, type Reply, type Session } from "../../ssh/session.js";
import type { Open } from "../../ssh/ssh.js";
import type { Connect } from "../../ssh/tunnel.js";
import { fullMatrix, ringNeighbours } from "./limits.js";

/** One port of one host as seen from another, or from the host itself: `ok`, or how it failed. */
export interface Connection {
  readonly from: string;
  readonly to: string;
  /** NUMBER/PROTOCOL */
  readonly port: string;
  readonly outcome: string;
}

/** The largest packet, in bytes, that one host gives its network for another, and the largest that came back. */
export interface PacketSizes {
  readonly from: string;
  readonly to: string;
  readonly sent: number;
  /** 0 when nothing came back: then the network lets no echo through, and nothing is known. */
  readonly answered: number;
}

export interface Clock {
  /** Seconds by which the host is before the operator's machine. */
  readonly ahead: number;
  /** … give or take so many: half of the time that asking took. */
  readonly uncertain: number;
}

export interface NetworkProbe {
  readonly connections: readonly Connection[];
  readonly packetSizes: readonly PacketSizes[];
  readonly clocks: ReadonlyMap<string, Clock>;
  /** Hosts that took no part, with what they said. */
  readonly silent: ReadonlyMap<string, string>;
  /** Hosts whose Docker API, through Weave's proxy, cannot be reached from here, where Terraform runs, with what happened. */
  readonly unreached: ReadonlyMap<string, string>;
}

/** The port of every host that the machine reaches which deploys: Terraform makes Swarm's containers through it. */
export const operatorPort = `${ports.weaveProxy.number}/tcp`;

/** Every host of a group keeps a connection open until the last of them has answered. */
const groupSize = 60;

/** After this time without an answer, none is expected: a lost packet is sent again after 0.25 s (UDP) or 1 s (TCP). */
const silenceSeconds = 2.5;

/** The way from here may be longer than that between hosts. */
const knockSeconds = 10;

/** Hosts that try each other. Neighbours in the file, often in one rack, are in different groups. */
export function groups<H>(hosts: readonly H[]): H[][] {
  const count = Math.ceil(hosts.length / groupSize);
  return Array.from({ length: count }, (_, group) => hosts.filter((_, i) => i % count === group));
}

/** Those that a host of a group tries. */
export function targetsOf<H>(group: readonly H[], host: H): H[] {
  const others = group.length <= fullMatrix ? group.length - 1 : ringNeighbours;
  const start = group.indexOf(host);
  return Array.from({ length: others }, (_, i) => group[(start + 1 + i) % group.length] as H);
}

/**
 * Tries all of it. Everything that listens is gone when this returns.
 *
 * @param program the text of `scripts/host/probes/port-probe.pl`
 * @param quiet until then nobody listens: each host is still being asked who holds its ports
 * @param connect the way from here to the hosts' own ports
 */
export async function probeNetwork(
  { hosts, settings }: Inventory,
  program: string,
  open: Open,
  quiet: Promise<unknown>,
  connect: Connect = directly,
): Promise<NetworkProbe> {
  const found = {
    connections: [] as Connection[],
    packetSizes: [] as PacketSizes[],
    clocks: new Map<string, Clock>(),
    silent: new Map<string, string>(),
    unreached: new Map<string, string>(),
  };
  for (const group of groups(hosts)) {
    const members = group.map((host) => ({
      host,
      session: perlSession(open, host, program, [host.name, host.address]),
    }));
    try {
      await probeGroup(members, { loginSeconds: settings.ssh.timeoutSeconds, quiet, connect }, found);
    } finally {
      for (const { host, session } of members) {
        const errors = session.end();
        if (!found.clocks.has(host.name)) {
          found.silent.set(host.name, lastLine(errors) || "no answer");
        }
      }
    }
  }
  return found;
}

interface Member {
  readonly host: InventoryHost;
  readonly session: Session;
}

interface Found {
  readonly connections: Connection[];
  readonly packetSizes: PacketSizes[];
  readonly clocks: Map<string, Clock>;
  readonly unreached: Map<string, string>;
}

interface From {
  readonly loginSeconds: number;
  readonly quiet: Promise<unknown>;
  readonly connect: Connect;
}

async function probeGroup(group: readonly Member[], { loginSeconds, quiet, connect }: From, found: Found) {
  // Nobody listens before everybody is there: a slow login keeps no port open on other hosts.
  const ready = await onAll(group, ({ session }) => session.ask("", loginSeconds + 5));
  const present = group.filter((_, i) => ready[i] !== undefined);
  const hosts = present.map(({ host }) => host);
  const ask: AskAll = async (request, seconds) => {
    const replies = await onAll(present, ({ host, session }) => session.ask(request(host), seconds));
    return new Map(hosts.map((host, i) => [host, replies[i]]));
  };

  for (const [{ name }, reply] of await ask(() => "clock", 10)) {
    const clock = clockOf(reply);
    if (clock) {
      found.clocks.set(name, clock);
    }
  }
  await quiet;
  const listening = await listen(ask, hosts);
  const [probed, knocked] = await Promise.all([
    ask((host) => probeRequest(host, hosts, listening), silenceSeconds + 10),
    onAll(hosts, (host) => knock(host, listening.get(host), connect)),
  ]);
  for (const [i, { name }] of hosts.entries()) {
    const outcome = knocked[i];
    if (outcome !== undefined) {
      found.unreached.set(name, outcome);
    }
  }
  const arrived = arrivalsIn(await ask(() => "arrived", 10));
  for (const [{ name: from }, reply] of probed) {
    for (const [to = "", port = "", ...outcome] of words(reply, "link")) {
      const oneWay = outcome[0] === "no" && arrived.has(`${from} ${to} ${port}`);
      const how = oneWay ? "arrives, but the answer does not" : outcome.join(" ");
      found.connections.push({ from, to, port, outcome: how });
    }
    for (const [to = "", sent, answered] of words(reply, "mtu")) {
      found.packetSizes.push({ from, to, sent: Number(sent), answered: Number(answered) });
    }
  }
}

type Replies = ReadonlyMap<InventoryHost, Reply | undefined>;
/** Asks all hosts of a group at once. */
type AskAll = (request: (host: InventoryHost) => string, seconds: number) => Promise<Replies>;

function clockOf(reply: Reply | undefined): Clock | undefined {
  const time = Number(words(reply, "clock")[0]?.[0]);
  if (reply === undefined || !Number.isFinite(time)) {
    return undefined;
  }
  const { asked, answered } = reply;
  return { ahead: time - (asked + answered) / 2, uncertain: (answered - asked) / 2 };
}

const directly: Connect = (address, port) => createConnection(port, address);

/** What comes of trying a host's Docker API from here; nothing when it is reached, or was not tried. */
async function knock(host: InventoryHost, listening: Reply | undefined, connect: Connect): Promise<string | undefined> {
  const [target] = host.ports.includes(`${operatorPort}/weave`) ? asTarget(listening, operatorPort) : [];
  if (target === undefined) {
    return undefined;
  }
  const stream = connect(host.address, ports.weaveProxy.number);
  // A proxy that does not answer is for others to judge, where it can be told that it is there.
  const silence = target.endsWith("+") && !(stream instanceof Socket) ? undefined : "no answer";
  return new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve(silence), knockSeconds * 1000);
    stream.once("error", (error: NodeJS.ErrnoException) => resolve(inWords(error)));
    stream.once("close", () => resolve("it closes the connection"));
    stream.once("connect", () => resolve(undefined));
    stream.once("data", () => resolve(undefined));
    stream.once("close", () => clearTimeout(timer));
    // What listens for the preflight speaks first; a proxy does not.
    stream.write("GET /_ping HTTP/1.0\r\n\r\n");
  }).finally(() => stream.destroy());
}

/** `connection refused`, as hosts say it, and not Node's `connect ECONNREFUSED …`. */
function inWords({ errno, message }: NodeJS.ErrnoException): string {
  return (errno !== undefined && getSystemErrorMap().get(errno)?.[1]) || message;
}

/** Lets every host listen on the ports that one of these, or Terraform, has to reach. */
function listen(ask: AskAll, hosts: readonly InventoryHost[]): Promise<Replies> {
  // A stray answer of another run must not count.
  const token = randomBytes(6).toString("hex");
  return ask((host) => {
    const wanted = hosts.flatMap((other) => portsBetween(other, host));
    const forTerraform = host.ports.includes(`${operatorPort}/weave`) ? [operatorPort] : [];
    return ["listen", token, ...new Set([...wanted, ...forTerraform])].join(" ");
  }, 10);
}

/** What a host is to try on the others, as port-probe.pl reads it. */
function probeRequest(host: InventoryHost, hosts: readonly InventoryHost[], listening: Replies): string {
  const targets = [host, ...targetsOf(hosts, host)].map((to) => {
    const ports = portsBetween(host, to).flatMap((port) => asTarget(listening.get(to), port));
    return ["target", to.name, to.address, ...ports].join(" ");
  });
  return [...targets, `probe ${silenceSeconds}`].join("\n");
}

/** How a port is tried, if at all, given what its host said when it was asked to listen. */
function asTarget(listening: Reply | undefined, port: string): string[] {
  const says = (what: string) => words(listening, what).some(([first]) => first === port);
  if (listening === undefined || says("failed")) {
    return [];
  }
  if (!says("busy")) {
    return [port];
  }
  // A service that is there already is tried by connecting to it; a datagram it would not answer.
  return port.endsWith("/tcp") ? [`${port}+`] : [];
}

/** `FROM TO PORT` of the datagrams that arrived, whether or not the answer did. */
function arrivalsIn(replies: Replies): ReadonlySet<string> {
  const lines = [...replies].flatMap(([to, reply]) =>
    words(reply, "arrived").map(([from, port]) => `${from} ${to.name} ${port}`),
  );
  return new Set(lines);
}

/** The rest of the lines that begin with a word, in words. */
function words(reply: Reply | undefined, first: string): string[][] {
  return (reply?.lines ?? [])
    .map((line) => line.trim().split(/\s+/))
    .filter(([word]) => word === first)
    .map(([, ...rest]) => rest);
}
