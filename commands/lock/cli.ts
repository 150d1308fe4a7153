/** `scripts/lock [CLUSTER_FILE]` */
import { command } from "../shared/command.js";
import { lock } from "./lock.js";

const usage = `Usage: scripts/lock [CLUSTER_FILE]

Writes artifacts.lock.json beside the cluster file: what hosts may install, each with version, source and SHA-256.
Nothing is written unless everything was found. Review what changed, and commit it.
CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

Exit status: 0 written, 1 not changed.`;

command("lock", { usage, options: {}, failed: 1 }, async (clusterFile) => {
  await lock(clusterFile, (line) => console.log(line));
  return 0;
});
