/** Tests of the containers' network, with containers of our own that are gone afterwards. */
import { lastLine, onAll, type RunAsRoot } from "./contact.js";
import { label } from "./findings.js";
import type { Inventory, InventoryHost } from "./inventory.js";
import type { Verdict, Views } from "./verdicts.js";
import { parseSections, parseSwarmInfo, type Said } from "./views.js";

/** What a network test needs: where to run, and under which name. */
export interface TestRun {
  readonly inventory: Inventory;
  readonly views: Views;
  /** Text of `scripts/host/verify.sh`. */
  readonly script: string;
  readonly run: RunAsRoot;
  /** Names this run's containers, so that exactly they are removed. */
  readonly id: string;
}

/** The source document's test: two containers that Swarm keeps apart ping each other by their weave.local names. */
export async function pingTest(
  test: TestRun,
): Promise<{ readonly verdicts: Verdict[]; readonly transcript: string[] }> {
  const { inventory, views, id } = test;
  const manager = inventory.hosts.find((host) => host.manager && views.get(host.name)?.get("swarm-info")?.status === 0);
  if (manager === undefined) return { verdicts: [], transcript: [] };
  const agents = inventory.hosts.filter(({ agent }) => agent);
  const said = await act(
    test,
    manager,
    "ping",
    id,
    inventory.settings.verify.image,
    agents.length > 1 ? "apart" : "together",
  );
  return judgePings(inventory, views, manager, id, said);
}

/** Judges what the ping test has said on the manager that it ran on. */
export function judgePings(
  inventory: Inventory,
  views: Views,
  manager: InventoryHost,
  id: string,
  said: ReadonlyMap<string, Said>,
): { readonly verdicts: Verdict[]; readonly transcript: string[] } {
  const names = [`pingtest1-${id}`, `pingtest2-${id}`] as const;
  const onManager = (wrong: string[]): Verdict[] => [{ host: manager.name, check: "ping", wrong }];
  for (const name of names) {
    const start = said.get(`start ${name}`);
    if (start?.status !== 0) {
      return {
        verdicts: onManager([`cannot start ${name}: ${lastLine(start?.text ?? "") || "no answer"}`]),
        transcript: [],
      };
    }
  }
  const hosts = names.map((name) => hostOf(inventory, views, manager, name, said.get("where")?.text ?? ""));
  const verdicts = names.flatMap((name, i): Verdict[] => {
    const other = names[1 - i] ?? "";
    const ping = said.get(`ping ${name} ${other}`);
    const wrong = [
      ...(hosts[i] === undefined ? [`Swarm does not say on which host ${name} runs`] : []),
      ...(ping?.status === 0
        ? []
        : [`${name} cannot ping ${other}.weave.local: ${lastLine(ping?.text ?? "") || "no answer"}`]),
    ];
    return [{ host: (hosts[i] ?? manager).name, check: "ping", wrong }];
  });
  const [one, two] = hosts;
  const agents = inventory.hosts.filter(({ agent }) => agent).length;
  const together = one !== undefined && one === two && agents > 1;
  return {
    verdicts: together
      ? onManager([`Swarm put both containers on ${label(one)}, in spite of affinity:container!=`])
      : merge(verdicts),
    transcript: names.flatMap((name, i) => {
      const other = names[1 - i] ?? "";
      return [
        `${hosts[i]?.name ?? "?"}: ${name}:/# ping -c 3 ${other}.weave.local`,
        ...(said.get(`ping ${name} ${other}`)?.text ?? "").split("\n"),
        "",
      ];
    }),
  };
}

/** Two verdicts on one host become one. */
function merge(verdicts: readonly Verdict[]): Verdict[] {
  const byHost = new Map<string, Verdict>();
  for (const verdict of verdicts) {
    const known = byHost.get(verdict.host);
    byHost.set(verdict.host, known ? { ...known, wrong: [...known.wrong, ...verdict.wrong] } : verdict);
  }
  return [...byHost.values()];
}

