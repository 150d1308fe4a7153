/**
 * The docker command against a Swarm manager of the cluster, with the API version that what it is asked for takes through
 * Weave's proxy (cluster/engines.ts).
 */
import { execFile, spawn } from "node:child_process";
import { get } from "node:http";
import { createServer } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { proxyApis } from "../../cluster/engines.js";
import { type Cluster, label } from "../../cluster/model.js";
import { ports } from "../../cluster/ports.js";
import type { Connect } from "../../ssh/tunnel.js";

/** How long a manager may be silent. */
const patienceSeconds = 3;

/**
 * The address of the first manager that answers.
 *
 * @param connect the way there, where this machine has none of its own
 * @throws when none does
 */
export async function answeringManager({ up }: Pick<Cluster, "up">, connect?: Connect): Promise<string> {
  const managers = up.filter(({ manager }) => manager);
  for (const { address } of managers) {
    if (await answers(address, connect)) {
      return address;
    }
  }
  throw new Error(
    `no manager answers on port ${port}: ${managers.map(label).join(", ")}; does ${connect ? "the jump host" : "this machine"} reach them, and does scripts/verify find them healthy?`,
  );
}

const port = ports.swarmManager.number;

function answers(host: string, connect?: Connect): Promise<boolean> {
  return new Promise((resolve) => {
    const way = connect ? { createConnection: () => connect(host, port) } : {};
    const signal = AbortSignal.timeout(patienceSeconds * 1000);
    get({ host, port, path: "/_ping", signal, ...way }, ({ statusCode }) => resolve(statusCode === 200)).once(
      "error",
      () => resolve(false),
    );
  });
}

/** What `docker -H` is told of a manager. */
export const managerUrl = (address: string): string => `tcp://${address}:${port}`;

/** The same by way of the bastion: a socket in a folder of this user's alone. */
export function managerSocket(address: string, connect: Connect, folder: string): Promise<string> {
  const path = join(folder, "manager");
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const onward = connect(address, port);
    // Either of them ends the other. Why, docker says in its own words.
    pipeline(socket, onward, () => undefined);
    pipeline(onward, socket, () => undefined);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve(`unix://${path}`));
    server.unref();
  });
}

/** Runs docker with the user's own words, its input and outputs those of this process: its exit status. */
export async function docker(manager: string, words: readonly string[]): Promise<number> {
  const api = await apiFor(manager, words);
  const child = spawn("docker", words, { stdio: "inherit", env: environment(manager, api) });
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
export async function apiFor(manager: string, words: readonly string[]): Promise<string> {
  const { DOCKER_API_VERSION: wanted } = process.env;
  const noLogs = sameForNoLogs(words);
  if (wanted || !noLogs) {
    return wanted || proxyApis.streams;
  }
  // The container's engine may be too old for it, and then has no need of it.
  const said = await new Promise<string>((resolve) => {
    const env = environment(manager, proxyApis.logs);
    execFile("docker", noLogs, { env }, (_, __, stderr) => resolve(stderr));
  });
  return said.includes("is too new") ? proxyApis.streams : proxyApis.logs;
}

/** The options of `docker compose` that a value follows. */
const composeValues =
  /^(-f|--file|-p|--project-name|--project-directory|--profile|--env-file|--ansi|--parallel|--progress)$/;

/** For a command that shows logs, one that asks for the same containers' and shows none; undefined for all others. */
function sameForNoLogs(words: readonly string[]): string[] | undefined {
  if (words[0] === "compose") {
    let verb = 1;
    while (words[verb]?.startsWith("-")) {
      verb += composeValues.test(words[verb] ?? "") ? 2 : 1;
    }
    return words[verb] === "logs" ? [...words.slice(0, verb + 1), "--tail", "0"] : undefined;
  }
  const logs = words[0] === "logs" || (words[0] === "container" && words[1] === "logs");
  return logs ? ["logs", "--tail", "0", words.at(-1) ?? ""] : undefined;
}
