/** `scripts/verify`: is the cluster what the cluster file says, and does its network do what it is there for? */
import { randomBytes } from "node:crypto";
import type { Inventory, InventoryHost } from "../../cluster/inventory.js";
import { explainContact, lastLine, onAll, type RunAsRoot } from "../../ssh/contact.js";
import { type EventBus, type EventBusRun, eventBusTest, observeEventBus, unloadEventBus } from "./checks/event-bus.js";
import { type Network, observeNetwork, removeContainers, type TestRun, testNetwork } from "./network-tests.js";
import { observe, type Views } from "./observations.js";
import { causesOf, judge, type Verdict } from "./verdicts.js";
import { parseSections, type Said } from "./views.js";

/** All that was seen. */
export interface Verified {
  readonly inventory: Inventory;
  readonly time: Date;
  readonly seconds: number;
  /** In the order of the checks. */
  readonly verdicts: readonly Verdict[];
  /** Hosts that could not be asked, with the reason. */
  readonly silent: ReadonlyMap<string, string>;
  readonly views: Views;
  /** What the tests of the containers' network saw, if they could be done. */
  readonly network?: Network;
  readonly eventBus?: EventBus;
}

export interface VerifyOptions {
  /** Text of `scripts/host/probes/verify.sh`. */
  readonly script: string;
  readonly run: RunAsRoot;
  readonly say: (line: string) => void;
  /** Also ask for what is only for readers. */
  readonly transcript?: boolean;
  /** Also test a Vert.x event bus. */
  readonly eventBus?: Pick<EventBusRun, "image" | "script">;
}

/** Asks all hosts, then tests the network. Nothing that it starts is left, whatever happens. */
export async function verify(inventory: Inventory, options: VerifyOptions): Promise<Verified> {
  const { script, run, say } = options;
  const { hosts, settings } = inventory;
  const time = new Date();
  say(`asking ${hosts.length} ${hosts.length === 1 ? "host" : "hosts"}`);
  const silent = new Map<string, string>();
  const views = new Map<string, ReadonlyMap<string, Said>>();
  await onAll(hosts, async (host) => {
    const args = ["observe", host.address, settings.verify.image, ...(options.transcript ? ["status"] : [])];
    const result = await run(host, script, args);
    const view = parseSections(result.stdout);
    if (view.has("end")) views.set(host.name, view);
    else {
      const why = explainContact(inventory, host, result)?.found ?? lastLine(result.stderr);
      silent.set(host.name, why || `the script ended early (status ${result.status})`);
    }
    if (views.size + silent.size < hosts.length)
      say(`${views.size + silent.size} of ${hosts.length} hosts have answered`);
  });

  const quiet = new Set(silent.keys());
  const observations = observe(inventory, views);
  // A host whose lower layers are at fault would only be in the way of the others.
  const lower = causesOf("schedule");
  const sick = new Set(
    judge(inventory, observations, quiet).flatMap(({ host, check, status }) =>
      status === "failed" && lower.has(check) ? [host] : [],
    ),
  );
  const well = (name: string) => !sick.has(name);
  const answers = (name: string, section: string) => views.get(name)?.get(section)?.status === 0;
  const usable = hosts.filter(({ name, agent }) => agent && answers(name, "proxy") && answers(name, "image"));
  const sound = usable.filter(({ name }) => well(name));
  const managers = hosts.filter(({ name, manager }) => manager && answers(name, "swarm-info"));
  const manager = managers.find(({ name }) => well(name)) ?? managers[0];
  const tested = sound.length > 0 ? sound : usable;

  let network: Network | undefined;
  let eventBus: EventBus | undefined;
  if (manager && tested.length > 0) {
    const test = { inventory, views, script, run, id: randomBytes(3).toString("hex") };
    const bus = options.eventBus;
    const remove = async (from: readonly InventoryHost[]) => [
      ...(await removeContainers(test, from)),
      ...(bus ? await unloadEventBus({ run, ...bus }, from) : []),
    ];
    await cleanedUp(test, remove, say, async (guarded, tell) => {
      network = await testNetwork(guarded, manager, tested, tell);
      if (bus) eventBus = await eventBusTest({ ...guarded, ...bus, say: tell }, manager, tested);
    });
  }
  const all = [
    ...observations,
    ...(network ? observeNetwork(inventory, views, network) : []),
    ...(eventBus && options.eventBus ? [observeEventBus(eventBus, options.eventBus.image)] : []),
  ];
  return {
    inventory,
    time,
    seconds: (Date.now() - time.getTime()) / 1000,
    verdicts: judge(inventory, all, quiet),
    silent,
    views,
    ...(network ? { network } : {}),
    ...(eventBus ? { eventBus } : {}),
  };
}

/** Removes what the test has brought after `body`, also when it fails or the operator interrupts it. */
async function cleanedUp<T>(
  test: TestRun,
  removeFrom: (hosts: readonly InventoryHost[]) => Promise<string[]>,
  say: (line: string) => void,
  body: (test: TestRun, say: (line: string) => void) => Promise<T>,
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
  const hosts = test.inventory.hosts.filter(({ name }) => test.views.has(name));
  const remove = async () => {
    for (const line of await removeFrom(hosts)) say(line);
  };
  const run: RunAsRoot = async (...args) => {
    if (interruption) throw interruption;
    return test.run(...args);
  };
  try {
    const tell = (line: string) => {
      if (!interruption) say(line);
    };
    return await Promise.race([body({ ...test, run }, tell), interrupted]);
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

/** 0 healthy, 1 unhealthy, 2 could not tell. */
export function statusOf({ verdicts, silent }: Pick<Verified, "verdicts" | "silent">): 0 | 1 | 2 {
  if (verdicts.some(({ status }) => status === "failed")) return 1;
  return silent.size > 0 || verdicts.length === 0 ? 2 : 0;
}
