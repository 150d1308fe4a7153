/**
 * Which Docker Engine goes with which Weave Net and which Swarm.
 *
 * Both are old clients of the engine's API, and each engine refuses clients below a floor of its own: 1.12 up to
 * engine 24, 1.24 from 25 to 28, 1.44 in 29.0 to 29.2 and 1.40 after it.
 */

import type { Inventory } from "./inventory.js";
import { compareVersions } from "./versions.js";

/** A component's own API version: the engine's floor must not be above it. */
export interface ApiNeed {
  readonly component: string;
  readonly api: string;
}

/** What the chosen Weave Net and Swarm need. */
export function apiNeeds({ weave, swarm }: Inventory["settings"]): ApiNeed[] {
  const old = weave.images === "weaveworks" || compareVersions(weave.version, "2.8.3") < 0;
  return [
    { component: `Weave Net ${weave.version} of ${weave.images}`, api: old ? "1.18" : "1.24" },
    { component: `Swarm ${swarm.version}`, api: swarmApi(swarm.version) },
  ];
}

function swarmApi(version: string): string {
  const steps = [
    ["1.2.9", "1.31"],
    ["1.2.8", "1.30"],
    ["1.2.6", "1.25"],
    ["1.2.4", "1.24"],
  ] as const;
  return steps.find(([from]) => compareVersions(version, from) >= 0)?.[1] ?? "1.23";
}

/** The floor that an engine of this version has when nobody changed it; a package's version serves too (`5:28.5.1-1~debian…`). */
export function defaultFloor(engineVersion: string): string {
  const version = engineVersion.replace(/^\d+:/, "");
  if (compareVersions(version, "25") < 0) return "1.12";
  if (compareVersions(version, "29") < 0) return "1.24";
  return compareVersions(version, "29.3") < 0 ? "1.44" : "1.40";
}

/** The way out when an engine's floor is above what `needs` have. */
export function floorFix(engineVersion: string, needs: readonly ApiNeed[], { weave }: Inventory["settings"]): string {
  const major = Number.parseInt(engineVersion.replace(/^\d+:/, ""), 10);
  const lowered = "set DOCKER_MIN_API_VERSION=1.24 in the environment of docker.service and restart it";
  const modern = weave.images === "weaveworks" && needs.some(({ api }) => api === "1.18");
  const otherWeave = "set weave.images: rajchaudhuri and weave.version: 2.9.0 in the cluster file";
  if (major < 29)
    return modern ? `${otherWeave}, or use an engine up to 24` : "use a Weave Net and Swarm of API 1.24 or newer";
  return modern
    ? `use Docker Engine 28 and ${otherWeave}, or use an engine up to 24`
    : `use Docker Engine 25 to 28, or ${lowered}`;
}