/** `docker -H :4000 ps` shows a container as NODE/NAME. */
function hostOf(inventory: Inventory, views: Views, manager: InventoryHost, container: string, listing: string) {
  const node = listing
    .split(/[\n,]/)
    .map((line) => line.trim().split("/"))
    .find(([, name]) => name === container)?.[0];
  const info = parseSwarmInfo(views.get(manager.name)?.get("swarm-info")?.text ?? "");
  const address = info.nodes.find(({ name }) => name === node)?.address;
  return inventory.hosts.find((host) => host.address === address);
}

/** How many datagrams each host sends; one may be lost before the tree of the first is known. */
const datagrams = 5;

/** Each host in turn sends to the multicast group, all others have to receive. */
export async function multicastTest(test: TestRun, hosts: readonly InventoryHost[]): Promise<Verdict[]> {
  const { id, inventory } = test;
  const started = await onAll(hosts, async (host) => ({
    host,
    said: await act(test, host, "listen", id, inventory.settings.verify.image, host.address),
  }));
  const ready = started.flatMap(({ host, said }) => (said.get("joined")?.status === 0 ? [host] : []));
  const failed = started.flatMap(({ host, said }): Verdict[] => {
    if (ready.includes(host)) return [];
    const [listen, joined] = [said.get("listen"), said.get("joined")];
    const why =
      listen?.status === 0
        ? `the listener did not join 224.2.2.3 on ethwe: ${lastLine(joined?.text ?? "") || "not in /proc/net/igmp"}`
        : `cannot start a listener: ${lastLine(listen?.text ?? "") || "no answer"}`;
    return [{ host: host.name, check: "multicast", wrong: [why] }];
  });
  const sent = new Map<string, Said | undefined>();
  for (const host of ready)
    sent.set(host.name, (await act(test, host, "send", id, host.name, String(datagrams))).get("send"));
  const heard = await onAll(ready, async (host) => ({ host, said: (await act(test, host, "heard", id)).get("heard") }));
  return [...failed, ...judgeMulticast(ready, sent, new Map(heard.map(({ host, said }) => [host.name, said])))];
}

/** Judges who has heard whom. A host that hears none of a sender's datagrams counts against both ends. */
export function judgeMulticast(
  hosts: readonly InventoryHost[],
  sent: ReadonlyMap<string, Said | undefined>,
  heard: ReadonlyMap<string, Said | undefined>,
): Verdict[] {
  return hosts.map((host) => {
    const send = sent.get(host.name);
    const words = heard.get(host.name)?.text.split("\n") ?? [];
    const deaf = hosts.filter(
      (other) => other !== host && sent.get(other.name)?.status === 0 && !words.includes(other.name),
    );
    return {
      host: host.name,
      check: "multicast",
      wrong: [
        ...(send?.status === 0 ? [] : [`cannot send: ${lastLine(send?.text ?? "") || "no answer"}`]),
        ...deaf.map((other) => `hears nothing of ${label(other)} on 224.2.2.3:54327`),
      ],
    };
  });
}

/** Removes what a run has started, on all hosts; says on which it could not. */
export async function removeContainers(test: Pick<TestRun, "inventory" | "script" | "run" | "id">): Promise<string[]> {
  const results = await onAll(test.inventory.hosts, async (host) => ({
    host,
    said: await act(test, host, "remove", test.id),
  }));
  return results.flatMap(({ host, said }) =>
    said.has("end") && [...said.values()].every(({ status }) => status === 0)
      ? []
      : [`${label(host)}: could not remove the test's containers; they end by themselves within five minutes`],
  );
}

async function act(
  { script, run }: Pick<TestRun, "script" | "run">,
  host: InventoryHost,
  ...args: string[]
): Promise<ReadonlyMap<string, Said>> {
  return parseSections((await run(host, script, args)).stdout);
}
