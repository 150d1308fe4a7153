/** What the commands share: the cluster file in, an exit status out. */
import { join, relative } from "node:path";
import { ClusterFileError, loadCluster } from "../cluster/load.js";
import type { Cluster } from "../cluster/model.js";
import { type Inventory, inventoryOf } from "./inventory.js";

export const defaultClusterFile = process.env.CLUSTER_FILE ?? "./cluster.yaml";

/** The inventory of a cluster file, its key files as seen from the directory that the command runs in. */
export function inventoryFrom(clusterFile: string): Inventory {
  return inventoryHere(loadCluster(clusterFile));
}

export function inventoryHere(cluster: Cluster): Inventory {
  return inventoryOf(cluster, (written) => fromHere(cluster, written));
}

function fromHere({ directory }: Cluster, written: string): string {
  return /^[~/]/.test(written) ? written : relative(process.cwd(), join(directory, written));
}

/** Ends the process with the status that `command` gives, or with 2 (could not tell) and the reason when it fails. */
export function end(name: string, command: Promise<number>): void {
  command.then(
    (status) => {
      process.exitCode = status;
    },
    (error: unknown) => {
      const lines =
        error instanceof ClusterFileError ? error.problems : [`${name}: could not tell: ${(error as Error).message}`];
      for (const line of lines) console.error(line);
      process.exitCode = 2;
    },
  );
}
