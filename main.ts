/** The cluster file in, the Terraform stack out. `CLUSTER_FILE` names it; default `cluster.yaml` in this folder. */
import { ClusterFileError, loadCluster } from "./cluster/load.js";
import { synthesise } from "./constructs/synthesise.js";

try {
  synthesise(loadCluster(process.env.CLUSTER_FILE ?? "cluster.yaml"));
} catch (error) {
  if (!(error instanceof ClusterFileError)) {
    throw error;
  }
  console.error(error.message);
  process.exitCode = 1;
}
