/** The cluster file in, the Terraform stack out. `CLUSTER_FILE` names it; default `cluster.yaml` in this folder. */
import { App } from "cdktf";
import { ClusterFileError, loadCluster } from "./cluster/load.js";
import { ClusterStack } from "./constructs/cluster-stack.js";

try {
  const cluster = loadCluster(process.env.CLUSTER_FILE ?? "cluster.yaml");
  // Stack traces would put this machine's paths into the output.
  const app = new App({ stackTraces: false });
  new ClusterStack(app, cluster);
  app.synth();
} catch (error) {
  if (!(error instanceof ClusterFileError)) {
    throw error;
  }
  console.error(error.message);
  process.exitCode = 1;
}
