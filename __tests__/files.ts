/** A cluster file and the files beside it as text, for tests of what people write. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { ClusterFileError, type LoadOptions, loadCluster } from "../cluster/load.js";
import type { Cluster } from "../cluster/model.js";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Writes files and returns the folder that holds them. */
export function files(contents: Readonly<Record<string, string | undefined>>): string {
  const folder = mkdtempSync(join(tmpdir(), "multicast-swarm-files-"));
  folders.push(folder);
  for (const [name, text] of Object.entries(contents)) {
    if (text !== undefined) writeFileSync(join(folder, name), text);
  }
  return folder;
}

export interface Loaded {
  readonly cluster?: Cluster;
  /** Lines of the error; file names without the temporary folder. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Loads a cluster file. Unless they are given, the lock file and the host keys are not asked for. */
export function load(
  cluster: string,
  beside: { readonly known_hosts?: string; readonly lock?: string } = {},
  options: LoadOptions = {
    lock: beside.lock === undefined ? "ignore" : "required",
    hostKeys: beside.known_hosts === undefined ? "ignore" : "required",
  },
): Loaded {
  const folder = files({
    "cluster.yaml": cluster,
    known_hosts: beside.known_hosts,
    "artifacts.lock.json": beside.lock,
  });
  const short = (line: string) => line.replaceAll(`${folder}/`, "");
  const warnings: string[] = [];
  try {
    const loaded = loadCluster(join(folder, "cluster.yaml"), {
      ...options,
      warn: (line) => warnings.push(short(line)),
    });
    return { cluster: loaded, problems: [], warnings };
  } catch (error) {
    if (!(error instanceof ClusterFileError)) throw error;
    return { problems: error.problems.map(short), warnings };
  }
}

/** A cluster file with three hosts and more lines at its end, the first of which is line 6. */
export const three = (more = "") => `name: test
hosts:
  - { name: a, address: 10.0.0.1 }
  - { name: b, address: 10.0.0.2 }
  - { name: c, address: 10.0.0.3 }
${more}`;
