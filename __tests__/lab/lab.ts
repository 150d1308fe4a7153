/** The lab as its user drives it, and its hosts as somebody at their consoles sees them. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, beforeEach } from "vitest";

// A developer's own lab stays as it is, and files that run at the same time have a lab each.
process.env.LAB_NAME ??= `test${process.env.VITEST_POOL_ID ?? ""}`;

const repository = join(__dirname, "../..");
const folder = `/var/lib/multicast-swarm-${process.env.LAB_NAME}`;

/** A file of the lab's: `cluster.yaml`, `known_hosts`, … */
export const labFile = (name: string): string => join(folder, name);
export const read = (name: string): string => readFileSync(labFile(name), "utf8");
export const write = (name: string, text: string): void => writeFileSync(labFile(name), text);

export interface Ended {
  readonly status: number | null;
  /** What it printed to both streams, without colours. */
  readonly output: string;
}

export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Resolves once the output so far matches; rejects when the command ends without it. */
  readonly printed: (pattern: RegExp) => Promise<void>;
}

/** Starts a command in the repository. */
export function start(command: string, args: readonly string[], input = ""): Running {
  return running(spawn(command, args, { cwd: repository }), input);
}

/** Starts a command as a terminal does: its process group gets what is typed, such as Ctrl-C. */
export function startGroup(command: string, args: readonly string[]): Running {
  return running(spawn(command, args, { cwd: repository, detached: true }), "");
}

function running(child: ChildProcessWithoutNullStreams, input: string): Running {
  let output = "";
  const text = () => stripVTControlCharacters(output);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      output += chunk;
      child.emit("text");
    });
  }
  child.stdin.on("error", () => undefined); // It may end without having read all of it.
  child.stdin.end(input);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, output: text() }));
  });
  const printed = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (pattern.test(text())) {
          resolve();
        }
      };
      child.on("text", look);
      child.once("close", () => reject(new Error(`ended without ${pattern}:\n${tail(text())}`)));
      look();
    });
  return { pid: child.pid ?? 0, ended, printed };
}

/** Expects words in an output, however Terraform breaks the lines of its errors; a failure shows the end of it. */
export function expectWords(output: string, ...patterns: readonly RegExp[]): void {
  const unbroken = output.replace(/\s*\n(lab)?\s*│\s*/g, " ");
  for (const pattern of patterns) {
    if (!pattern.test(output) && !pattern.test(unbroken)) {
      throw new Error(`${pattern} is not in:\n${tail(output)}`);
    }
  }
}
/** Expects a command to have failed, in these words. */
export function expectFailure({ status, output }: Ended, ...patterns: readonly RegExp[]): void {
  if (status === 0) {
    throw new Error(`it should have failed:\n${tail(output)}`);
  }
  expectWords(output, ...patterns);
}

/** The end of an output, and before it what failed where: other steps go on after one has failed, and say a lot. */
function tail(text: string): string {
  const lines = text.split("\n");
  const end = lines.slice(-60);
  const failed = lines.slice(0, -60).filter((line) => /\berror\b|cannot|failed/i.test(line));
  return [...failed, ...end].join("\n");
}

/** The output of a command that has to succeed. */
async function succeed(command: string, args: readonly string[], input?: string): Promise<string> {
  const { status, output } = await start(command, args, input).ended;
  if (status !== 0) {
    throw new Error(`${command} ${args.join(" ")} ended with ${status}:\n${tail(output)}`);
  }
  return output;
}

/** `scripts/lab …`, whatever comes of it. */
export const tryLab = (...args: string[]): Promise<Ended> => start("scripts/lab", args).ended;
/** `scripts/lab …`, which has to succeed: its output. */
export const lab = (...args: string[]): Promise<string> => succeed("scripts/lab", args);

// Without --norc, bash takes the socket that node gives it for a remote login's, and does what the user's .bashrc says.
const withParts = (parts: string, command: string) => [
  "--norc",
  "-c",
  `set -eu; for part in ${parts}; do . "lab/$part.sh"; done; ${command} "$@"`,
  "lab",
];
/** A command in the operator's place and with the operator's settings, as `scripts/lab deploy` runs cdktf. */
export const operator = (...command: string[]): Promise<Ended> =>
  start("bash", [...withParts("common deploy", "operator"), ...command]).ended;

/** Where a host is reached from the operator's other place. */
export const outside = "198.18.1.1";
/** From now on the operator's place is one that reaches this host, there, and nothing else. */
export async function operateBehind({ name }: Host): Promise<void> {
  await succeed("bash", [...withParts("common network", "outside_up"), name, outside]);
  process.env.LAB_PLACE = "outside";
}

/** What `scripts/verify` finds of the cluster, without the event bus, which takes longer than all else. */
export const tryVerify = (): Promise<Ended> => operator("scripts/verify");
/** Expects the cluster to be healthy now. */
export const verify = async (): Promise<void> => expectWords((await tryVerify()).output, /verify: healthy/);

/** Expects another deploy to have nothing to do. */
export const changesNothing = async (): Promise<void> =>
  expectWords(await lab("deploy"), /0 added, 0 changed, 0 destroyed/);

export interface Host {
  readonly name: string;
  readonly address: string;
}
export const hosts = (): Host[] =>
  read("hosts.list")
    .trim()
    .split("\n")
    .map((line) => {
      const [name = "", address = ""] = line.split(" ");
      return { name, address };
    });
