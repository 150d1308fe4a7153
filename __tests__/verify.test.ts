import { describe, expect, it } from "vitest";
import type { Inventory, InventoryHost } from "../checks/inventory.js";
import { judgeMulticast, judgePings } from "../checks/network-tests.js";
import { type Check, judgeViews, type Verdict } from "../checks/verdicts.js";
import { verify, verifyReport } from "../checks/verify.js";
import { parseConnections, parseSections, parseSwarmInfo, type Said } from "../checks/views.js";

// Outputs of Consul 1.20.5, Weave Net 2.6.5 and Swarm 1.2.9, asked by the docker command 20.10.24.

const members = `Node  Address           Status  Type    Build   Protocol  DC   Partition  Segment
h1    198.18.0.11:8301  alive   server  1.20.5  2         lab  default    <all>
h2    198.18.0.12:8301  alive   server  1.20.5  2         lab  default    <all>
h3    198.18.0.13:8301  alive   client  1.20.5  2         lab  default    <default>`;

const raft = `Node  ID                                    Address           State     Voter  RaftProtocol  Commit Index  Trails Leader By
h2    c68996f6-086b-7579-daa9-909c984906cb  198.18.0.12:8300  leader    true   3             38            -
h1    4f4fa38b-c87b-6089-c710-b1c2d19bd3c9  198.18.0.11:8300  follower  true   3             38            0 commits`;

const weaveStatus = (last: string, name: string) => `
        Version: 2.6.5 (version check update disabled)

        Service: router
       Protocol: weave 1..2
           Name: 02:00:c6:12:00:${last}(${name})
     Encryption: disabled
  PeerDiscovery: enabled
        Targets: 2
    Connections: 2 (2 established)
          Peers: 3 (with 6 established connections)
 TrustedSubnets: none`;

const connections = {
  h1: `-> 198.18.0.12:6783      established sleeve 02:00:c6:12:00:0c(h2) mtu=1438
-> 198.18.0.13:6783      established sleeve 02:00:c6:12:00:0d(h3) mtu=1438`,
  h2: `<- 198.18.0.11:38247     established sleeve 02:00:c6:12:00:0b(h1) mtu=1438
<- 10.9.9.9:41867     established sleeve 02:00:c6:12:00:0d(h3) mtu=1438`,
  h3: `<- 198.18.0.11:33245     established sleeve 02:00:c6:12:00:0b(h1) mtu=1438
-> 198.18.0.12:6783      established sleeve 02:00:c6:12:00:0c(h2) mtu=1438`,
};

const swarmNode = (number: number) => `  h${number}: 198.18.0.1${number}:12375
   └ ID: VEST:QRKC:2SCC:KEPD:2IXV:JMO5:NQZS:A6IY:3DWJ:C53D:BXXW:FDO${number}|198.18.0.1${number}:12375
   └ Status: Healthy
   └ Containers: 5 (3 Running, 0 Paused, 2 Stopped)
   └ Reserved CPUs: 0 / 2
   └ Reserved Memory: 0B / 24.72GiB
   └ Labels: kernelversion=6.1.0, operatingsystem=Debian GNU/Linux 12 (bookworm), ostype=linux, storagedriver=overlay2
   └ UpdatedAt: 2026-11-23T01:22:23Z
   └ ServerVersion: 20.10.24+dfsg1
`;

const swarmInfo = (role: "primary" | "replica") => `Client:
 Context:    default
 Debug Mode: false

Server:
 Containers: 15
  Running: 9
  Paused: 0
  Stopped: 6
 Images: 15
 Server Version: swarm/1.2.9
 Role: ${role}
${role === "replica" ? " Primary: 198.18.0.13:4000\n" : ""} Strategy: spread
 Filters: health, port, containerslots, dependency, affinity, constraint, whitelist
 Nodes: 3
${[1, 2, 3].map(swarmNode).join("")} Plugins:
  Volume:
  Network:
 Swarm:
  NodeID:
  Is Manager: false
  Node Address:
 Name: 06e25469f8e0`;

