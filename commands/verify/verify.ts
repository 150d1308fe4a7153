/** `scripts/verify`: does the cluster match its file, and does its network carry names, TCP and multicast? */
import { randomBytes } from "node:crypto";
import type { Inventory, InventoryHost } from "../../cluster/inventory.js";
import { onAll, type RunAsRoot } from "../../ssh/contact.js";
import { explainContact, lastLine } from "../../ssh/explain.js";
import { operatorCertificate } from "../shared/certificates.js";
import { plural } from "../shared/findings.js";
import { causesOf } from "./checks/index.js";
import { bounded } from "./deadline.js";
import { type EventBusResult, type EventBusRun, testEventBus, unloadEventBus } from "./event-bus-test.js";
import type { Evidence } from "./evidence.js";
import type { NetworkResult } from "./network-result.js";
import { removeContainers, type TestRun, testNetwork } from "./network-test.js";
import { parseView, succeeded, type View, type Views } from "./sections.js";
import { type Verdict, verdictsOn } from "./verdicts.js";

/** All that was found. */
export interface Verified extends Evidence {
  readonly seconds: number;
  /** In the order of the checks. */
  readonly verdicts: readonly Verdict[];
  /** Hosts that could not be asked, with the reason. */
  readonly silent: ReadonlyMap<string, string>;
}

export interface VerifyOptions {
  /** Text of `scripts/host/probes/verify.sh`. */
  readonly script: string;
  readonly run: RunAsRoot;
  readonly say: (line: string) => void;
  /** Also ask for what is only for readers. */
  readonly transcript?: boolean;
  /** Also test a Vert.x event bus. */
  readonly eventBus?: Pick<EventBusRun, "image" | "script" | "patience">;
  /** How long all but the event bus may take; default: `limitSeconds` of deadline.ts. */
  readonly limit?: number;
}

/** Asks all hosts, then tests the network. Removes all that it starts, whatever happens. */
export async function verify(inventory: Inventory, options: VerifyOptions): Promise<Verified> {
  const time = new Date();
  const ask = bounded(options.run, options.limit);
  const { views, silent } = await askHosts(inventory, { ...options, run: ask });
  const unasked = new Set(silent.keys());
  const operator = inventory.operator === undefined ? undefined : operatorCertificate(inventory.operator);
  const evidence = { inventory, views, time, operator };
  const place = placeToTest(evidence, verdictsOn(evidence, unasked));
  const results = place ? await testIn(place, evidence, options, ask) : {};
  const all = { ...evidence, ...results };
  return {
    ...all,
    seconds: (Date.now() - time.getTime()) / 1000,
    verdicts: verdictsOn(all, unasked),
    silent,
  };
}

/** The views of the hosts that answer, and why the others do not. */
async function askHosts(
  inventory: Inventory,
  { script, run, say, transcript }: VerifyOptions,
): Promise<{ views: Views; silent: ReadonlyMap<string, string> }> {
  const { hosts, settings } = inventory;
  say(`asking ${plural(hosts.length, "host")}`);
  const silent = new Map<string, string>();
  const views = new Map<string, View>();
  await onAll(hosts, async (host) => {
    const args = ["observe", host.address, settings.verify.image, ...(transcript ? ["status"] : [])];
    const result = await run(host, script, args);
    const view = parseView(result.stdout);
    if (view) {
      views.set(host.name, view);
    } else {
      const unfinished = result.status === 124 ? "no answer in time" : undefined;
      const why = unfinished ?? explainContact(inventory, host, result)?.found ?? lastLine(result.stderr);
      silent.set(host.name, why || `the script ended early (status ${result.status})`);
    }
    const answered = views.size + silent.size;
    if (answered < hosts.length) {
      say(`${answered} of ${hosts.length} hosts have answered`);
    }
  });
  return { views, silent };
}

interface Place {
  readonly manager: InventoryHost;
  readonly hosts: readonly InventoryHost[];
}

/** Where the network can be tested: on hosts without a fault that would show in the tests, if there are any. */
function placeToTest({ inventory, views }: Evidence, verdicts: readonly Verdict[]): Place | undefined {
  const lower = causesOf("schedule");
  const sick = new Set(
    verdicts.filter(({ check, status }) => status === "failed" && lower.has(check)).map(({ host }) => host),
  );
  const usable = inventory.hosts.filter(
    ({ name, agent }) => agent && succeeded(views, name, "proxy") && succeeded(views, name, "image"),
  );
  const sound = usable.filter(({ name }) => !sick.has(name));
  const managers = inventory.hosts.filter(({ name, manager }) => manager && succeeded(views, name, "swarm-info"));
  const manager = managers.find(({ name }) => !sick.has(name)) ?? managers[0];
  const hosts = sound.length > 0 ? sound : usable;
  return manager && hosts.length > 0 ? { manager, hosts } : undefined;
}

/** Tests the network, and the event bus if that is wanted. */
async function testIn(
  { manager, hosts }: Place,
  { inventory, views }: Evidence,
  { script, run, say, eventBus: bus }: VerifyOptions,
  ask: RunAsRoot,
): Promise<{ network: NetworkResult; eventBus?: EventBusResult }> {
  const test = { inventory, views, script, run: ask, id: randomBytes(3).toString("hex") };
  const remove = async (from: readonly InventoryHost[]) => [
    ...(await removeContainers(test, from)),
    ...(bus ? await unloadEventBus({ run, ...bus }, from) : []),
  ];
  return cleanedUp(test, remove, say, async (guard, tell) => {
    const network = await testNetwork({ ...test, run: guard(ask) }, manager, hosts, tell);
    if (bus === undefined) {
      return { network };
    }
    // Images are loaded, and members are waited for: it has its own patience.
    const onBus = { ...test, run: guard(run), ...bus, say: tell };
    return { network, eventBus: await testEventBus(onBus, manager, hosts) };
  });
}

/** Removes what the test has started after `body`, also when that fails or the operator interrupts it. */
async function cleanedUp<T>(
  test: TestRun,
  removeFrom: (hosts: readonly InventoryHost[]) => Promise<string[]>,
  say: (line: string) => void,
  body: (guard: (run: RunAsRoot) => RunAsRoot, say: (line: string) => void) => Promise<T>,
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
  for (const signal of signals) {
    process.on(signal, onSignal);
  }
  const hosts = test.inventory.hosts.filter(({ name }) => test.views.has(name));
  const remove = async () => {
    for (const line of await removeFrom(hosts)) {
      say(line);
    }
  };
  const guard =
    (run: RunAsRoot): RunAsRoot =>
    async (...args) => {
      if (interruption) {
        throw interruption;
      }
      return run(...args);
    };
  try {
    const tell = (line: string) => {
      if (!interruption) {
        say(line);
      }
    };
    return await Promise.race([body(guard, tell), interrupted]);
  } finally {
    say("removing the test's containers");
    await remove();
    if (interruption) {
      // By now a container is there whose start was under way.
      await new Promise((resolve) => setTimeout(resolve, 3000));
      await remove();
    }
    for (const signal of signals) {
      process.off(signal, onSignal);
    }
  }
}

/** 0 healthy, 1 unhealthy, 2 could not tell. */
export function statusOf({ verdicts, silent, network }: Pick<Verified, "verdicts" | "silent" | "network">): 0 | 1 | 2 {
  if (verdicts.some(({ status }) => status === "failed")) {
    return 1;
  }
  return silent.size > 0 || (network?.unanswered.size ?? 0) > 0 || verdicts.length === 0 ? 2 : 0;
}