export const host = (name: string): Host => {
  const found = hosts().find((one) => one.name === name);
  if (!found) {
    throw new Error(`no host is called ${name}`);
  }
  return found;
};

const initOf = async ({ name }: Host): Promise<string> =>
  (await succeed("bash", [...withParts("common host", "guest_init"), name])).trim();

/** The kernel's packet filter of a host, which may have no tool to show it: read by the tool of the first host, which has. */
export async function iptablesOf({ name }: Host): Promise<string> {
  const first = hosts()[0];
  const home = `/proc/${first && (await initOf(first))}`;
  const network = `/run/netns/${process.env.LAB_NAME}-${name}`;
  return succeed("nsenter", [
    `--mount=${home}/ns/mnt`,
    `--root=${home}/root`,
    `--net=${network}`,
    "/usr/sbin/iptables-save",
  ]);
}

/** What a script prints that somebody runs as root at the host's console, for which neither ssh nor sudo has to work. */
export async function atConsole(one: Host, script: string): Promise<string> {
  const init = await initOf(one);
  const environment = ["-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"];
  return succeed("nsenter", ["--target", init, "--all", "env", ...environment, "sh", "-eu", "-s"], script);
}

/** What each host's console prints, by name. */
export async function atConsoles(script: string, on: readonly Host[] = hosts()): Promise<Record<string, string>> {
  return Object.fromEntries(
    await Promise.all(on.map(async (one) => [one.name, await atConsole(one, script)] as const)),
  );
}

/**
 * Awaits a condition, for five minutes at most: what is to come by itself has come much earlier.
 * @param seen what there is instead, for the message of an error
 */
export async function until(condition: () => Promise<boolean> | boolean, seen = () => ""): Promise<void> {
  const end = Date.now() + 300_000;
  while (!(await condition())) {
    if (Date.now() > end) {
      throw new Error(`not so after five minutes: ${condition}\n${seen()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Awaits that `scripts/verify` finds the cluster healthy, after a fault or a boot. */
export async function healthyAgain(): Promise<void> {
  let last = "";
  await until(
    async () => {
      const { status, output } = await tryVerify();
      last = output;
      return status === 0;
    },
    () => tail(last),
  );
}

/** Bare hosts for the tests of a file; afterwards they are gone. */
export function useLab(...options: string[]): void {
  beforeAll(() => bareHosts(...options));
  tearDown();
}

/** Takes the lab down after the tests of a file, whatever has become of them. */
export function tearDown(): void {
  afterAll(async () => {
    if (process.env.KEEP_LAB === "1") {
      console.log(`KEEP_LAB=1: the lab stays up, with its files in ${folder}`);
    } else {
      await lab("down");
    }
  });
}

/**
 * Says that the tests of this file, or of the `describe` that it is called in, build on each other: after one that
 * has failed, all others fail at once.
 */
export function oneAfterTheOther(): void {
  let failed: string | undefined;
  beforeEach(({ task, onTestFailed }) => {
    if (failed !== undefined) {
      throw new Error(`an earlier test has failed, on which this one builds: ${failed}`);
    }
    onTestFailed(() => {
      failed = task.name;
    });
  });
}

/** A healthy cluster of three hosts for the tests of a file, see `cluster`; afterwards it is gone. */
export function useCluster(): void {
  beforeAll(cluster);
  tearDown();
}

/**
 * A healthy cluster of three hosts as a first deploy and a reboot leave it, in place of what there is. The first test
 * that needs it deploys and saves it, the others load it.
 */
export async function cluster(): Promise<void> {
  const name = "cluster";
  await noLab();
  const loaded = await tryLab("load", name);
  if (loaded.status !== 0) {
    expectWords(loaded.output, /no lab is saved as|was made from other sources/);
    await lab("up", "--to", "cluster");
    await lab("save", name);
  }
  await healthyAgain();
}

/** Takes away what an earlier run has left. */
async function noLab(): Promise<void> {
  if (existsSync(folder)) {
    await lab("down");
  }
}

/** Bare hosts that are started up to the end and have nothing left to do, in place of those that there are. */
export async function bareHosts(...options: string[]): Promise<void> {
  await noLab();
  await lab("up", "--to", "hosts", ...options);
  await atConsoles("systemctl is-system-running --wait || true");
}

/** The gossip key, and its bytes as hex, as a program might print them. */
export function keyForms(): string[] {
  const key = read("gossip.key").trim();
  return [key, Buffer.from(key, "base64").toString("hex")];
}

/** Kills, without a word, what runs below a command and is called so, or the command with all that it has started. */
export function killBelow({ pid }: Running, called = /(?:)/): void {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const [, parent] = /\) \S (\d+)/.exec(ofProcess(name, "stat")) ?? [];
    parents.set(Number(name), Number(parent));
  }
  const below = (one: number | undefined): boolean => one === pid || (!!one && below(parents.get(one)));
  const found = [...parents.keys()].filter((one) => below(one) && called.test(ofProcess(one, "comm").trim()));
  if (found.length === 0) {
    throw new Error(`nothing below ${pid} is called ${called}`);
  }
  for (const one of found) {
    process.kill(one, "SIGKILL");
  }
}

/** A file of /proc; empty when the process has ended. */
export function ofProcess(pid: number | string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