function host(name: string, address: string, consul: "server" | "client"): InventoryHost {
  const login = { address, user: "root", port: 22, hostKeys: [] };
  return { name, address, login, consul, rebuilt: 0, manager: consul === "server", agent: true, ports: [] };
}
const [h1, h2, h3] = [
  host("h1", "198.18.0.11", "server"),
  host("h2", "198.18.0.12", "server"),
  host("h3", "198.18.0.13", "client"),
] as const;

const inventory: Inventory = {
  name: "lab",
  hosts: [h1, h2, h3],
  settings: {
    ssh: { hostKeyChecking: "required", timeoutSeconds: 30 },
    consul: { dataDir: "/var/consul" },
    docker: { install: true, package: "docker.io" },
    weave: { version: "2.6.5", images: "weaveworks", dns: true },
    swarm: { version: "1.2.9", replication: true },
    verify: { image: "multicast-swarm/toolbox:1" },
  },
  artifacts: [],
  required: [],
};

type Output = Record<string, Said | string>;

const healthy: Record<"h1" | "h2" | "h3", Output> = {
  h1: {
    "weave-status": weaveStatus("0b", "h1"),
    "weave-connections": connections.h1,
    "swarm-info": swarmInfo("primary"),
  },
  h2: {
    "weave-status": weaveStatus("0c", "h2"),
    "weave-connections": connections.h2,
    "swarm-info": swarmInfo("replica"),
  },
  h3: {
    "weave-status": weaveStatus("0d", "h3"),
    "weave-connections": connections.h3,
    "swarm-info": {
      status: 1,
      text: "Server:\nERROR: Cannot connect to the Docker daemon at tcp://localhost:4000. Is the docker daemon running?\nerrors pretty printing info",
    },
  },
};

const everywhere: Output = {
  "consul-members": members,
  "consul-raft": raft,
  proxy: "20.10.24+dfsg1",
  image: "sha256:143f4ccee8d899f07e38e833a71155f3c5577e828b084262df337d83219c06a1",
};

function viewsWith(changed: Partial<Record<"h1" | "h2" | "h3", Output>> = {}) {
  return new Map(
    Object.entries(healthy).map(([name, own]) => {
      const output: Output = { ...everywhere, ...own, ...changed[name as "h1"] };
      const said = Object.entries(output).map(
        ([section, text]) => [section, typeof text === "string" ? { status: 0, text } : text] as const,
      );
      return [name, new Map<string, Said>(said)] as const;
    }),
  );
}

const wrong = (verdicts: readonly Verdict[]) =>
  verdicts.flatMap(({ host, check, wrong }) => wrong.map((line) => `${host} ${check}: ${line}`));

function judged(changed: Parameters<typeof viewsWith>[0], check: Check, where = inventory) {
  return wrong(judgeViews(where, viewsWith(changed)).filter((verdict) => verdict.check === check));
}

