/** `scripts/tunnel [CLUSTER_FILE] -- COMMAND…` */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { loadCluster } from "../../cluster/load.js";
import { withTunnel } from "../../ssh/tunnel.js";
import { inventoryHere, program, UsageError } from "../shared/command.js";
import { startProxy } from "./proxy.js";

const usage = `Usage: scripts/tunnel [CLUSTER_FILE] -- COMMAND [ARGUMENT…]

Runs a command that talks to the hosts' own ports, where this machine reaches them through ssh.bastion alone:
scripts/tunnel -- npx cdktf deploy, scripts/tunnel -- scripts/plan, scripts/tunnel -- bash, …
For as long as the command runs, one ssh is logged in to the bastion, and HTTP_PROXY tells the command a proxy that
asks the hosts by way of it, and all others directly; with security.dockerTls, HTTPS_PROXY does too.
CLUSTER_FILE: default $CLUSTER_FILE, else cluster.yaml.

Exit status: the command's own; 2 for wrong arguments, 125 when there is no way to the bastion.`;

program("tunnel", { usage, options: {}, failed: 125 }, async (_, words) => {
  const end = process.argv.indexOf("--");
  const command = end < 0 ? [] : process.argv.slice(end + 1);
  const [clusterFile = process.env.CLUSTER_FILE ?? "cluster.yaml", ...more] = words.slice(
    0,
    words.length - command.length,
  );
  if (more.length > 0) {
    throw new UsageError(`found also ${more.join(", ")}, expected one cluster file`);
  }
  if (command.length === 0) {
    throw new UsageError("found no command, expected one after --");
  }
  const cluster = loadCluster(clusterFile, { lock: "ignore" });
  if (!cluster.bastion) {
    throw new Error(`found no ssh.bastion in ${clusterFile}: without one, run the command itself`);
  }
  // The containers of a host that leaves are removed through its Docker API too.
  const addresses = new Set([...cluster.hosts, ...cluster.removed].map(({ address }) => address));
  return withTunnel(inventoryHere(cluster), async (connect) => {
    const proxy = await startProxy(connect, addresses);
    const names = [
      "HTTP_PROXY",
      "http_proxy",
      ...(cluster.settings.security.dockerTls ? ["HTTPS_PROXY", "https_proxy"] : []),
    ];
    const env = Object.fromEntries(names.map((name) => [name, proxy.url]));
    return run(command, { ...process.env, ...env }).finally(proxy.close);
  });
});

/** The status that the command ends with. */
function run([name = "", ...args]: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  // Before the command is there: a signal must not end this program and leave the command behind.
  // A terminal's Ctrl-C goes to the command too, which decides what becomes of it.
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => child.kill(signal));
  }
  const child = spawn(name, args, { stdio: "inherit", env });
  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "ENOENT" ? new Error(`there is no command ${name} on this machine`) : error),
    );
    child.once("close", (status, signal) => resolve(status ?? 128 + constants.signals[signal ?? "SIGTERM"]));
  });
}
