/** `scripts/recover [--output DIR] [CLUSTER_FILE]` */
import { command } from "../shared/command.js";
import { recover } from "./recover.js";

const usage = `Usage: scripts/recover [--output DIR] [CLUSTER_FILE]

For use after a deploy whose Terraform was killed (kill -9, a power cut, a lost terminal). Terraform records a step in
its state before the step has run, so the next deploy would skip it; and a container that was just being created is not
in the state at all. This removes all steps from the state, waits for those that are still running on a host, and
removes the cluster's own Swarm containers that the state does not know. Then deploy again: steps change only what is
not yet as it should be.

DIR: cdktf's output folder, default ./cdktf.out. CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

Exit status: 0 the next deploy finishes the job, 2 recovery failed.`;

const options = { output: { type: "string", default: "cdktf.out" } } as const;

command("recover", { usage, options }, (clusterFile, { output }) => recover(clusterFile, output));