describe("judgeViews", () => {
  it("has nothing to say of a healthy cluster", () => {
    const verdicts = judgeViews(inventory, viewsWith());
    expect(wrong(verdicts)).toEqual([]);
    // Only managers have a swarm to ask.
    expect(verdicts.map(({ host, check }) => `${host} ${check}`)).toContain("h2 swarm");
    expect(verdicts.map(({ host, check }) => `${host} ${check}`)).not.toContain("h3 swarm");
  });

  it("consul: a member that is missing, dead, of another role, or a stranger", () => {
    const without = members.split("\n").filter((line) => !line.startsWith("h2"));
    expect(judged({ h1: { "consul-members": without.join("\n") } }, "consul")).toEqual([
      "h1 consul: h2 (198.18.0.12) is no Consul member",
    ]);
    expect(judged({ h3: { "consul-members": members.replace("2:8301  alive ", "2:8301  failed") } }, "consul")).toEqual(
      ["h3 consul: h2 (198.18.0.12) is failed"],
    );
    expect(judged({ h1: { "consul-members": members.replace("client", "server") } }, "consul")).toEqual([
      "h1 consul: h3 (198.18.0.13) is a server, not a client",
    ]);
    const stranger = members.replaceAll(
      /^h3.*$/gm,
      (line) => `${line}\n${line.replace("h3", "x9").replace(".13", ".99")}`,
    );
    expect(judged({ h1: { "consul-members": stranger } }, "consul")).toEqual([
      "h1 consul: 198.18.0.99 is a Consul member, but not in the cluster file",
    ]);
    expect(judged({ h1: { "consul-members": stranger.replace(/^(x9.*)alive/m, "$1left ") } }, "consul")).toEqual([]);
    const refused =
      'Error retrieving members: Get "http://127.0.0.1:8500/v1/agent/members?segment=_all": dial tcp 127.0.0.1:8500: connect: connection refused';
    expect(judged({ h1: { "consul-members": { status: 1, text: refused } } }, "consul")).toEqual([
      `h1 consul: ${refused}`,
    ]);
    expect(judged({ h1: { "consul-members": { status: 124, text: "" } } }, "consul")).toEqual([
      "h1 consul: no answer within a minute",
    ]);
  });

  it("leader: none, a server that does not vote, or two opinions", () => {
    const none = raft.replace("leader  ", "follower");
    expect(judged({ h1: { "consul-raft": none } }, "leader")).toEqual(["h1 leader: Consul has no leader"]);
    expect(judged({ h3: { "consul-raft": raft.replace("follower  true ", "follower  false") } }, "leader")).toEqual([
      "h3 leader: h1 (198.18.0.11) does not vote",
    ]);
    const other = raft
      .replace("follower", "leader")
      .replace("leader    true   3             38            -", "follower  true");
    expect(judged({ h1: { "consul-raft": other } }, "leader")[0]).toBe(
      "h1 leader: sees 198.18.0.11 as leader, while h2 (198.18.0.12) sees 198.18.0.12",
    );
  });

  it("weave: a pair without a connection, and the state that it is in", () => {
    const failed = connections.h1.replace(
      /established sleeve (\S+)\(h2\).*/,
      "failed      dial tcp 198.18.0.11:0->198.18.0.12:6783: connect: connection refused, retry: 2026-11-23 01:18:27",
    );
    expect(judged({ h1: { "weave-connections": failed } }, "weave")).toEqual([
      "h1 weave: no connection to h2 (198.18.0.12): failed dial tcp 198.18.0.11:0->198.18.0.12:6783: connect: connection refused, retry: 2026-11-23 01:18:27",
    ]);
    expect(judged({ h2: { "weave-connections": "" } }, "weave")).toHaveLength(2);
    expect(
      judged(
        { h2: { "weave-connections": { status: 1, text: "weave container is not present. Have you launched it?" } } },
        "weave",
      ),
    ).toEqual(["h2 weave: weave container is not present. Have you launched it?"]);
  });

  it("proxy: no answer", () => {
    const text = "Cannot connect to the Docker daemon at tcp://198.18.0.13:12375. Is the docker daemon running?";
    expect(judged({ h3: { proxy: { status: 1, text } } }, "proxy")).toEqual([`h3 proxy: ${text}`]);
  });

  it("swarm: a node that is missing, not healthy or a stranger; a manager that does not answer", () => {
    expect(
      judged({ h1: { "swarm-info": swarmInfo("primary").replaceAll("198.18.0.13", "198.18.0.99") } }, "swarm"),
    ).toEqual([
      "h1 swarm: h3 (198.18.0.13) is no Swarm node",
      "h1 swarm: 198.18.0.99 is a Swarm node, but not in the cluster file",
    ]);
    const pending = swarmInfo("primary")
      .replace("Status: Healthy", "Status: Unhealthy")
      .replace("   └ UpdatedAt", "   └ Error: Cannot connect to the docker engine endpoint\n   └ UpdatedAt");
    expect(judged({ h1: { "swarm-info": pending } }, "swarm")).toEqual([
      "h1 swarm: h1 (198.18.0.11) is Unhealthy: Cannot connect to the docker engine endpoint",
    ]);
    expect(judged({ h2: { "swarm-info": healthy.h3["swarm-info"] ?? "" } }, "swarm")).toEqual([
      "h2 swarm: Cannot connect to the Docker daemon at tcp://localhost:4000. Is the docker daemon running?",
    ]);
  });

  it("swarm: exactly one primary, unless every manager is one on purpose", () => {
    expect(judged({ h1: { "swarm-info": swarmInfo("replica") } }, "swarm")).toEqual([
      "h1 swarm: no manager is primary",
      "h2 swarm: no manager is primary",
    ]);
    expect(judged({ h2: { "swarm-info": swarmInfo("primary") } }, "swarm")).toEqual([
      "h1 swarm: more than one primary: h1 (198.18.0.11), h2 (198.18.0.12)",
      "h2 swarm: more than one primary: h1 (198.18.0.11), h2 (198.18.0.12)",
    ]);
    const alone = {
      ...inventory,
      settings: { ...inventory.settings, swarm: { version: "1.2.9", replication: false } },
    };
    expect(judged({ h2: { "swarm-info": swarmInfo("primary") } }, "swarm", alone)).toEqual([]);
    expect(judged({}, "swarm", alone)).toEqual(["h2 swarm: its role is replica, not primary"]);
  });

  it("image: not on the host", () => {
    const absent = { status: 1, text: "Error: No such image: multicast-swarm/toolbox:1" };
    expect(judged({ h2: { image: absent } }, "image")).toEqual([
      "h2 image: No such image: multicast-swarm/toolbox:1: scripts/lock, then deploy, puts it on the host",
    ]);
    const noDocker = { status: 127, text: "timeout: failed to run command 'docker': No such file or directory" };
    expect(judged({ h2: { image: noDocker } }, "image")).toEqual(["h2 image: there is no docker on the host"]);
  });
});

