/** What a check is, and the ways in which one looks at the evidence. */
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import type { Complaint } from "../blame.js";
import type { Evidence } from "../evidence.js";
import type { NetworkResult, Reach } from "../network-result.js";
import type { Said, Section } from "../sections.js";

/** Where verify runs, beside the hosts' names and strangers' addresses. */
export const thisMachine = "this machine";

/** What was seen of the hosts in one look. */
export interface Observed {
  /** By host: in a few words, what is right. */
  readonly seen: ReadonlyMap<string, string>;
  readonly complaints: readonly Complaint[];
  /** By host: what to do about what is right, but not for long. */
  readonly advice?: ReadonlyMap<string, string>;
}

/** Looks at the evidence; nothing when it could not be tested. */
export type Observe = (evidence: Evidence) => Observed | undefined;

export interface Look {
  /** What has to be so, beside a fault. */
  readonly needed: string | ((evidence: Evidence) => string);
  /** How to fix what was found: `host` is the one at fault, or a stranger. */
  readonly fix: (host: string, evidence: Evidence, complaints: readonly Complaint[]) => string;
  readonly observe: Observe;
}

export interface Check extends Look {
  readonly name: string;
  readonly title: string;
  /** What has to be so as each host sees it, for docs/verify.md. */
  readonly doc: string;
  /** The checks whose failure on a host explains this one's there. They come earlier in the list. */
  readonly after: readonly string[];
  /** More looks, for what the ones before have not found fault with. */
  readonly further?: readonly Look[];
  /** Is what was seen a column of the page's table of hosts? */
  readonly inHostTable?: boolean;
  /** A section that `--transcript` shows, and the command that printed it. */
  readonly transcript?: { readonly section: Section; readonly command: string };
}

/** What one host's view shows: in a few words what is right, and what is not. */
export interface Sight {
  readonly seen: string;
  readonly complaints: readonly Omit<Complaint, "by">[];
  readonly advice?: string;
}

/** What a host printed in one of the sections that a check reads. */
type Read<Reads extends Section> = (section: Reads) => Said;

/**
 * Looks at the view of each host, or only of some.
 *
 * @param reads the sections that `look` may read; a host whose view lacks one of them is not tested
 */
export function inViews<const Reads extends Section>(
  reads: readonly Reads[],
  look: (host: InventoryHost, said: Read<Reads>, evidence: Evidence) => Sight,
  only: (host: InventoryHost) => boolean = () => true,
): Observe {
  return (evidence) => {
    const seen = new Map<string, string>();
    const advice = new Map<string, string>();
    const complaints: Complaint[] = [];
    for (const host of evidence.inventory.hosts.filter(only)) {
      const view = evidence.views.get(host.name);
      if (view === undefined || !reads.every((section) => view.has(section))) {
        continue;
      }
      const sight = look(host, (section) => view.get(section) ?? { status: 1, text: "" }, evidence);
      seen.set(host.name, sight.seen);
      if (sight.advice !== undefined) {
        advice.set(host.name, sight.advice);
      }
      complaints.push(...sight.complaints.map((one) => ({ by: host.name, ...one })));
    }
    return { seen, complaints, advice };
  };
}

/**
 * Looks at what the tests of the containers' network have found.
 *
 * @param reads the sections of a host's view that `look` takes into account; a host whose view lacks one is not tested
 */
export function inNetwork(
  reads: readonly Section[],
  look: (network: NetworkResult, evidence: Evidence) => Observed,
): Observe {
  return (evidence) => {
    if (evidence.network === undefined) {
      return undefined;
    }
    const { seen, complaints } = look(evidence.network, evidence);
    const hasAll = (host: string) => reads.every((section) => evidence.views.get(host)?.has(section));
    return {
      seen: new Map([...seen].filter(([host]) => hasAll(host))),
      complaints: complaints.filter(({ by }) => hasAll(by)),
    };
  };
}

/** Complains of every pair of hosts with which something is wrong. */
export function complainOfPairs(
  { reached }: NetworkResult,
  wrong: (from: string, to: string, reach: Reach) => string | undefined,
): Complaint[] {
  return [...reached].flatMap(([from, row]) =>
    [...row].flatMap(([to, reach]) => {
      const found = wrong(from, to, reach);
      return found === undefined ? [] : [{ by: from, about: to, found }];
    }),
  );
}

/** Why a systemd unit is at fault, from what `systemctl is-active` printed; nothing when it is active. */
export function whyInactive(unit: string, { text }: Said): string | undefined {
  return text === "active" ? undefined : `${unit}.service is ${text}`;
}

/** The fault of a host's own, if there is one, else what a further look shows. */
export function unless(fault: string | undefined, host: InventoryHost, look: () => Sight): Sight {
  return fault === undefined ? look() : complaintOfItself(host, fault);
}

export const complaintOfItself = ({ name }: InventoryHost, found: string): Sight => ({
  seen: "",
  complaints: [{ about: name, found }],
});

export const restart = (unit: string, host: string): string =>
  `on ${host}: systemctl restart ${unit}; journalctl -u ${unit} -n 30 shows why it stopped`;

export const isMember = ({ inventory }: Evidence, name: string): boolean =>
  inventory.hosts.some((host) => host.name === name);

/** What is not about members that are down: they may be listed for a while, in whatever state. */
export const withoutAbsent = <T extends { readonly address: string }>(
  { absent }: Inventory,
  list: readonly T[],
): readonly T[] => list.filter(({ address }) => !absent.some((host) => host.address === address));

/** Complains of hosts that are missing in a list or wrong in it, and of strangers in it, who go by their address. */
export function complainOfList<T extends { readonly address: string }>(
  hosts: readonly InventoryHost[],
  present: readonly T[],
  what: string,
  wrong: (host: InventoryHost, entry: T) => string | undefined,
): Sight["complaints"] {
  const missing = hosts.flatMap((host) => {
    const entry = present.find(({ address }) => address === host.address);
    const found = entry === undefined ? `is not a ${what}` : wrong(host, entry);
    return found === undefined ? [] : [{ about: host.name, found }];
  });
  const strangers = present
    .filter(({ address }) => !hosts.some((host) => host.address === address))
    .map(({ address }) => ({ about: address, found: `is a ${what}, but not in the cluster file` }));
  return [...missing, ...strangers];
}
