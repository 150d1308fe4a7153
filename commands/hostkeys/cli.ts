/** `scripts/hostkeys [--replace HOST]… [CLUSTER_FILE]` */
import { command } from "../shared/command.js";
import { collect } from "./host-keys.js";

const usage = `Usage: scripts/hostkeys [--replace HOST]… [CLUSTER_FILE]

Asks every host of the cluster file, and the bastion, for its SSH host keys and records them in known_hosts beside the
cluster file. A recorded key that has changed is refused unless --replace names the host.
CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

Exit status: 0 all keys are recorded, 1 some are not, 2 an argument that it does not know.`;

const options = { replace: { type: "string", multiple: true } } as const;

command("hostkeys", { usage, options, failed: 1 }, async (clusterFile, { replace = [] }) =>
  (await collect(clusterFile, replace, (line) => console.log(line))) ? 0 : 1,
);