describe("parsers", () => {
  it("take the script's output apart, whatever a login says before it", () => {
    const sections = parseSections("Welcome!\r\n=== a b 0\nfirst\nsecond\n=== c 124\n\n=== end 0\n");
    expect([...sections]).toEqual([
      ["a b", { status: 0, text: "first\nsecond" }],
      ["c", { status: 124, text: "" }],
      ["end", { status: 0, text: "" }],
    ]);
  });

  it("know a peer by name where its connection comes from another address", () => {
    expect(parseConnections(connections.h2)[1]).toEqual({
      address: "10.9.9.9",
      peer: "02:00:c6:12:00:0d",
      state: "established",
      detail: "sleeve 02:00:c6:12:00:0d(h3) mtu=1438",
    });
  });

  it("read the source document's own docker info", () => {
    const text = ` Role: primary
 Nodes: 2
  demo: 10.0.1.106:12375
   └ Status: Healthy
   └ Error: (none)
  snapshot: 10.0.1.111:12375
   └ Status: Healthy
   └ Error: (none)`;
    expect(parseSwarmInfo(text)).toEqual({
      role: "primary",
      nodes: [
        { name: "demo", address: "10.0.1.106", status: "Healthy", error: "" },
        { name: "snapshot", address: "10.0.1.111", status: "Healthy", error: "" },
      ],
    });
  });
});

