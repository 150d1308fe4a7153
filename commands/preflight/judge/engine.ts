/** Do the host's engine, or the one that the deploy installs, and the chosen Weave Net and Swarm work together? */
import {
  apiNeeds,
  canAnswer,
  defaultFloor,
  floorFix,
  isPinned,
  neededApi,
  needsTelling,
} from "../../../cluster/engines.js";
import type { Inventory } from "../../../cluster/inventory.js";
import { compareVersions } from "../../../cluster/versions.js";
import { plural } from "../../shared/findings.js";
import type { Judgement } from "../checks.js";
import { type Facts, platformsOf } from "../facts.js";

export const lockFix = "run scripts/lock, then review the changes to artifacts.lock.json";

const engineJudgement = (found: string, needed: string, fix: string): Judgement => ({
  check: "engine",
  found,
  needed,
  fix,
});

export function judgeEngine(inventory: Inventory, facts: Facts): Judgement[] {
  if (facts.engine === "absent") {
    return judgeAbsentEngine(inventory, facts);
  }
  if (facts.engine === "other") {
    return [
      engineJudgement(
        `a Docker Engine without docker.service (${facts["engine-other"]})`,
        "no engine, or one of a package that brings docker.service, such as docker.io or docker-ce",
        "remove that engine (snap remove docker, for snap's), once nothing uses it",
      ),
    ];
  }
  return [
    ...judgeBrokenEngine(facts),
    ...judgePresentEngine(inventory.settings, facts),
    ...judgeDockerCommand(facts["engine-client"]),
  ];
}

function judgeAbsentEngine({ settings, artifacts }: Inventory, facts: Facts): Judgement[] {
  const { install, package: packageName, version: pin } = settings.docker;
  if (!install) {
    return [
      engineJudgement(
        "no Docker Engine",
        "Docker Engine, since the cluster file says docker.install: false",
        "install Docker Engine on the host, or set docker.install: true",
      ),
    ];
  }
  const platforms = platformsOf(facts);
  const locked = artifacts.filter(
    ({ name, platform }) => name.startsWith("package:docker-engine:") && platforms.includes(platform),
  );
  if (locked.length === 0) {
    return [
      engineJudgement(
        `no Docker Engine, and artifacts.lock.json has no packages of it for ${platforms.at(-1)}`,
        "the packages of Docker Engine in the lock file",
        lockFix,
      ),
    ];
  }
  const version = locked.find(({ name }) => name === `package:docker-engine:${packageName}`)?.version;
  if (version === undefined) {
    return [];
  }
  const engine = `${packageName} ${version}, which is going to be installed,`;
  if (pin !== undefined && !isPinned(version, pin)) {
    return [engineJudgement(`${packageName} ${version} in artifacts.lock.json`, `docker.version ${pin}`, lockFix)];
  }
  return judgeFloor(settings, engine, version, { floor: defaultFloor(version), ours: true });
}

/** An engine that is there and does not answer. */
function judgeBrokenEngine(facts: Facts): Judgement[] {
  if (facts["engine-state"] === "failed") {
    return [
      engineJudgement(
        "Docker Engine is installed, but docker.service has failed",
        "an engine that starts",
        "journalctl -u docker.service -n 20 says why; then systemctl restart docker.service",
      ),
    ];
  }
  if (facts["engine-client"] === "absent") {
    return [
      engineJudgement(
        "Docker Engine without its command, docker",
        "the command docker, which Weave Net uses",
        "apt-get install docker-cli (docker-ce-cli for the packages of Docker)",
      ),
    ];
  }
  if (facts["engine-error"] === undefined) {
    return [];
  }
  return [
    engineJudgement(
      `Docker Engine does not answer: ${facts["engine-error"]}`,
      "an engine that answers root on its socket",
      "systemctl restart docker.service && journalctl -u docker.service -n 20",
    ),
  ];
}

function judgePresentEngine(settings: Inventory["settings"], facts: Facts): Judgement[] {
  const { engine } = facts;
  if (engine === undefined || engine === "unknown") {
    return [];
  }
  // A stopped engine tells its version only; the deploy starts it.
  return judgeFloor(settings, `Docker Engine ${engine}`, engine, {
    floor: facts["engine-min-api"] ?? defaultFloor(engine),
    ours: facts["engine-ours"] === "yes",
    running: Number(facts["engine-running"] ?? 0),
  });
}

function judgeDockerCommand(version: string | undefined): Judgement[] {
  if (version === undefined || !needsTelling(version)) {
    return [];
  }
  const judgement = engineJudgement(
    `the command docker ${version}, which prints nothing of what docker run starts through Swarm`,
    "DOCKER_API_VERSION in its environment, as docs/using.md has it",
    "use scripts/swarm, or a docker command up to 28",
  );
  return [{ ...judgement, warning: true }];
}

interface Floor {
  /** The oldest API that the engine answers as it is. */
  readonly floor: string;
  /** The project installs it, or has installed it. */
  readonly ours: boolean;
  /** How many containers run in it. */
  readonly running?: number;
}

function judgeFloor(
  settings: Inventory["settings"],
  engine: string,
  version: string,
  { floor, ours, running = 0 }: Floor,
): Judgement[] {
  const refused = apiNeeds(settings).filter(({ api }) => compareVersions(api, floor) < 0);
  if (refused.length === 0) {
    return [];
  }
  const lowered = canAnswer(version, neededApi(settings));
  if (lowered && ours) {
    return [];
  }
  const found = `${engine} refuses clients below API ${floor}`;
  const needed = refused.map(({ component, api }) => `API ${api} for ${component}`).join(", ");
  if (!lowered || !settings.docker.lowerApiFloor) {
    return [engineJudgement(found, needed, floorFix(version, refused, settings))];
  }
  const restarted = `docker.service, and with it ${plural(running, "container")}`;
  const judgement = engineJudgement(
    found,
    needed,
    `nothing: docker.lowerApiFloor lets the deploy restart ${restarted}`,
  );
  return [{ ...judgement, warning: true }];
}
