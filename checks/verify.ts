/** `scripts/verify`: is the cluster what the cluster file says, and does its network do what it is there for? */
import { randomBytes } from "node:crypto";
import { explainContact, lastLine, onAll, type RunAsRoot, withHosts } from "./contact.js";
import { columns, label } from "./findings.js";
import type { Inventory } from "./inventory.js";
import { multicastTest, pingTest, removeContainers, type TestRun } from "./network-tests.js";
import { checks, judgeViews, type Verdict, type Views } from "./verdicts.js";
import { parseSections, type Said } from "./views.js";

export interface VerifyResult {
  readonly verdicts: readonly Verdict[];
  /** Hosts that could not be asked, with the reason. */
  readonly silent: ReadonlyMap<string, string>;
  /** What a person who knows the components wants to see with their own eyes. */
  readonly transcript: readonly string[];
}

/**
 * Verifies the cluster and prints the report.
 *
 * @param script the text of `scripts/host/verify.sh`
 * @returns the exit status: 0 healthy, 1 unhealthy, 2 could not tell
 */
export async function runVerify(inventory: Inventory, script: string): Promise<0 | 1 | 2> {
  const result = await withHosts(inventory, (run) =>
    verify(inventory, script, run, (line) => console.error(`verify: ${line}`)),
  );
  const { lines, status } = verifyReport(inventory, result);
  for (const line of [...result.transcript, ...lines]) console.log(line);
  return status;
}

/** Asks all hosts, then tests the network. Nothing that it starts is left, whatever happens. */
export async function verify(
  inventory: Inventory,
  script: string,
  run: RunAsRoot,
  say: (line: string) => void,
): Promise<VerifyResult> {
  const { hosts, settings } = inventory;
  say(`asking ${hosts.length} ${hosts.length === 1 ? "host" : "hosts"}`);
  const silent = new Map<string, string>();
  const views = new Map<string, ReadonlyMap<string, Said>>();
  await onAll(hosts, async (host) => {
    const result = await run(host, script, ["observe", host.address, settings.verify.image]);
    const view = parseSections(result.stdout);
    if (view.has("end")) views.set(host.name, view);
    else {
      const why = explainContact(inventory, host, result)?.found ?? lastLine(result.stderr);
      silent.set(host.name, why || `the script ended early (status ${result.status})`);
    }
  });
  const seen = judgeViews(inventory, views);
  const usable = hosts.filter(({ name }) => views.get(name)?.get("image")?.status === 0);
  if (usable.length === 0) return { verdicts: seen, silent, transcript: transcript(inventory, views) };

  const id = randomBytes(3).toString("hex");
  return await cleanedUp({ inventory, views, script, run, id }, say, async (test) => {
    say(
      "two containers, kept apart by Swarm, ping each other by name; every host sends to 224.2.2.3:54327, all listen",
    );
    const [ping, multicast] = await Promise.all([pingTest(test), multicastTest(test, usable)]);
    return {
      verdicts: [...seen, ...ping.verdicts, ...multicast],
      silent,
      transcript: [...transcript(inventory, views), ...ping.transcript],
    };
  });
}

/** Removes the test's containers after `body`, also when it fails or the operator interrupts it. */
async function cleanedUp<T>(
  test: TestRun,
  say: (line: string) => void,
  body: (test: TestRun) => Promise<T>,
): Promise<T> {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  let interruption: Error | undefined;
  let interrupt = (_: Error) => {};
  const interrupted = new Promise<never>((_, reject) => {
    interrupt = reject;
  });
  const onSignal = (signal: string) => {
    interruption = new Error(`interrupted by ${signal}`);
    interrupt(interruption);
  };
  for (const signal of signals) process.on(signal, onSignal);
  const remove = async () => {
    for (const line of await removeContainers(test)) say(line);
  };
  const run: RunAsRoot = async (...args) => {
    if (interruption) throw interruption;
    return test.run(...args);
  };
  try {
    return await Promise.race([body({ ...test, run }), interrupted]);
  } finally {
    say("removing the test's containers");
    await remove();
    if (interruption) {
      // A container that was being started just then is there by now.
      await new Promise((resolve) => setTimeout(resolve, 3000));
      await remove();
    }
    for (const signal of signals) process.off(signal, onSignal);
  }
}

function transcript({ hosts }: Inventory, views: Views): string[] {
  const shown = [
    ["consul-members", "consul members"],
    ["weave-status", "weave status"],
    ["swarm-info", "docker -H :4000 info"],
  ] as const;
  return shown.flatMap(([section, command]) => {
    const host = hosts.find(({ name }) => views.get(name)?.get(section)?.status === 0);
    const text = host && views.get(host.name)?.get(section)?.text;
    return text === undefined ? [] : [`${host?.name}> ${command}`, ...shortened(text).split("\n"), ""];
  });
}

/** What `docker info` says before and after Swarm's own part is about the command, or empty. */
function shortened(text: string): string {
  return text.replace(/^Client:[\s\S]*?\nServer:\n/, "").replace(/\n Plugins:\n[\s\S]*$/, "\n …");
}

/** A table of hosts and checks, the reasons below it, and the exit status that belongs to it. */
export function verifyReport(
  inventory: Inventory,
  { verdicts, silent }: VerifyResult,
): { readonly lines: string[]; readonly status: 0 | 1 | 2 } {
  const { hosts } = inventory;
  const verdictOf = (host: string, check: string) => verdicts.find((v) => v.host === host && v.check === check);
  const rows = hosts.map((host) => [
    label(host),
    ...checks.map((check) => {
      if (silent.has(host.name)) return "?";
      const verdict = verdictOf(host.name, check);
      return verdict === undefined ? "-" : verdict.wrong.length === 0 ? "✓" : "✗";
    }),
  ]);
  const bad = verdicts.filter(({ wrong }) => wrong.length > 0);
  const sick = new Set(bad.map(({ host }) => host)).size;
  const reasons = hosts.flatMap((host) => [
    ...(silent.has(host.name) ? [[`? ${label(host)}`, "", silent.get(host.name) ?? ""]] : []),
    ...bad
      .filter((verdict) => verdict.host === host.name)
      .flatMap(({ check, wrong }) => wrong.map((line) => [`✗ ${label(host)}`, check, line])),
  ]);
  const summary =
    bad.length > 0
      ? `verify: unhealthy: ${bad.length} checks failed on ${sick} of ${hosts.length} hosts`
      : silent.size > 0
        ? `verify: could not tell: ${silent.size} of ${hosts.length} hosts could not be asked`
        : `verify: healthy: ${verdicts.length} checks on ${hosts.length} hosts`;
  return {
    lines: [...columns([["", ...checks], ...rows]).map((line) => line.trimEnd()), "", ...columns(reasons), summary],
    status: bad.length > 0 ? 1 : silent.size > 0 ? 2 : 0,
  };
}
