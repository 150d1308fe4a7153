/** `scripts/synth [CLUSTER_FILE]`: `npx cdktf synth`, without cdktf-cli. */
import { loadCluster } from "../../cluster/load.js";
import { synthesise } from "../../constructs/synthesise.js";
import { command } from "../shared/command.js";

const usage = `Usage: scripts/synth [--output DIR] [CLUSTER_FILE]

Writes the Terraform stack of a cluster file to DIR/stacks/NAME, as npx cdktf synth does, and with Node.js 24 too, for
which there is no cdktf-cli. Asks no host and nothing on the network.

  --output DIR   cdktf's output folder, default ./cdktf.out
  --help         print this text
CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

Exit status: 0 written; 1 not written, with what is wrong in the cluster file and the files beside it; 2 an argument
that it does not know.`;

const options = { output: { type: "string", default: "cdktf.out" } } as const;

command("synth", { usage, options, failed: 1 }, async (clusterFile, { output }) => {
  synthesise(loadCluster(clusterFile), output);
  return 0;
});
