/** All checks, in the order of the report: what explains a failure comes before what it explains. */
import { certificates } from "./certificates.js";
import type { Check } from "./check.js";
import { consul, gossip, leader } from "./consul.js";
import { engine } from "./engine.js";
import { eventBus } from "./event-bus.js";
import { firewall } from "./firewall.js";
import { dns, mtu, multicast, ping, schedule, tcp } from "./network.js";
import { swarm } from "./swarm.js";
import { versions } from "./versions.js";
import { ipam, proxy, weave } from "./weave.js";

const list = [
  engine,
  firewall,
  consul,
  leader,
  gossip,
  weave,
  ipam,
  certificates,
  proxy,
  swarm,
  versions,
  schedule,
  dns,
  ping,
  tcp,
  multicast,
  mtu,
  eventBus,
] as const satisfies readonly Check[];

export type CheckName = (typeof list)[number]["name"];

export type NamedCheck = Check & { readonly name: CheckName };
export const checks: readonly NamedCheck[] = list;
export const checkNames: readonly CheckName[] = checks.map(({ name }) => name);

/** The checks whose failure explains a failure of this one, directly or through others. */
export function causesOf(name: string): Set<string> {
  const direct = checks.find((check) => check.name === name)?.after ?? [];
  return new Set(direct.flatMap((cause) => [cause, ...causesOf(cause)]));
}
