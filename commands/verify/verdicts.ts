/** What the checks are, and how what they find becomes a verdict on each host. */

import type { Inventory } from "../../cluster/inventory.js";
import { label } from "../shared/findings.js";
import { blame, type Complaint } from "./blame.js";

/** Each check, what it looks at, and the checks whose failure on a host explains its own there. */
export const checks = {
  engine: { title: "Docker Engine runs", after: [] },
  consul: { title: "Consul members equal the cluster file", after: [] },
  leader: { title: "One Consul leader, all servers vote, Autopilot healthy", after: ["consul"] },
  gossip: { title: "Consul gossip encrypted", after: ["consul"] },
  weave: { title: "Weave connections between all pairs", after: ["engine"] },
  ipam: { title: "Weave address ranges owned by living peers", after: ["weave"] },
  proxy: { title: "Weave proxy answers the Docker API", after: ["weave"] },
  swarm: { title: "Swarm nodes equal the cluster file, one primary", after: ["consul", "leader", "proxy"] },
  versions: { title: "Versions equal the cluster file", after: ["engine", "consul", "weave", "swarm"] },
  schedule: { title: "Swarm keeps containers apart by affinity", after: ["swarm", "ipam"] },
  dns: { title: "Containers find each other by weave.local name", after: ["schedule"] },
  ping: { title: "Containers ping each other, both ways", after: ["dns"] },
  tcp: { title: "Containers talk TCP, both ways", after: ["ping"] },
  multicast: { title: "UDP multicast to 224.2.2.3:54327", after: ["ping"] },
  mtu: { title: "Largest datagram that passes in one piece", after: ["ping"] },
  "event-bus": { title: "Vert.x event bus between all hosts (--vertx)", after: ["tcp", "multicast"] },
} as const satisfies Record<string, { title: string; after: readonly string[] }>;

export type Check = keyof typeof checks;
export const checkNames = Object.keys(checks) as Check[];

/** All checks whose failure explains a failure of this one. */
export function causesOf(check: Check): Set<Check> {
  const direct: readonly Check[] = checks[check].after;
  return new Set(direct.flatMap((cause) => [cause, ...causesOf(cause)]));
}

/** What one check has seen. */
export interface Observation {
  readonly check: Check;
  /** Hosts that it was about, and in a few words what was seen where all is well. */
  readonly seen: ReadonlyMap<string, string>;
  readonly complaints: readonly Complaint[];
  readonly needed: string;
  /** How to fix what was found at fault: `host` is the one to blame, or a stranger. */
  fix(host: string, complaints: readonly Complaint[]): string;
}

/** What one check says of one host, or of a stranger's address. */
export interface Verdict {
  readonly host: string;
  readonly check: Check;
  /** `follows`: something is wrong, but another check's failure on this host explains it; `unknown`: it could not be asked. */
  readonly status: "ok" | "failed" | "follows" | "unknown";
  readonly found: string;
  readonly needed?: string;
  readonly fix?: string;
  /** What explains it. */
  readonly because?: string;
}

/** Judges all observations, in the order of causes. `silent` are the hosts that could not be asked. */
export function judge(
  inventory: Inventory,
  observations: readonly Observation[],
  silent: ReadonlySet<string>,
): Verdict[] {
  const names = inventory.hosts.map(({ name }) => name);
  const failed = new Map<string, Check[]>();
  const verdicts = new Map<string, Verdict>();
  for (const check of checkNames) {
    const causes = causesOf(check);
    const cause = (host: string) =>
      silent.has(host) ? "it could not be asked" : failed.get(host)?.find((other) => causes.has(other));
    const key = (host: string) => `${host} ${check}`;
    for (const { seen, complaints, needed, fix } of observations.filter((one) => one.check === check)) {
      // A stranger is at fault, however few have noticed it.
      const strangers = complaints.map(({ about }) => about).filter((about) => !names.includes(about));
      const known = new Set([...names.filter((host) => cause(host) !== undefined), ...strangers]);
      const shares = blame(complaints, known);
      for (const [host, text] of seen) {
        const earlier = verdicts.get(key(host));
        if (shares.has(host) || (earlier && earlier.status !== "ok")) continue;
        verdicts.set(key(host), { host, check, status: "ok", found: text || (earlier?.found ?? "") });
      }
      for (const [host, share] of shares) {
        const because = cause(host);
        const found = inWords(inventory, host, share);
        const earlier = verdicts.get(key(host));
        // The first thing found wrong is the nearest to its cause.
        if (earlier && earlier.status !== "ok") continue;
        verdicts.set(key(host), {
          host,
          check,
          status: silent.has(host) ? "unknown" : because === undefined ? "failed" : "follows",
          found,
          needed,
          fix: fix(host, share),
          ...(because === undefined ? {} : { because }),
        });
      }
    }
    for (const { host, status } of verdicts.values()) {
      if (status === "failed" && verdicts.get(key(host))?.status === "failed" && !failed.get(host)?.includes(check)) {
        failed.set(host, [...(failed.get(host) ?? []), check]);
      }
    }
  }
  return [...verdicts.values()];
}

/** One line of what several hosts say: the same words once, with who said them. */
function inWords({ hosts }: Inventory, blamed: string, share: readonly Complaint[]): string {
  const said = new Map<string, { readonly seenBy: Set<string>; readonly towards: Set<string> }>();
  // Nobody knows better than the host itself.
  const own = share.filter(({ by, about }) => by === blamed && about === blamed).map(({ found }) => found);
  for (const { by, about, found } of share) {
    if (own.length > 0 && !own.includes(found)) continue;
    const { seenBy, towards } = said.get(found) ?? { seenBy: new Set(), towards: new Set() };
    said.set(found, {
      seenBy: by === blamed ? seenBy : seenBy.add(by),
      towards: about === blamed ? towards : towards.add(about),
    });
  }
  const members = new Set(hosts.map(({ name }) => name));
  const names = (some: ReadonlySet<string>) => [...some].filter((name) => members.has(name)).join(", ");
  return [...said]
    .map(([found, { seenBy, towards }]) =>
      seenBy.size > 0
        ? `${found}, seen by ${names(seenBy)}`
        : towards.size > 0
          ? `${found}, to ${names(towards)}`
          : found,
    )
    .join("; ");
}

/** A member's label, or the stranger's address as it stands. */
export function labelOf({ hosts }: Inventory, name: string): string {
  const host = hosts.find((one) => one.name === name);
  return host ? label(host) : name;
}
