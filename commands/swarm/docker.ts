/**
 * The docker command against a Swarm manager of the cluster, with the API version that what it is asked for takes through
 * Weave's proxy (cluster/engines.ts).
 */
import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { get } from "node:http";
import { connect as connectPlain, createServer } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { type Duplex, pipeline } from "node:stream";
import { connect as connectTls } from "node:tls";
import { proxyApis } from "../../cluster/engines.js";
import { type Cluster, label } from "../../cluster/model.js";
import { privatePki } from "../../cluster/pki.js";
import { ports } from "../../cluster/ports.js";
import type { Connect } from "../../ssh/tunnel.js";

/** The folder of the operator's certificate, where the Docker API is served with TLS. */
export const operatorFolder = ({ settings: { security }, directory }: Pick<Cluster, "settings" | "directory">) =>
  security.dockerTls ? join(directory, privatePki.operator) : undefined;

/** A way to managers: this machine's own, or that by way of the bastion; with TLS where a certificate is given. */
export function wayTo(folder: string | undefined, connect?: Connect): Connect {
  const plain: Connect = connect ?? ((host, to) => connectPlain({ host, port: to }));
  if (folder === undefined) {
    return plain;
  }
  const read = (name: string) => readFileSync(join(folder, name));
  const own = { ca: read("ca.pem"), cert: read("cert.pem"), key: read("key.pem") };
  return (host, to): Duplex => {
    const socket = plain(host, to);
    const secured = connectTls({ ...own, socket, host });
    socket.once("error", (error: Error) => secured.destroy(error));
    return secured;
  };
}

/** How long a manager may be silent. */
const patienceSeconds = 3;

/**
 * The address of the first manager that answers.
 *
 * @param way `wayTo(…)`
 * @param from what goes that way, for the message
 * @throws when none does
 */
export async function answeringManager(
  { up }: Pick<Cluster, "up">,
  way = wayTo(undefined),
  from = "this machine",
): Promise<string> {
  const managers = up.filter(({ manager }) => manager);
  for (const { address } of managers) {
    if (await answers(address, way)) {
      return address;
    }
  }
  throw new Error(
    `no manager answers on port ${port}: ${managers.map(label).join(", ")}; does ${from} reach them, and does scripts/verify find them healthy?`,
  );
}

const port = ports.swarmManager.number;

function answers(host: string, way: Connect): Promise<boolean> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(patienceSeconds * 1000);
    const createConnection = () => way(host, port);
    get({ host, port, path: "/_ping", signal, createConnection }, ({ statusCode }) => resolve(statusCode === 200)).once(
      "error",
      () => resolve(false),
    );
  });
}

/** What `docker -H` is told of a manager. */
export const managerUrl = (address: string): string => `tcp://${address}:${port}`;

/** The same by way of the bastion: a socket in a folder of this user's alone. What comes from there goes on with TLS. */
export function managerSocket(address: string, way: Connect, folder: string): Promise<string> {
  const path = join(folder, "manager");
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const onward = way(address, port);
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

/** A manager, as docker is told of it. */
export interface Manager {
  readonly url: string;
  /** The folder of the certificate to show, where docker itself is to. */
  readonly certificate?: string | undefined;
}

/** Runs docker with the user's own words, its input and outputs those of this process: its exit status. */
export async function docker(manager: Manager, words: readonly string[]): Promise<number> {
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

const environment = ({ url, certificate }: Manager, api: string) => ({
  ...process.env,
  DOCKER_HOST: url,
  DOCKER_API_VERSION: api,
  ...(certificate === undefined ? {} : { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: certificate }),
});

/** The API for what is asked; what the user has set in the environment goes before. */
export async function apiFor(manager: Manager, words: readonly string[]): Promise<string> {
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
