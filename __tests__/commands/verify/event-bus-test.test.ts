import { beforeEach, describe, expect, it } from "vitest";
import type { InventoryHost } from "../../../cluster/inventory.js";
import {
  type EventBusRun,
  eventBusImage,
  parseNews,
  parseSnapshot,
  testEventBus,
  unloadEventBus,
} from "../../../commands/verify/event-bus-test.js";
import { FakeCluster, hosts } from "../../fixtures/fake-event-bus.js";

const swarmInfo = (nodes: readonly InventoryHost[]) =>
  ` Role: primary\n Nodes: ${nodes.length}\n${nodes
    .map(({ name, address }) => `  ${name}: ${address}:12375\n   └ Status: Healthy`)
    .join("\n")}`;

const image = {
  reference: "multicast-swarm/event-bus:1",
  artifacts: [{ platform: "amd64", sha256: "ab", source: "http://mirror/event-bus.tar" }],
};

function testOf(cluster: FakeCluster, nodes: readonly InventoryHost[] = cluster.nodes): EventBusRun {
  const view = new Map([["swarm-info", { status: 0, text: swarmInfo(nodes) }] as const]);
  return {
    inventory: { hosts: cluster.nodes },
    views: new Map(cluster.nodes.map(({ name }) => [name, view])),
    run: cluster.run,
    id: "ab",
    script: "",
    image,
    say: () => {},
    patience: { seconds: 0.05, pauseMilliseconds: 1 },
  };
}

/** Runs the test on the cluster; what it complains of. */
async function wrong(cluster: FakeCluster, nodes?: readonly InventoryHost[], on = cluster.nodes): Promise<string[]> {
  const { complaints } = await testEventBus(testOf(cluster, nodes), cluster.nodes[0] as InventoryHost, on);
  return complaints.map(({ by, about, found }) => `${by} of ${about}: ${found.replace(/within \d+ s/, "within 0 s")}`);
}

