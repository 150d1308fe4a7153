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

interface Engine extends Since {
  /** The oldest API that the engine answers when it is told to, by DOCKER_MIN_API_VERSION in its environment. */
  readonly lowest: string;
}

/** The oldest API that an engine answers, unless its operator lowered it. Newest first. */
const engines: readonly Engine[] = [
  { from: "29.3", api: "1.40", lowest: "1.24" },
  { from: "29", api: "1.44", lowest: "1.24" },
  // 25 takes lower ones too, which nobody has tried with Weave Net.
  { from: "25", api: "1.24", lowest: "1.24" },
  { from: "0", api: "1.12", lowest: "1.12" },
];

/** The API that each component speaks. Newest first. */
const swarmApis: readonly Since[] = [
  { from: "1.2.9", api: "1.31" },
  { from: "1.2.8", api: "1.30" },
  { from: "1.2.6", api: "1.25" },
  { from: "1.2.4", api: "1.24" },
  { from: "0", api: "1.23" },
];
const weaveApis: Readonly<Partial<Record<Weave["images"], readonly Since[]>>> = {
  weaveworks: [{ from: "0", api: "1.18" }],
  rajchaudhuri: [
    { from: "2.8.3", api: "1.24" },
    { from: "0", api: "1.18" },
  ],
};

/**
 * The API that a docker command has to speak through Weave's proxy, and so through Swarm's managers, whatever it would speak by
 * itself. The proxy passes a stream on only when the engine calls it `application/vnd.docker.raw-stream`. To clients of 1.42 and
 * newer, engines call the stream of `attach` something else, so that `run` prints nothing; and to older ones, engines from 23 on
 * call logs so, which then are no stream that the command can read. docker 29 takes nothing below 1.40 for its own.
 */
export const proxyApis = { streams: "1.40", logs: "1.42" } as const;

/** The first docker command that speaks no API that Swarm's managers say they answer. */
const firstForeignCommand = 29;

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
export function apiNeeds({ weave, swarm }: Pick<Inventory["settings"], "weave" | "swarm">): ApiNeed[] {
  const weaveApi = weave.dockerApi ?? rowOf(weaveApis[weave.images] ?? [], weave.version).api;
  return [
    { component: `Weave Net ${weave.version} of ${weave.images}`, api: weaveApi },
    { component: `Swarm ${swarm.version}`, api: rowOf(swarmApis, swarm.version).api },
  ];
}

/** The oldest API that the engine has to answer. */
export const neededApi = (settings: Pick<Inventory["settings"], "weave" | "swarm">): string =>
  apiNeeds(settings)
    .map(({ api }) => api)
    .reduce((one, other) => (compareVersions(one, other) < 0 ? one : other));

function rowOf<T extends Since>(table: readonly T[], version: string): T {
  const row = table.find(({ from }) => compareVersions(version, from) >= 0);
  if (row === undefined) {
    throw new Error(`no API version is known for version ${version}`);
  }
  return row;
}

/** A package's version serves too: `5:28.5.1-1~debian…`. */
const withoutEpoch = (version: string) => version.replace(/^\d+:/, "");

/** The floor that an engine of this version has when nobody changed it. */
export function defaultFloor(engineVersion: string): string {
  return rowOf(engines, withoutEpoch(engineVersion)).api;
}

/** Does an engine of this version answer this API once its floor is lowered? */
export function canAnswer(engineVersion: string, api: string): boolean {
  return compareVersions(rowOf(engines, withoutEpoch(engineVersion)).lowest, api) <= 0;
}

/** Is this the version of an engine's package that `docker.version` asks for, or one of those? */
export const isPinned = (packageVersion: string, pin: string): boolean =>
  new RegExp(`^${pin.replaceAll(".", "\\.")}(?![0-9])`).test(withoutEpoch(packageVersion));

/** Does a docker command of this version speak to Swarm's managers only if DOCKER_API_VERSION tells it how? */
export const needsTelling = (commandVersion: string): boolean =>
  compareVersions(commandVersion, String(firstForeignCommand)) >= 0;

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
  const lowered = "set docker.lowerApiFloor: true in the cluster file, which restarts docker.service once";
  return `use Docker Engine ${firstModernEngine} to ${firstStrictEngine - 1}, or ${lowered}`;
}
