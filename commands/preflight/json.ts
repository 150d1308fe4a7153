/** The preflight's result as programs read it. */
import type { Inventory } from "../../cluster/inventory.js";
import type { PreflightJson } from "./json-schema.js";
import type { ExitStatus, PreflightResult } from "./result.js";

const results = ["fit", "problems", "could not tell"] as const;

export function preflightJson(
  inventory: Inventory,
  { findings, facts, undecided, network }: PreflightResult,
  status: ExitStatus,
): PreflightJson {
  return {
    version: 1,
    cluster: inventory.name,
    result: results[status],
    findings: [...findings],
    hosts: inventory.hosts.map(({ name, address }) => ({
      name,
      address,
      ...(undecided.has(name) ? { undecided: undecided.get(name) } : {}),
      facts: { ...facts.get(name) },
      ...(network.clocks.has(name) ? { clock: network.clocks.get(name) } : {}),
    })),
    links: [...network.connections],
    paths: [...network.packetSizes],
  };
}
