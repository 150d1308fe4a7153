/** Who reaches whom: all hosts listen for a moment on the cluster's ports, and try those of the others. */
import { randomBytes } from "node:crypto";
import type { Inventory, InventoryHost } from "../../cluster/inventory.js";
import { portsBetween } from "../../cluster/ports.js";
import { lastLine, onAll } from "../../ssh/contact.js";
import { type Answer, perlSession, type Session } from "../../ssh/session.js";
import type { Open } from "../../ssh/ssh.js";

/** One port of one host as seen from another: `ok`, or how it failed. */
export interface Link {
  readonly from: string;
  readonly to: string;
  /** `6783/udp` */
  readonly port: string;
  readonly outcome: string;
}

/** The largest packet, in bytes, that one host gives its network for another, and the largest that came back. */
export interface Path {
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

export interface Links {
  readonly links: readonly Link[];
  readonly paths: readonly Path[];
  readonly clocks: ReadonlyMap<string, Clock>;
  /** Hosts that took no part, with what they said. */
  readonly silent: ReadonlyMap<string, string>;
}

/** Up to so many hosts each tries every other; in larger clusters the next few of a ring. */
const fullMatrix = 20;
const ringNeighbours = 3;
/** Every host of a group keeps a connection open until the last of them has answered. */
const groupSize = 60;

/** How long silence has to last: a lost packet is sent again after a quarter of a second (UDP) or a second (TCP). */
const patience = 2.5;

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
 * @param quiet until then nobody listens: somebody is looking who holds the ports
 */
export async function probeLinks(
  { hosts, settings }: Inventory,
  program: string,
  open: Open,
  quiet: Promise<unknown>,
): Promise<Links> {
  const found = { links: [] as Link[], paths: [] as Path[], clocks: new Map(), silent: new Map() };
  for (const group of groups(hosts)) {
    const members = group.map((host) => ({
      host,
      session: perlSession(open, host, program, [host.name, host.address]),
    }));
    try {
      await probeGroup(members, settings.ssh.timeoutSeconds, quiet, found);
    } finally {
      for (const { host, session } of members) {
        const errors = session.end();
        if (!found.clocks.has(host.name)) found.silent.set(host.name, lastLine(errors) || "no answer");
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
  readonly links: Link[];
  readonly paths: Path[];
  readonly clocks: Map<string, Clock>;
}

async function probeGroup(
  group: readonly Member[],
  loginSeconds: number,
  quiet: Promise<unknown>,
  { links, paths, clocks }: Found,
) {
  // Nobody listens before everybody is there: a slow login keeps no port open on other hosts.
  const ready = await onAll(group, ({ session }) => session.ask("", loginSeconds + 5));
  const present = group.filter((_, i) => ready[i] !== undefined);
  const askAll = async (request: (host: InventoryHost) => string, seconds: number) => {
    const answers = await onAll(present, ({ host, session }) => session.ask(request(host), seconds));
    return new Map(present.map(({ host }, i) => [host, answers[i]]));
  };
  const hosts = present.map(({ host }) => host);

  for (const [{ name }, answer] of await askAll(() => "clock", 10)) {
    const time = Number(words(answer, "clock")[0]?.[0]);
    if (!answer || !Number.isFinite(time)) continue;
    const { asked, answered } = answer;
    clocks.set(name, { ahead: time - (asked + answered) / 2, uncertain: (answered - asked) / 2 });
  }

  await quiet;
  // A stray answer of another run must not count.
  const token = randomBytes(6).toString("hex");
  const listening = await askAll((host) => {
    const wanted = hosts.filter((other) => other !== host).flatMap((other) => portsBetween(other, host));
    return ["listen", token, ...new Set(wanted)].join(" ");
  }, 10);
  const says = (host: InventoryHost, what: string, port: string) =>
    words(listening.get(host), what).some(([first]) => first === port);
  const toTry = (host: InventoryHost, port: string): string[] => {
    if (listening.get(host) === undefined || says(host, "failed", port)) return [];
    if (!says(host, "busy", port)) return [port];
    // A service that is there already is tried by connecting to it; a datagram it would not answer.
    return port.endsWith("/tcp") ? [`${port}+`] : [];
  };

  const probed = await askAll(
    (host) =>
      [
        ...targetsOf(hosts, host).map((to) =>
          ["target", to.name, to.address, ...portsBetween(host, to).flatMap((port) => toTry(to, port))].join(" "),
        ),
        `probe ${patience}`,
      ].join("\n"),
    patience + 10,
  );
  const arrivals = await askAll(() => "arrived", 10);
  const arrived = new Set(
    [...arrivals].flatMap(([to, answer]) =>
      words(answer, "arrived").map(([from, port]) => `${from} ${to.name} ${port}`),
    ),
  );
  for (const [{ name: from }, answer] of probed) {
    for (const [to = "", port = "", ...outcome] of words(answer, "link")) {
      const oneWay = outcome[0] === "no" && arrived.has(`${from} ${to} ${port}`);
      links.push({ from, to, port, outcome: oneWay ? "arrives, but the answer does not" : outcome.join(" ") });
    }
    for (const [to = "", sent, answered] of words(answer, "mtu")) {
      paths.push({ from, to, sent: Number(sent), answered: Number(answered) });
    }
  }
}

/** The rest of the lines that begin with a word, in words. */
function words(answer: Answer | undefined, first: string): string[][] {
  return (answer?.lines ?? [])
    .map((line) => line.trim().split(/\s+/))
    .filter(([word]) => word === first)
    .map(([, ...rest]) => rest);
}
