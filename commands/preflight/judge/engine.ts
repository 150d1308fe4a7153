/** Do the host's engine, or the one that the deploy installs, and the chosen Weave Net and Swarm work together? */
import { apiNeeds, defaultFloor, floorFix, swarmClients } from "../../../cluster/engines.js";
import type { Inventory } from "../../../cluster/inventory.js";
import { ports } from "../../../cluster/ports.js";
import { compareVersions } from "../../../cluster/versions.js";
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
  const { install, package: packageName } = settings.docker;
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
  return judgeFloor(settings, engine, version, defaultFloor(version));
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
  const floor = facts["engine-min-api"] ?? defaultFloor(engine);
  return judgeFloor(settings, `Docker Engine ${engine}`, engine, floor);
}

function judgeDockerCommand(version: string | undefined): Judgement[] {
  if (version === undefined || compareVersions(version, swarmClients.refusedFrom) < 0) {
    return [];
  }
  const last = Number(swarmClients.refusedFrom) - 1;
  return [
    engineJudgement(
      `the command docker ${version}, which speaks API ${defaultFloor(version)} and newer`,
      `a docker command up to ${last}: Swarm answers docker -H :${ports.swarmManager.number} with API ${swarmClients.api} at most`,
      `apt-get install --allow-downgrades docker-ce-cli=5:${last}.*`,
    ),
  ];
}

function judgeFloor(settings: Inventory["settings"], engine: string, version: string, floor: string): Judgement[] {
  const refused = apiNeeds(settings).filter(({ api }) => compareVersions(api, floor) < 0);
  if (refused.length === 0) {
    return [];
  }
  return [
    engineJudgement(
      `${engine} refuses clients below API ${floor}`,
      refused.map(({ component, api }) => `API ${api} for ${component}`).join(", "),
      floorFix(version, refused, settings),
    ),
  ];
}
