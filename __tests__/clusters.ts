/** Clusters for tests, made as a user makes them: of files in a folder. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { App } from "cdktf";
import { stringify } from "yaml";
import { loadCluster } from "../cluster/load.js";
import type { Artifact, Cluster } from "../cluster/model.js";
import { ClusterStack } from "../constructs/cluster.js";
import { files } from "./files.js";

/** A folder that goes when the file's tests have ended. */
export const temporaryFolder = (): string => files({});

const hex = (digit: string) => digit.repeat(64);

/** What the default versions need, of a mirror that does not exist. */
export const artifacts: readonly Artifact[] = [
  ["consul", "amd64", "1.20.5", "a", "consul.zip"],
  ["image:rajchaudhuri/weave:2.9.0", "any", "2.9.0", "b", "weave.tar"],
  ["image:rajchaudhuri/weavedb:latest", "any", "latest", "c", "weavedb.tar"],
  ["image:rajchaudhuri/weaveexec:2.9.0", "any", "2.9.0", "d", "weaveexec.tar"],
  ["image:swarm:1.2.9", "any", "1.2.9", "e", "swarm.tar"],
  ["weave", "any", "2.9.0", "f", "weave"],
].map(([name, platform, version, digit, file]) => ({
  name: name as string,
  platform: platform as string,
  version: version as string,
  sha256: hex(digit as string),
  source: `http://mirror.example/${file}`,
}));

export const hostAddress = (index: number): string => `10.0.${1 + Math.floor(index / 200)}.${1 + (index % 200)}`;

/** The content of a cluster file with hosts `h1`, `h2`, … and whatever else is given. */
export const clusterFile = (hosts: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  name: "test",
  hosts: Array.from({ length: hosts }, (_, index) => ({ name: `h${index + 1}`, address: hostAddress(index) })),
  ssh: { hostKeyChecking: "off", keyFile: "id_ed25519" },
  ...more,
});

export function clusterFrom(
  file: Record<string, unknown>,
  locked: readonly Artifact[] = artifacts,
  folder = temporaryFolder(),
): Cluster {
  const path = join(folder, "cluster.yaml");
  writeFileSync(path, stringify(file));
  writeFileSync(join(folder, "artifacts.lock.json"), JSON.stringify({ formatVersion: 1, artifacts: locked }, null, 2));
  return loadCluster(path, { warn: () => undefined });
}

/** Synthesises beside the cluster file and returns the folder of the stack. */
export function synthesise(cluster: Cluster, outdir = join(cluster.directory, "cdktf.out")): string {
  const app = new App({ outdir, stackTraces: false });
  new ClusterStack(app, cluster);
  app.synth();
  return join(outdir, "stacks", cluster.name);
}
