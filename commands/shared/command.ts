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

interface Usage<T extends Options> {
  /** What `--help` prints. */
  readonly usage: string;
  readonly options: T;
  /** The exit status when `body` fails. Default 2: could not tell. */
  readonly failed?: number;
}

/** A command line that the program does not understand. Its exit status is 2, whatever the program's others mean. */
export class UsageError extends Error {}

/** What Node.js makes of the command line, or its first sentence of what it does not understand: the second is about `--`. */
function parsed<T extends Options>(options: T) {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message.split(/[.\n] ?(?=[A-Z])/)[0]);
  }
}

/**
 * Runs a program of `scripts/` with the options and words of its command line. Ends the process with the status that
 * `body` gives, or with `failed` and the reason when it fails.
 */
export function program<T extends Options>(
  name: string,
  { usage, options, failed = 2 }: Usage<T>,
  body: (values: Values<T>, words: readonly string[]) => Promise<number>,
): void {
  const run = async () => {
    // What stands behind it are the words of another command.
    const end = process.argv.indexOf("--");
    if (process.argv.slice(2, end < 0 ? undefined : end).some((word) => word === "--help" || word === "-h")) {
      console.log(usage);
      return 0;
    }
    const { values, positionals } = parsed(options);
    return body(values, positionals);
  };
  run().then(
    (status) => {
      process.exitCode = status;
    },
    (error: unknown) => {
      const misused = error instanceof UsageError;
      const said = `${name}: ${(error as Error).message}${misused ? `: scripts/${name} --help` : ""}`;
      for (const line of error instanceof ClusterFileError ? error.problems : [said]) {
        console.error(line);
      }
      process.exitCode = misused ? 2 : failed;
    },
  );
}

/** A program about one cluster: its file is the only word (default: `$CLUSTER_FILE`, else `./cluster.yaml`). */
export function command<T extends Options>(
  name: string,
  usage: Usage<T>,
  body: (clusterFile: string, values: Values<T>) => Promise<number>,
): void {
  program(name, usage, async (values, [clusterFile = process.env.CLUSTER_FILE ?? "cluster.yaml", ...more]) => {
    if (more.length > 0) {
      throw new UsageError(`found also ${more.join(", ")}, expected one cluster file`);
    }
    return body(clusterFile, values);
  });
}
