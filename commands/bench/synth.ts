/** How long synthesis takes, how much memory it needs and how much it writes, by the number of hosts. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { Measured, Run } from "./json-schema.js";

const root = join(__dirname, "../..");

/** Measures each number of hosts so many times; synthesis and its floor take turns, so that both see the same load. */
export function measureSynth(sizes: readonly number[], rounds: number, done: (line: string) => void): Measured[] {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  try {
    return sizes.map((hosts) => {
      const clusterFile = writeCluster(join(folder, String(hosts)), hosts);
      const outdir = join(folder, String(hosts), "cdktf.out");
      const json = join(outdir, "stacks", "bench", "cdk.tf.json");
      const environment = { CLUSTER_FILE: clusterFile, CDKTF_OUTDIR: outdir };
      const runs: Run[] = [];
      const floor: Run[] = [];
      for (let round = 0; round < rounds; round++) {
        runs.push(run(folder, ["--import", "tsx", "main.ts"], environment));
        floor.push(run(folder, ["-e", rewrite, json], {}));
      }
      done(`${hosts} hosts: ${runs.map(({ seconds }) => seconds.toFixed(2)).join(", ")} s`);
      return { what: "synth", hosts, runs, floor, bytesPerHost: Math.round(statSync(json).size / hosts) };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const rewrite =
  'const fs = require("fs"), file = process.argv[1]; fs.writeFileSync(file, JSON.stringify(JSON.parse(fs.readFileSync(file)), null, 2));';

/** As many hosts in a cluster file. */
export const hostLines = (hosts: number): string[] =>
  Array.from(
    { length: hosts },
    (_, i) => `  - { name: h${i + 1}, address: 10.0.${Math.floor(i / 200)}.${1 + (i % 200)} }`,
  );

/** The smallest example, with as many hosts as wanted. */
function writeCluster(folder: string, hosts: number): string {
  mkdirSync(folder);
  cpSync(join(root, "examples/smallest/artifacts.lock.json"), join(folder, "artifacts.lock.json"));
  const file = join(folder, "cluster.yaml");
  const rest = ["ssh: { hostKeyChecking: off }", "weave: { connectionLimit: 0 }", ""];
  writeFileSync(file, ["name: bench", "hosts:", ...hostLines(hosts), ...rest].join("\n"));
  return file;
}

/** Before it ends, the process writes down what it has used. */
const report =
  'data:text/javascript,import{writeFileSync}from"node:fs";process.on("exit",()=>writeFileSync(process.env.USAGE,JSON.stringify(process.resourceUsage())))';

function run(folder: string, words: readonly string[], environment: Readonly<Record<string, string>>): Run {
  const usage = join(folder, "usage.json");
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ["--import", report, ...words], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...environment, USAGE: usage },
  });
  const seconds = (performance.now() - start) / 1000;
  if (status !== 0) {
    throw new Error(`node ${words.join(" ")} ended with ${status}: ${stderr}`);
  }
  const used = JSON.parse(readFileSync(usage, "utf8")) as NodeJS.ResourceUsage;
  return {
    seconds,
    processorSeconds: (used.userCPUTime + used.systemCPUTime) / 1e6,
    megabytes: used.maxRSS / 1024,
  };
}