describe("network tests", () => {
  const ok = (text: string): Said => ({ status: 0, text });
  const pinged = new Map<string, Said>([
    ["start pingtest1-ab", ok("1f")],
    ["start pingtest2-ab", ok("2f")],
    ["where", ok("h2/pingtest2-ab\nh1/pingtest1-ab")],
    ["ping pingtest1-ab pingtest2-ab", ok("3 packets transmitted, 3 packets received, 0% packet loss")],
    ["ping pingtest2-ab pingtest1-ab", ok("3 packets transmitted, 3 packets received, 0% packet loss")],
  ]);
  const pings = (changed: readonly (readonly [string, Said])[]) =>
    wrong(judgePings(inventory, viewsWith(), h1, "ab", new Map([...pinged, ...changed])).verdicts);

  it("ping: both ways, from two hosts", () => {
    const { verdicts } = judgePings(inventory, viewsWith(), h1, "ab", pinged);
    expect(verdicts).toEqual([
      { host: "h1", check: "ping", wrong: [] },
      { host: "h2", check: "ping", wrong: [] },
    ]);
  });

  it("ping: names the end that cannot, and the host that it is on", () => {
    const bad = { status: 1, text: "ping: bad address 'pingtest1-ab.weave.local'" };
    expect(pings([["ping pingtest2-ab pingtest1-ab", bad]])).toEqual([
      "h2 ping: pingtest2-ab cannot ping pingtest1-ab.weave.local: ping: bad address 'pingtest1-ab.weave.local'",
    ]);
    expect(
      pings([
        [
          "start pingtest2-ab",
          {
            status: 125,
            text: "docker: Error response from daemon: Unable to find a node that satisfies all conditions.\nSee 'docker run --help'.",
          },
        ],
      ]),
    ).toEqual([
      "h1 ping: cannot start pingtest2-ab: docker: Error response from daemon: Unable to find a node that satisfies all conditions.",
    ]);
    expect(pings([["where", ok("h1/pingtest2-ab\nh1/pingtest1-ab")]])).toEqual([
      "h1 ping: Swarm put both containers on h1 (198.18.0.11), in spite of affinity:container!=",
    ]);
  });

  it("multicast: names who hears nothing of whom", () => {
    const sent = new Map([h1, h2, h3].map(({ name }) => [name, ok("")]));
    const heard = new Map([
      ["h1", ok("h1\nh1\nh2\nh3")],
      ["h2", ok("h1\nh3")],
      ["h3", ok("h2")],
    ]);
    const judge = (sent: ReadonlyMap<string, Said>) => wrong(judgeMulticast([h1, h2, h3], sent, heard));
    expect(judge(sent)).toEqual(["h3 multicast: hears nothing of h1 (198.18.0.11) on 224.2.2.3:54327"]);
    const failed = { status: 1, text: "socat[7] E connect(): Network is unreachable" };
    expect(judge(new Map([...sent, ["h1", failed]]))).toEqual([`h1 multicast: cannot send: ${failed.text}`]);
  });
});

describe("verify", () => {
  const answer = (name: string) =>
    [...(viewsWith().get(name) ?? [])]
      .map(([section, { status, text }]) => `=== ${section} ${status}\n${text}\n`)
      .join("");
  const lines: string[] = [];
  const run = (removed: string[], broken?: string) =>
    verify(
      inventory,
      "script",
      async ({ name }, _, args = []) => {
        const [action] = args;
        if (action === broken) throw new Error("lost");
        if (action === "remove") removed.push(name);
        const stdout = action === "observe" && name !== "h3" ? `${answer(name)}=== end 0\n` : "";
        const stderr = "ssh: connect to host 198.18.0.13 port 22: No route to host\n";
        return name === "h3" ? { status: 255, stdout: "", stderr } : { status: 0, stdout, stderr: "" };
      },
      (line) => lines.push(line),
    );

  it("removes its containers on all hosts, also when it fails", async () => {
    const removed: string[] = [];
    await expect(run(removed, "listen")).rejects.toThrow("lost");
    expect(removed).toEqual(["h1", "h2", "h3"]);
  });

  it("shows hosts it could not ask as such, and counts failures first", async () => {
    const result = await run([]);
    expect(result.silent.get("h3")).toBe("unreachable: 198.18.0.13 port 22: no route to host");
    const report = verifyReport(inventory, result);
    expect(report.status).toBe(1);
    expect(report.lines.slice(0, 4)).toEqual([
      "                  consul  leader  weave  proxy  swarm  image  ping  multicast",
      "h1 (198.18.0.11)  ✓       ✓       ✓      ✓      ✓      ✓      ✗     ✗",
      "h2 (198.18.0.12)  ✓       ✓       ✓      ✓      ✓      ✓      -     ✗",
      "h3 (198.18.0.13)  ?       ?       ?      ?      ?      ?      ?     ?",
    ]);
    expect(verifyReport(inventory, { ...result, verdicts: [] })).toMatchObject({
      status: 2,
      lines: expect.arrayContaining(["verify: could not tell: 1 of 3 hosts could not be asked"]),
    });
  });

  it("is healthy when nothing is wrong", () => {
    const report = verifyReport(inventory, {
      verdicts: judgeViews(inventory, viewsWith()),
      silent: new Map(),
      transcript: [],
    });
    expect(report).toMatchObject({
      status: 0,
      lines: expect.arrayContaining(["verify: healthy: 17 checks on 3 hosts"]),
    });
  });
});
