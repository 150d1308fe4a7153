/** What Weave's routers report about the connections between hosts. */
import type { InventoryHost } from "../../cluster/inventory.js";
import { peerName } from "../../cluster/model.js";
import type { Evidence } from "./evidence.js";
import { parseWeaveReport, type WeaveConnection, type WeaveReport } from "./parsers.js";
import { textOf } from "./sections.js";

/** Bytes of the headers of IPv4 and UDP. */
export const headerBytes = 28;

export function reportOf({ views }: Pick<Evidence, "views">, host: string): WeaveReport | undefined {
  return parseWeaveReport(textOf(views, host, "weave-report"));
}

/** By peer name too: a host with several addresses may connect from another one than its address on the LAN. */
export function connectionsTo(
  { connections }: WeaveReport,
  { address }: Pick<InventoryHost, "address">,
): readonly WeaveConnection[] {
  return connections.filter((one) => one.address === address || one.peer === peerName(address));
}

/** The connections between two hosts, as the first one's router reports them. */
function connectionsBetween(evidence: Pick<Evidence, "inventory" | "views">, from: string, to: string) {
  const report = reportOf(evidence, from);
  const other = evidence.inventory.hosts.find(({ name }) => name === to);
  return report && other ? connectionsTo(report, other) : [];
}

export function isEstablished(evidence: Pick<Evidence, "inventory" | "views">, from: string, to: string): boolean {
  return connectionsBetween(evidence, from, to).some(({ state }) => state === "established");
}

/** Bytes of payload that Weave reports a connection to carry unfragmented. */
export function promisedBytes(evidence: Pick<Evidence, "inventory" | "views">, from: string, to: string): number {
  const mtus = connectionsBetween(evidence, from, to).flatMap(({ mtu }) => mtu ?? []);
  return Math.min(1500, ...mtus) - headerBytes;
}
