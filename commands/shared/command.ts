/** What the commands share: the cluster file in, an exit status out. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { type Inventory, inventoryOf } from "../../cluster/inventory.js";
import { ClusterFileError, loadCluster } from "../../cluster/load.js";
import type { Cluster } from "../../cluster/model.js";
import { relativeTo } from "../../cluster/paths.js";

/** The inventory of a cluster file, its key files as seen from the directory that the command runs in. */
export function inventoryFrom(clusterFile: string): Inventory {
  return inventoryHere(loadCluster(clusterFile));
}

export function inventoryHere(cluster: Cluster): Inventory {
  return inventoryOf(cluster, relativeTo(process.cwd(), cluster.directory));
}

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>["values"];

/**
 * Runs a command of `scripts/` with what stands on its command line: options, `--help`, and at most one cluster file
 * (default: `$CLUSTER_FILE`, else `./cluster.yaml`). Ends the process with the status that `body` gives, or with
 * `failed` and the reason when it fails.
 *
 * @param failed default 2: could not tell
 */
export function command<T extends Options>(
  name: string,
  { usage, options, failed = 2 }: { usage: string; options: T; failed?: number },
  body: (clusterFile: string, values: Values<T>) => Promise<number>,
): void {
  const run = async () => {
    if (process.argv.slice(2).some((word) => word === "--help" || word === "-h")) {
      console.log(usage);
      return 0;
    }
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const [clusterFile = process.env.CLUSTER_FILE ?? "./cluster.yaml", ...more] = positionals;
    if (more.length > 0) throw new Error(`one cluster file, not also ${more.join(", ")}: scripts/${name} --help`);
    return body(clusterFile, values);
  };
  run().then(
    (status) => {
      process.exitCode = status;
    },
    (error: unknown) => {
      const lines = error instanceof ClusterFileError ? error.problems : [`${name}: ${(error as Error).message}`];
      for (const line of lines) console.error(line);
      process.exitCode = failed;
    },
  );
}
