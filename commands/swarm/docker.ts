/**
 * The docker command against a Swarm manager of the cluster, with the API version that what it is asked for takes through
 * Weave's proxy (cluster/engines.ts).
 */
import { spawn, spawnSync } from "node:child_process";
import { constants } from "node:os";
import { proxyApis } from "../../cluster/engines.js";
import { type Cluster, label } from "../../cluster/model.js";
import { ports } from "../../cluster/ports.js";

/** How long a manager may be silent. */
const patienceSeconds = 3;

/**
 * The first manager that answers, as a URL for `docker -H`.
 *
 * @throws when none does
 */
export async function answeringManager({ up }: Pick<Cluster, "up">): Promise<string> {
  const managers = up.filter(({ manager }) => manager);
  for (const { address } of managers) {
    const place = `${address}:${ports.swarmManager.number}`;
    const answered = await fetch(`http://${place}/_ping`, { signal: AbortSignal.timeout(patienceSeconds * 1000) }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answered) {
      return `tcp://${place}`;
    }
  }
  throw new Error(
    `no manager answers on port ${ports.swarmManager.number}: ${managers.map(label).join(", ")}; does this machine reach them, and does scripts/verify find them healthy?`,
  );
}

/** Runs docker with the user's own words, its input and outputs those of this process: its exit status. */
export async function docker(manager: string, words: readonly string[]): Promise<number> {
  const child = spawn("docker", words, { stdio: "inherit", env: environment(manager, apiFor(manager, words)) });
  // A terminal's Ctrl-C goes to docker too, which decides what becomes of it.
  process.on("SIGINT", () => undefined);
  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "ENOENT" ? new Error("there is no docker command on this machine: install one") : error),
    );
    child.once("close", (status, signal) => resolve(status ?? 128 + constants.signals[signal ?? "SIGTERM"]));
  });
}

const environment = (manager: string, api: string) => ({
  ...process.env,
  DOCKER_HOST: manager,
  DOCKER_API_VERSION: api,
});

/** The API for what is asked; what the user has set in the environment goes before. */
export function apiFor(manager: string, words: readonly string[]): string {
  const { DOCKER_API_VERSION: wanted } = process.env;
  const logs = words[0] === "logs" || (words[0] === "container" && words[1] === "logs");
  if (wanted || !logs) {
    return wanted || proxyApis.streams;
  }
  // The container's engine may be too old for it, and then has no need of it.
  const { stderr } = spawnSync("docker", ["logs", "--tail", "0", words.at(-1) ?? ""], {
    encoding: "utf8",
    env: environment(manager, proxyApis.logs),
  });
  return stderr?.includes("is too new") ? proxyApis.streams : proxyApis.logs;
}
