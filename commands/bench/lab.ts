/** A lab of its own, and what commands of its operator cost. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { Run } from "./json-schema.js";

const root = join(__dirname, "../..");

/** A developer's own lab stays as it is. */
const environment = { ...process.env, LAB_NAME: process.env.LAB_NAME ?? "bench" };
/** The operator's files. */
export const folder = `/var/lib/multicast-swarm-${environment.LAB_NAME}`;
/** What a synthesis has written. */
export const stack = join(folder, "cdktf.out/stacks/lab");

/** Runs a command to its end, its output apart from what was measured. */
function succeed(command: string, args: readonly string[]): void {
  const { error, status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: "utf8", env: environment });
  if (error || status !== 0) {
    throw error ?? new Error(`${command} ${args.join(" ")} ended with ${status}:\n${end(stdout + stderr)}`);
  }
}

const end = (output: string): string => output.trim().split("\n").slice(-20).join("\n");

/** `scripts/lab …` */
export const lab = (...args: string[]): void => succeed("scripts/lab", args);

export function needAnsible(): void {
  succeed("sh", [
    "-c",
    "command -v ansible-playbook && /usr/bin/python3 -c 'import apt_pkg' || { echo 'apt-get install ansible python3-apt'; exit 1; }",
  ]);
}

/** Hosts of the lab have no Python, and the lab's mirror has none: this machine's, which is a Debian 12 too. */
export function givePython(host: string): void {
  const script = `set -euo pipefail
    libraries=$(ldd /usr/bin/python3 /usr/lib/python3.*/lib-dynload/*.so /usr/lib/python3/dist-packages/*.so | awk '$3 ~ /^\\// { print $3 }' | sort -u)
    tar -C / -ch usr/bin/python3 usr/lib/python3 /usr/lib/python3.* $libraries 2>/dev/null | scripts/lab ssh "$1" "tar -xC / --skip-old-files"`;
  succeed("bash", ["-c", script, "bench", host]);
}

/** In the operator's place, as scripts/lab deploys; then what bash knows of the processor time of all it has waited for. */
const operatorScript = `
  set -eu
  for part in common deploy; do . "lab/$part.sh"; done
  operator timeout 600 "$@"
  [ -z "\${USAGE:-}" ] || times >"$USAGE"`;
const asOperator = (words: readonly string[]): string[] => ["-c", operatorScript, "bench", ...words];

/** A command in the operator's place that is not measured. */
export const operator = (...words: string[]): void => succeed("bash", asOperator(words));

/** Measures a command in the operator's place. */
export async function measure(...words: string[]): Promise<Run> {
  const usage = mkdtempSync(join(tmpdir(), "bench-"));
  try {
    const start = performance.now();
    const env = { ...environment, USAGE: join(usage, "times") };
    const child = spawn("bash", asOperator(words), { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    let megabytes = 0;
    const timer = setInterval(() => {
      megabytes = Math.max(megabytes, megabytesBelow(child.pid ?? 0));
    }, 500);
    const status = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", resolve);
    }).finally(() => clearInterval(timer));
    const seconds = (performance.now() - start) / 1000;
    if (status !== 0) {
      throw new Error(`${words.join(" ")} ended with ${status}:\n${end(output)}`);
    }
    return { seconds, processorSeconds: processorSeconds(readFileSync(env.USAGE, "utf8")), megabytes };
  } finally {
    rmSync(usage, { recursive: true });
  }
}

/** Of all processes that a shell has waited for: the second line of its `times`, such as `0m1.234s 1m0.500s`. */
export function processorSeconds(times: string): number {
  const [, children = ""] = times.split("\n");
  return [...children.matchAll(/(\d+)m([\d.,]+)s/g)]
    .map(([, minutes, seconds = ""]) => Number(minutes) * 60 + Number(seconds.replace(",", ".")))
    .reduce((sum, one) => sum + one, 0);
}

/** What all processes below one have: of pages that several have, each counts its share. */
function megabytesBelow(parent: number): number {
  const parents = new Map<number, number>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    parents.set(Number(pid), Number(/\) \S (\d+)/.exec(ofProcess(pid, "stat"))?.[1]));
  }
  const below = (pid: number | undefined): boolean => pid === parent || (!!pid && below(parents.get(pid)));
  const kilobytes = [...parents.keys()]
    .filter(below)
    .map((pid) => Number(/^Pss: +(\d+)/m.exec(ofProcess(pid, "smaps_rollup"))?.[1] ?? 0));
  return kilobytes.reduce((sum, one) => sum + one, 0) / 1024;
}

/** A file of /proc; empty when the process has ended. */
function ofProcess(pid: number | string, file: string): string {
  try {
    return readFileSync(join("/proc", String(pid), file), "latin1");
  } catch {
    return "";
  }
}

/** Does something with a lab, which is gone afterwards, whatever becomes of it. */
export async function withLab<T>(use: () => Promise<T>): Promise<T> {
  if (existsSync(folder)) {
    throw new Error(`found a lab in ${folder}, expected none: LAB_NAME=${environment.LAB_NAME} scripts/lab down`);
  }
  // Ctrl-C ends what runs in the lab too; what is left to do here is to take it down.
  const interrupted = () => undefined;
  process.once("SIGINT", interrupted);
  try {
    return await use();
  } finally {
    lab("down");
    process.off("SIGINT", interrupted);
  }
}

/**
 * Puts the lab away as it is now and calls `use` with a way to have it back so, started up to the end. Nothing is left of
 * what was put away.
 */
export async function savedLab<T>(name: string, use: (load: () => void) => Promise<T>): Promise<T> {
  lab("save", name);
  try {
    return await use(() => {
      lab("down");
      lab("load", name);
      for (const host of readFileSync(join(folder, "hosts.list"), "utf8").trim().split("\n")) {
        lab("ssh", host.split(" ")[0] ?? "", "systemctl is-system-running --wait || true");
      }
      // What boots last: Weave's routers, and Swarm on them.
      operator("timeout", "120", "sh", "-c", "until scripts/verify >/dev/null 2>&1; do sleep 1; done");
    });
  } finally {
    succeed("bash", [
      "-c",
      `set -eu; for part in common save; do . "lab/$part.sh"; done; rm -rf "\${SAVED:?}/$1"`,
      "bench",
      name,
    ]);
  }
}
