/**
 * Which Docker Engine goes with which Weave Net and which Swarm.
 *
 * Both are old clients of the engine's API, and each engine refuses clients below a floor of its own.
 */

import type { Inventory } from "./inventory.js";
import { compareVersions } from "./versions.js";

interface Since {
  /** The first version that this row is about; the next row above it ends it. */
  readonly from: string;
  readonly api: string;
}

/** The oldest API that an engine answers, unless its operator lowered it. Newest first. */
const engineFloors: readonly Since[] = [
  { from: "29.3", api: "1.40" },
  { from: "29", api: "1.44" },
  { from: "25", api: "1.24" },
  { from: "0", api: "1.12" },
];

/** The API that each component speaks. Newest first. */
const swarmApis: readonly Since[] = [
  { from: "1.2.9", api: "1.31" },
  { from: "1.2.8", api: "1.30" },
  { from: "1.2.6", api: "1.25" },
  { from: "1.2.4", api: "1.24" },
  { from: "0", api: "1.23" },
];
const weaveApis: Readonly<Record<Weave["images"], readonly Since[]>> = {
  weaveworks: [{ from: "0", api: "1.18" }],
  rajchaudhuri: [
    { from: "2.8.3", api: "1.24" },
    { from: "0", api: "1.18" },
  ],
};

/** The newest API that Swarm answers, and the first docker command that no longer speaks it. */
export const swarmClients = { api: "1.30", refusedFrom: "29" } as const;

/** Where the way out of an engine that refuses its clients changes. */
const firstModernEngine = 25;
const firstStrictEngine = 29;
/** The Weave Net to change to, and the API that it and Swarm need. */
const modernWeave = { images: "rajchaudhuri", version: "2.9.0", api: "1.24" } as const;

type Weave = Inventory["settings"]["weave"];

/** A component's own API version: the engine's floor must not be above it. */
export interface ApiNeed {
  readonly component: string;
  readonly api: string;
}

/** What the chosen Weave Net and Swarm need. */
export function apiNeeds({ weave, swarm }: Inventory["settings"]): ApiNeed[] {
  return [
    { component: `Weave Net ${weave.version} of ${weave.images}`, api: apiOf(weaveApis[weave.images], weave.version) },
    { component: `Swarm ${swarm.version}`, api: apiOf(swarmApis, swarm.version) },
  ];
}

function apiOf(table: readonly Since[], version: string): string {
  const row = table.find(({ from }) => compareVersions(version, from) >= 0);
  if (row === undefined) {
    throw new Error(`no API version is known for version ${version}`);
  }
  return row.api;
}

/** A package's version serves too: `5:28.5.1-1~debian…`. */
const withoutEpoch = (version: string) => version.replace(/^\d+:/, "");

/** The floor that an engine of this version has when nobody changed it. */
export function defaultFloor(engineVersion: string): string {
  return apiOf(engineFloors, withoutEpoch(engineVersion));
}

/** The way out when an engine's floor is above what `needs` have. */
export function floorFix(engineVersion: string, needs: readonly ApiNeed[], { weave }: Inventory["settings"]): string {
  const strict = Number.parseInt(withoutEpoch(engineVersion), 10) >= firstStrictEngine;
  const { images, version, api } = modernWeave;
  const otherWeave = `set weave.images: ${images} and weave.version: ${version} in the cluster file`;
  const oldEngine = `use an engine up to ${firstModernEngine - 1}`;
  if (weave.images === "weaveworks" && needs.some((need) => compareVersions(need.api, api) < 0)) {
    const newerEngine = strict ? `use Docker Engine ${firstStrictEngine - 1} and ` : "";
    return `${newerEngine}${otherWeave}, or ${oldEngine}`;
  }
  if (!strict) {
    return `use a Weave Net and Swarm that speak API ${api} or newer`;
  }
  const lowered = `set DOCKER_MIN_API_VERSION=${api} in the environment of docker.service and restart it`;
  return `use Docker Engine ${firstModernEngine} to ${firstStrictEngine - 1}, or ${lowered}`;
}
