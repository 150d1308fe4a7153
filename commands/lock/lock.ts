/**
 * `scripts/lock`: finds every artifact that the cluster file asks for, takes its SHA-256 and writes
 * `artifacts.lock.json`. Nothing is written unless everything was found.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { loadCluster } from "../../cluster/load.js";
import { lockFileName, lockFileSchema, lockFileText } from "../../cluster/lock-file.js";
import type { Artifact, Cluster } from "../../cluster/model.js";
import { resolveArtifacts } from "./artifact-sources.js";
import type { Say } from "./download.js";
import { resolvePackages } from "./packages.js";

const key = ({ name, platform }: Artifact) => `${name} ${platform}`;

/** One line for each artifact that is in the old lock file, the new one or both. */
export function changes(before: readonly Artifact[], after: readonly Artifact[]): string[] {
  const old = new Map(before.map((artifact) => [key(artifact), artifact]));
  const kept = new Set(after.map(key));
  const show = ({ name, platform, version }: Artifact) => `${name} ${version} (${platform})`;
  return [
    ...after.map((artifact) => {
      const was = old.get(key(artifact));
      if (was === undefined) {
        return `added    ${show(artifact)}`;
      }
      const differs = (["version", "sha256", "source"] as const).filter((field) => was[field] !== artifact[field]);
      if (differs.length === 0) {
        return `same     ${show(artifact)}`;
      }
      return `changed  ${show(artifact)}: ${differs.map((f) => `${f} was ${was[f]}, is ${artifact[f]}`).join("; ")}`;
    }),
    ...before.filter((artifact) => !kept.has(key(artifact))).map((artifact) => `removed  ${show(artifact)}`),
  ];
}

function readOld(path: string): readonly Artifact[] {
  try {
    return lockFileSchema.parse(JSON.parse(readFileSync(path, "utf8"))).artifacts;
  } catch {
    // No lock file yet, or none that can be read: then everything counts as added.
    return [];
  }
}

/** @param patienceSeconds how long a server may be silent */
export async function lock(clusterFile: string, say: Say, patienceSeconds?: number): Promise<Cluster> {
  const cluster = loadCluster(clusterFile, {
    lock: "ignore",
    hostKeys: "ignore",
    certificates: "ignore",
    warn: () => {},
  });
  const path = join(dirname(clusterFile), lockFileName);
  const before = readOld(path);
  const found = [
    ...(await resolveArtifacts(cluster, say, { patienceSeconds })),
    ...(await resolvePackages(cluster, before, say)),
  ];
  const text = lockFileText(found);
  const sorted = lockFileSchema.parse(JSON.parse(text)).artifacts;
  for (const line of changes(before, sorted)) {
    say(line);
  }
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
  say(`wrote ${path} (${sorted.length} artifacts): review it and commit it`);
  return cluster;
}