describe("event bus test", () => {
  let cluster: FakeCluster;
  beforeEach(() => {
    cluster = new FakeCluster();
  });

  it("passes when all hear all, also without the one that crashed and with it when it is back", async () => {
    const { complaints, on, transcript } = await testEventBus(testOf(cluster), hosts[0] as InventoryHost, hosts);
    expect(complaints).toEqual([]);
    expect(on).toEqual(["h1", "h2", "h3"]);
    expect(transcript).toContain("Received news: Some news!");
    // The pair and the members at the same time.
    expect(cluster.asked.filter((action) => !action.endsWith("look")).sort()).toEqual([
      "h1 again",
      "h1 crash",
      "h1 discard",
      "h1 load",
      "h1 start",
      "h1 start",
      "h1 start",
      "h1 start",
      "h2 load",
      "h3 load",
    ]);
  });

  it("keeps to the hosts where nothing is wrong yet", async () => {
    expect(await wrong(cluster, hosts, hosts.slice(0, 2))).toEqual([]);
    expect(new Set(cluster.specs)).toEqual(
      new Set([
        "bus_receiver-ab;CLUSTER_NAME=pair-ab constraint:node==/^(h1|h2)$/;Receiver",
        "bus_member-h1-ab;constraint:node==h1;Member h1",
        "bus_member-h2-ab;constraint:node==h2;Member h2",
        "bus_sender-ab;CLUSTER_NAME=pair-ab constraint:node==/^(h1|h2)$/ affinity:container!=bus_receiver-ab;Sender",
      ]),
    );
    expect(cluster.asked).not.toContain("h3 load");
  });

  it("runs on a host that is alone, with two members there", async () => {
    const alone = new FakeCluster(hosts.slice(0, 1));
    expect(await wrong(alone)).toEqual([]);
    expect([...alone.containers.keys()]).toEqual(["bus_member-h1-ab", "bus_member-h1-2nd-ab"]);
  });

  it("names the hosts that do not get the image", async () => {
    cluster.fails["h2 load"] = { status: 1, text: "h2 event-bus: ERROR: cannot download http://mirror/event-bus.tar" };
    expect(await wrong(cluster)).toEqual(["h2 of h2: cannot download http://mirror/event-bus.tar"]);
    expect(cluster.asked.some((action) => action.endsWith("start"))).toBe(false);
  });

  it("says when Swarm does not start the pair, or puts it on one host", async () => {
    const refusal = "docker: Error response from daemon: Unable to find a node that satisfies all conditions.";
    cluster.fails["start bus_sender-ab"] = { status: 125, text: `${refusal}\nSee 'docker run --help'.` };
    expect(await wrong(cluster)).toEqual([`h1 of h1: cannot start bus_sender-ab: ${refusal}`]);

    const unreached = new FakeCluster();
    const lost = "docker: Error response from daemon: Cannot connect to the Docker daemon at tcp://198.18.0.13:12375.";
    unreached.fails["start bus_receiver-ab"] = { status: 125, text: lost };
    expect(await wrong(unreached)).toEqual([`h3 of h3: cannot start bus_receiver-ab: ${lost}`]);

    const together = new FakeCluster();
    together.together = true;
    expect(await wrong(together)).toEqual([
      "h1 of h1: Swarm put both containers on h1 (198.18.0.11), despite affinity:container!=",
    ]);
  });

  it("says when the receiver hears nothing of the sender, or the sender has ended", async () => {
    cluster.deaf = { from: 0, pairs: ["Receiver Sender"] };
    expect(await wrong(cluster)).toEqual([
      "h1 of h2: bus_receiver-ab on h1 (198.18.0.11) received no news from bus_sender-ab on h2 (198.18.0.12) within 0 s; bus_receiver-ab is running, last output: Ready!",
    ]);
  });

  it("names who hears nothing of whom", async () => {
    cluster.deaf = { from: 0, pairs: ["h1 h3", "h2 h3", "h3 h1", "h3 h2"] };
    expect(await wrong(cluster)).toEqual([
      "h1 of h3: no news arrives within 0 s",
      "h2 of h3: no news arrives within 0 s",
      "h3 of h1: no news arrives within 0 s",
      "h3 of h2: no news arrives within 0 s",
    ]);
    expect(cluster.asked).not.toContain("h1 crash");
  });

  it("names the host on which no member can run", async () => {
    const refusal = "docker: Error response from daemon: Unable to find a node that satisfies node==h3.";
    cluster.fails["start bus_member-h3-ab"] = { status: 125, text: refusal };
    expect(await wrong(cluster)).toEqual([`h3 of h3: cannot start bus_member-h3-ab: ${refusal}`]);

    expect(await wrong(new FakeCluster(), hosts.slice(0, 2))).toEqual([
      "h3 of h3: is not a Swarm node, so no member runs there",
    ]);
  });

  it("says when the others fall silent after a crash", async () => {
    // One look at the pair and one at the members, one at the dead: then h3 is deaf.
    cluster.deaf = { from: 4, pairs: ["h3 h2"] };
    expect(await wrong(cluster)).toEqual(["h3 of h2: after h1 crashed: no news arrives within 0 s"]);
  });

  it("says when the crashed one does not come back, or nobody hears it", async () => {
    cluster.fails["h1 again"] = { status: 1, text: "Error: failed to start containers: bus_member-h1-ab" };
    expect(await wrong(cluster)).toEqual([
      "h1 of h1: cannot restart bus_member-h1-ab: Error: failed to start containers: bus_member-h1-ab",
    ]);

    const unheard = new FakeCluster();
    unheard.deaf = { from: 5, pairs: ["h2 h1", "h3 h1"] };
    expect(await wrong(unheard)).toEqual([
      "h2 of h1: after h1 crashed and came back: no news arrives within 0 s",
      "h3 of h1: after h1 crashed and came back: no news arrives within 0 s",
    ]);
  });

  it("a member that ended is named with its last output, and nobody is blamed for not hearing it", async () => {
    cluster.fails["h1 again"] = "bus_member-h1-ab";
    expect(await wrong(cluster)).toEqual([
      "h1 of h1: after h1 crashed and came back: bus_member-h1-ab is exited, last output: Received news 2 from h3",
    ]);
  });

  it("says where the image could not be removed", async () => {
    cluster.fails["h2 unload"] = { status: 1, text: "Error response from daemon: conflict: unable to delete 1f" };
    expect(await unloadEventBus(testOf(cluster), hosts)).toEqual([
      "h2 (198.18.0.12): could not remove the image multicast-swarm/event-bus:1: Error response from daemon: conflict: unable to delete 1f",
    ]);
  });
});

describe("event bus parsers", () => {
  it("take the last news of each sender", () => {
    const log =
      "Starting clustering at 10.40.0.0...\nReady!\nReceived news 7 from h1\nReceived news 9 from b-2\nReceived news 1 from h1";
    expect([...parseNews(log)]).toEqual([
      ["h1", 1],
      ["b-2", 9],
    ]);
  });

  it("know a container by its own name and its node", () => {
    const text = "h2/bus_sender running\nh3/bus_receiver exited";
    const snapshot = parseSnapshot(
      new Map([
        ["containers", { status: 0, text }],
        ["log bus_sender", { status: 0, text: "Ready!" }],
      ]),
      1,
    );
    expect([...snapshot.containers]).toEqual([
      ["bus_sender", { node: "h2", status: "running" }],
      ["bus_receiver", { node: "h3", status: "exited" }],
    ]);
    expect([...snapshot.logs]).toEqual([["bus_sender", "Ready!"]]);
  });

  it("the image is the cluster file's, or the one that the README builds", () => {
    const cluster = (named?: string) => ({
      settings: { verify: { eventBusImage: named } },
      artifacts: [{ name: "image:me/bus:2", platform: "any", version: "2", sha256: "ab", source: "docker://me/bus" }],
    });
    expect(eventBusImage(cluster()).reference).toBe("multicast-swarm/event-bus:1");
    expect(eventBusImage(cluster("me/bus:2"))).toMatchObject({
      reference: "me/bus:2",
      artifacts: [{ source: "docker://me/bus" }],
    });
  });
});
