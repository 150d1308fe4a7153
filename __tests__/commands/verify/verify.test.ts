import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { factsOf } from "../../../cluster/pki.js";
import { unpainted } from "../../../commands/shared/progress.js";
import { blame } from "../../../commands/verify/blame.js";
import { type CheckName, checkNames } from "../../../commands/verify/checks/index.js";
import type { Patience } from "../../../commands/verify/event-bus-test.js";
import { parseCalls, type TestRun, testNetwork } from "../../../commands/verify/network-test.js";
import { parseRaftPeers, parseSwarmInfo, parseWeaveReport } from "../../../commands/verify/parsers.js";
import { verifyPage } from "../../../commands/verify/report/html.js";
import { verifyJson } from "../../../commands/verify/report/json.js";
import { report, transcript } from "../../../commands/verify/report/terminal.js";
import { parseSections, parseView, type View } from "../../../commands/verify/sections.js";
import { statusOf, type Verified, verify } from "../../../commands/verify/verify.js";
import { authorityFor } from "../../fixtures/authority.js";
import { FakeCluster } from "../../fixtures/fake-event-bus.js";
import { host, inventory as inventoryOf, oldWeave } from "../../fixtures/inventories.js";

// What real hosts said (Consul 1.20.5, Weave Net 2.6.5, Swarm 1.2.9, Docker Engine 20.10.24): see recordings/record.ts.

interface Recorded {
  readonly host: string;
  readonly args: readonly string[];
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}
const recorded = (name: string): Recorded[] =>
  JSON.parse(readFileSync(join(__dirname, `../../fixtures/recordings/${name}.json`), "utf8"));

const inventory = inventoryOf([host(1), host(2), host(3)], {
  name: "lab",
  settings: { ...oldWeave, verify: { image: "multicast-swarm/toolbox:1" } },
  artifacts: [{ name: "consul", platform: "amd64", version: "1.20.5" }],
});

const healthy = recorded("healthy");

/** What the healthy hosts happened to be when they were recorded. */
const view = (name: string): View =>
  parseView(healthy.find((one) => one.host === name && one.args[0] === "observe")?.stdout ?? "") ?? new Map();
const names = ["h1", "h2", "h3"];
const consulLeader = parseRaftPeers(view("h1").get("consul-raft")?.text ?? "").find((peer) => peer.leader)?.name;
const follower = [...names].reverse().find((name) => name !== consulLeader) ?? "";
const replica = names.find((name) => parseSwarmInfo(view(name).get("swarm-info")?.text ?? "").role === "replica");
const shareOfH2 = () => {
  const { owners = [] } = parseWeaveReport(view("h1").get("weave-report")?.text ?? "")?.ipam ?? {};
  const sum = (of: typeof owners) => of.reduce((total, { addresses }) => total + addresses, 0);
  return Math.round((100 * sum(owners.filter(({ nickname }) => nickname === "h2"))) / sum(owners));
};

/** Verifies recorded hosts; `change` may alter what one says. */
function replay(
  recording: readonly Recorded[],
  change: (said: Recorded, args: readonly string[]) => Partial<Recorded> = () => ({}),
  asked: string[] = [],
  bus?: FakeCluster,
  cluster = inventory,
  patience?: Patience,
): Promise<Verified> {
  return verify(cluster, {
    script: "",
    say: () => {},
    ...(bus ? { eventBus: { script: "event bus", image: { reference: "event-bus:1", artifacts: [] }, patience } } : {}),
    run: async (host, script, args = []) => {
      if (bus && script === "event bus") {
        return bus.run(host, script, args);
      }
      const { name } = host;
      asked.push(`${name} ${args[0]}`);
      const said = recording.find((one) => one.host === name && one.args[0] === args[0]);
      if (said === undefined) {
        return { status: 0, stdout: "=== end 0\n", stderr: "" };
      }
      return { ...said, ...change(said, args) };
    },
  });
}

const faults = ({ verdicts }: Pick<Verified, "verdicts">) =>
  verdicts.filter(({ status }) => status === "failed").map(({ host, check, found }) => `${host} ${check}: ${found}`);

describe("a healthy cluster", () => {
  it("passes every check on every host", async () => {
    const verified = await replay(healthy, undefined, [], new FakeCluster());
    expect(faults(verified)).toEqual([]);
    expect(statusOf(verified)).toBe(0);
    const passed = verified.verdicts.map(({ host, check }) => `${host} ${check}`);
    // The recorded cluster has no allow-list, and serves the Docker API to everybody.
    const looked = checkNames.filter((check) => check !== "firewall" && check !== "tls");
    expect(passed.sort()).toEqual(looked.flatMap((check) => ["h1", "h2", "h3"].map((h) => `${h} ${check}`)).sort());
  });

  it("is asked once by each host, and cleaned up", async () => {
    const asked: string[] = [];
    await replay(healthy, undefined, asked);
    for (const name of ["h1", "h2", "h3"]) {
      for (const action of ["observe", "where", "probe", "send", "heard", "remove"]) {
        expect(asked.filter((one) => one === `${name} ${action}`)).toHaveLength(1);
      }
    }
    expect(asked.filter((one) => one.endsWith(" start"))).toHaveLength(1);
  });
});

const setOf = (name: string, type: string, elements: readonly string[]) =>
  `\tset ${name} {\n\t\ttype ipv4_addr\n${type}${elements.length > 0 ? `\t\telements = { ${elements.join(",\n\t\t\t     ")} }\n` : ""}\t}\n`;
/** What a host with an allow-list prints (nft 1.0.6). */
const allowList = (hosts: readonly string[], operators: readonly string[]) =>
  `unit enabled
table inet multicast_swarm {
${setOf("hosts", "", hosts)}
${setOf("operators", "\t\tflags interval\n", operators)}
\tchain strangers {
\t\tiif "lo" accept
\t\tip saddr @hosts accept
\t\tip saddr @operators accept
\t\ttcp dport { 4000, 6782, 6783, 6784, 8300, 8301, 8302, 8500, 8503, 8600, 12375 } counter drop
\t\tudp dport { 6783, 6784, 8301, 8302, 8600 } counter drop
\t\tmeta l4proto esp counter drop
\t}
}`;
const members = ["198.18.0.11", "198.18.0.12", "198.18.0.13"];
/** Verifies healthy hosts with an allow-list, h2 with what is given. */
function guarded(text: string, status = 0): Promise<Verified> {
  const settings = { ...inventory.settings, firewall: { managed: true, operators: ["198.18.0.1", "10.0.9.0/24"] } };
  const right = allowList(members, ["10.0.9.0/24", "198.18.0.1"]);
  return replay(
    healthy,
    ({ host: name, stdout }) => {
      const said = name === "h2" ? `=== allow-list ${status}\n${text}` : `=== allow-list 0\n${right}`;
      return { stdout: stdout.replace("=== swept", `${said}\n=== swept`) };
    },
    [],
    undefined,
    { ...inventory, settings },
  );
}

/** An authority, and two certificates that it has signed, of this test's own. */
const authority = authorityFor("verify");
const [pem, otherPem] = [authority.sign("h2", "198.18.0.12"), authority.sign("h2", "198.18.0.12")];
const second = factsOf(pem).from + 60;
/** What a host prints that serves the Docker API with TLS. */
const served = (time: number, proxy: string, manager: string) =>
  `time ${time}\nserved 12375\n${proxy}served 4000\n${manager}own\n${pem}authority\n${authority.certificate}`;
/** Verifies healthy hosts that serve with TLS, h2 with what is given. */
function certified(text: string, others = served(second, pem, pem), more: object = { operator: ".pki/operator" }) {
  const certificate = factsOf(pem);
  const hosts = inventory.hosts.map((one) => ({ ...one, certificate }));
  return replay(
    healthy,
    ({ host: name, stdout }) => {
      const said = name === "h2" ? text : others;
      return { stdout: stdout.replace("=== swept", `=== certificates 0\n${said}\n=== swept`) };
    },
    [],
    undefined,
    { ...inventory, hosts, ...more },
  );
}

/** What a Consul server prints whose agents talk with TLS. */
const consulServed = (server: string, agent: string) =>
  `time ${second}\nserved 8300\n${server}agent\n${agent}own\n${pem}authority\n${authority.certificate}`;
/** The same of hosts on which Consul does. */
function withConsul(text: string): Promise<Verified> {
  const ports = ["8300/tcp/consul", "8500/tcp/consul-local"];
  const hosts = inventory.hosts.map((one) => ({ ...one, certificate: factsOf(pem), ports }));
  const settings = { ...inventory.settings, security: { consulTls: true } };
  return certified(text, consulServed(pem, pem), { hosts, settings });
}

describe("a certificate", () => {
  const found = async (text: string, look = certified) => {
    const verified = await look(text);
    expect(faults(verified)).toEqual([]);
    return verified.verdicts.filter(({ check }) => check === "tls")[1]?.found;
  };
  it("is told with the days that it has left", async () => {
    expect(await found(served(second, pem, pem))).toBe("certificate 364 days, authority 3649 days");
  });
  it("is told where Consul alone has it", async () => {
    expect(await found(consulServed(pem, pem), withConsul)).toBe("certificate 364 days, authority 3649 days");
  });
  it("that ends soon is told with what to do", async () => {
    expect(await found(served(second + 340 * 86400, pem, pem))).toBe(
      "certificate 24 days, authority 3309 days: run scripts/pki",
    );
  });
});

describe("an allow-list", () => {
  it("that is as the cluster file says is found on every host", async () => {
    const verified = await guarded(allowList(members, ["10.0.9.0/24", "198.18.0.1"]));
    expect(faults(verified)).toEqual([]);
    expect(verified.verdicts.filter(({ check }) => check === "firewall").map(({ found }) => found)).toEqual(
      members.map(() => "3 hosts and 2 operators"),
    );
  });
});

describe("connections between the routers", () => {
  const encrypt = { ...inventory, settings: { ...inventory.settings, security: { weaveEncryption: true } } };
  /** As a router with a password says it. */
  const encrypted = ({ stdout }: Recorded) => ({
    stdout: stdout.replaceAll('"Info":"sleeve', '"Info":"encrypted   sleeve'),
  });
  const connections = ({ verdicts }: Verified) =>
    verdicts.filter(({ check }) => check === "weave").map(({ found }) => found.replace(/, seen by.*/, ""));

  it("are encrypted where the cluster file says so", async () => {
    const verified = await replay(healthy, encrypted, [], undefined, encrypt);
    expect(statusOf(verified)).toBe(0);
    expect(connections(verified)).toEqual(names.map(() => "2 connections by sleeve, encrypted"));
  });

  it("are a fault where they are not, and where they should not be", async () => {
    const open = await replay(healthy, undefined, [], undefined, encrypt);
    expect(connections(open)).toEqual(names.map(() => "is connected without encryption"));
    expect(statusOf(open)).toBe(1);
    expect(connections(await replay(healthy, encrypted))).toEqual(names.map(() => "is connected with encryption"));
  });
});

describe("a member that is down", () => {
  const withoutH2 = inventoryOf([host(1), host(3)], {
    ...inventory,
    hosts: [host(1), host(3)],
    absent: [{ name: "h2", address: "198.18.0.12" }],
  });

  it.each(["healthy", "consul", "weave", "agent", "agent-late"])(
    "is neither missed nor a stranger: %s",
    async (name) => {
      const asked: string[] = [];
      const verified = await replay(recorded(name), undefined, asked, undefined, withoutH2);
      expect(faults(verified)).toEqual([]);
      expect(statusOf(verified)).toBe(0);
      expect(asked.filter((one) => one.startsWith("h2"))).toEqual([]);
    },
  );
});

describe("recorded faults", () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ["consul", "consul stopped on h2", ["h2 consul: consul.service is failed"]],
    ["weave", "weave stopped on h2", ["h2 weave: weave.service is inactive"]],
    ["agent", "swarm-agent paused on h2", ["h2 swarm: container swarm-agent is paused"]],
    ["agent-late", "and its entry has expired", ["h2 swarm: container swarm-agent is paused"]],
    [
      "udp",
      "UDP 6783 just blocked on h2",
      [
        "h2 weave: Weave's connection is established, but no datagram passes: this host has the rule -A INPUT -p udp -m udp --dport 6783 -j DROP",
      ],
    ],
    ["udp-late", "UDP 6783 blocked for a minute", ["h2 weave: no Weave connection: pending sleeve"]],
    [
      "stranger",
      "a node of someone else's",
      ["198.18.0.99 swarm: is a Swarm node, but not in the cluster file, seen by h1, h2, h3"],
    ],
  ];
  it.each(cases)("%s: %s is exactly what is found", async (name, _, expected) => {
    const verified = await replay(recorded(name));
    const found = faults(verified);
    expect(found, found.join("\n")).toHaveLength(expected.length);
    for (const [i, line] of expected.entries()) {
      expect(found[i]).toContain(line);
    }
    expect(statusOf(verified)).toBe(1);
  });
});

/** Verifies the healthy hosts, but for one who says something else: replaced in its answers to that action. */
function altered(name: string, action: string, ...replace: readonly (readonly [string | RegExp, string])[]) {
  return replay(healthy, (said) =>
    (name === "all" || said.host === name) && said.args[0] === action
      ? {
          stdout: replace.reduce((text, [from, to]) => {
            const changed = text.replaceAll(from, to);
            // A replacement that does not apply proves nothing; only one that speaks of all may miss some.
            if (changed === text && name !== "all") {
              throw new Error(`${name} does not say ${from}`);
            }
            return changed;
          }, said.stdout),
        }
      : {},
  );
}

/** A healthy cluster on which only the event bus is disturbed. */
async function busWith(disturbance: Partial<Pick<FakeCluster, "deaf" | "fails">>): Promise<Verified> {
  const cluster = Object.assign(new FakeCluster(), disturbance);
  return replay(healthy, undefined, [], cluster, inventory, { seconds: 0.05, pauseMilliseconds: 1 });
}
describe("more than one way", () => {
  it("every manager is its own primary where that is meant", async () => {
    const alone = {
      ...inventory,
      settings: { ...inventory.settings, swarm: { version: "1.2.9", replication: false } },
    };
    const primaries = await replay(
      healthy,
      (said) => ({ stdout: said.stdout.replaceAll("Role: replica", "Role: primary") }),
      [],
      undefined,
      alone,
    );
    expect(faults(primaries)).toEqual([]);
    expect(faults(await replay(healthy, undefined, [], undefined, alone))).toContain(
      `${replica} swarm: its Swarm manager is replica, not primary`,
    );
  });

  it("a stranger is the stranger's fault, though only one manager has noticed", async () => {
    const unaware = (name: string) => healthy.find((one) => one.host === name && one.args[0] === "observe");
    const verified = await replay(recorded("stranger"), ({ host: name, args }) =>
      name !== "h2" && args[0] === "observe" ? { stdout: unaware(name)?.stdout ?? "" } : {},
    );
    expect(faults(verified)).toEqual(["198.18.0.99 swarm: is a Swarm node, but not in the cluster file, seen by h2"]);
  });

  it("a command that is missing is named", async () => {
    const said = "=== proxy 127\ntimeout: failed to run command 'docker': No such file or directory";
    expect(faults(await altered("h2", "observe", [/=== proxy 0\n.*/g, said]))).toContain(
      "h2 proxy: there is no docker on the host",
    );
  });

  it("a datagram that is blocked without a rule to be seen", async () => {
    const verified = await replay(recorded("udp"), (said) => ({
      stdout: said.stdout.replaceAll("-p udp -m udp --dport 6783", "-p all"),
    }));
    expect(faults(verified)).toEqual([
      "h2 weave: Weave's connection is established, but no datagram passes, seen by h1, h3",
    ]);
    expect(verified.verdicts.find(({ status }) => status === "failed")?.fix).toContain(
      "open 6783/tcp and 6783-6784/udp to and from h2",
    );
  });

  it("each host of many tries its neighbours on a ring", async () => {
    const hosts = Array.from({ length: 7 }, (_, i) => host(i + 1));
    const tried = new Map<string, readonly string[]>();
    const test: TestRun = {
      inventory: { ...inventory, hosts },
      views: new Map(),
      script: "",
      id: "ab",
      run: async ({ name }, _, args = []) => {
        if (args[0] === "probe") {
          tried.set(
            name,
            args.slice(2).map((one) => one.split(":")[0] ?? ""),
          );
        }
        const stdout = args[0] === "where" ? `=== where 0\npingtest${name.slice(1)}-ab\n` : "";
        return { status: 0, stdout, stderr: "" };
      },
    };
    await testNetwork(test, hosts[0] ?? host(1), hosts, () => {});
    expect(tried.get("h1")?.slice().sort()).toEqual(["2", "7"]);
    expect(tried.get("h4")?.slice().sort()).toEqual(["3", "5"]);
    expect(tried.get("h7")?.slice().sort()).toEqual(["1", "6"]);
  });
});

describe("every check can fail", () => {
  const node = /^ {2}h3: 198\.18\.0\.13:12375\n(?: {3}.*\n)*/gm;
  const cases: Record<CheckName, readonly (readonly [() => Promise<Verified>, string])[]> = {
    engine: [
      [
        () => altered("h2", "observe", ["unit-docker 0\nactive", "unit-docker 3\nfailed"]),
        "h2 engine: docker.service is failed",
      ],
    ],
    firewall: [
      [
        () => guarded(allowList(["198.18.0.11", "198.18.0.99"], ["198.18.0.1", "10.0.9.0/24"])),
        "h2 firewall: keeps out h2 (198.18.0.12), h3 (198.18.0.13); lets in 198.18.0.99, which the cluster file does not",
      ],
      [() => guarded(allowList(members, ["198.18.0.1"])), "h2 firewall: keeps out the operator 10.0.9.0/24"],
      [
        () => guarded(allowList(members, ["198.18.0.1", "10.0.9.0/24"]).replace(/tcp dport .*/, "")),
        "h2 firewall: does not close 4000/tcp, 6782/tcp,",
      ],
      [
        () => guarded(allowList(members, ["198.18.0.1", "10.0.9.0/24"]).replace("enabled", "disabled")),
        "h2 firewall: multicast-swarm-firewall.service is disabled: it will not be loaded at boot",
      ],
      [() => guarded("Error: No such file or directory", 1), "h2 firewall: No such file or directory"],
      [() => guarded(""), "h2 firewall: multicast-swarm-firewall.service is missing"],
    ],
    tls: [
      [() => certified(""), "h2 tls: serves the Docker API to everybody, without TLS"],
      [() => certified(served(second, "", pem)), "h2 tls: Weave's proxy shows no certificate"],
      [() => certified(served(second, otherPem, pem)), "h2 tls: Weave's proxy shows another certificate than pki/ has"],
      [() => withConsul(""), "h2 tls: serves Consul to everybody, without TLS"],
      [
        () => withConsul(consulServed(otherPem, pem)),
        "h2 tls: Consul's server shows another certificate than pki/ has",
      ],
      [() => withConsul(consulServed(pem, "")), "h2 tls: Consul's agent shows no certificate"],
      [() => certified(served(second + 365 * 86400, pem, pem)), "h2 tls: the certificate has ended, or ends today"],
    ],
    consul: [
      [
        () => altered("all", "observe", [/^h2 .*:8301 .*\n/gm, ""]),
        "h2 consul: is not a Consul member, seen by h1, h3",
      ],
      [
        () => altered("h1", "observe", [/^(h3 .*:8301 .*)$/gm, "$1\nx9    198.18.0.99:8301  alive   client  1.20.5"]),
        "198.18.0.99 consul: is a Consul member, but not in the cluster file, seen by h1",
      ],
      [
        () => altered("all", "observe", [/^(h3 .*:8301 +alive +)server/gm, "$1client"]),
        "h3 consul: is a Consul client, not a server, seen by h1, h2",
      ],
      [
        () => altered("all", "observe", [/^(h3 .*:8301 +)alive /gm, "$1left  "]),
        "h3 consul: has left Consul, seen by h1, h2",
      ],
      [
        () =>
          altered("h2", "observe", [
            /=== consul-members 0\n[\s\S]*?(?=\n===)/g,
            "=== consul-members 1\nconnection refused",
          ]),
        "h2 consul: connection refused",
      ],
      [
        () => altered("h2", "observe", [/=== consul-members 0\n[\s\S]*?(?=\n===)/g, "=== consul-members 124\n"]),
        "h2 consul: no answer in time",
      ],
    ],
    leader: [
      [() => altered("h3", "observe", [/leader( +true)/g, "follower$1"]), "h3 leader: Consul has no leader"],
      [
        () => altered("all", "observe", [/^(h2 .*:8300 .*) true /gm, "$1 false"]),
        "h2 leader: does not vote in Consul, seen by h1, h3",
      ],
      [
        () =>
          altered(
            follower,
            "observe",
            [/leader( +true)/g, "follower$1"],
            [new RegExp(`^(${follower} .*:8300 +)follower`, "gm"), "$1leader"],
          ),
        `${follower} leader: two leaders: ${[consulLeader, follower].sort().join(" and ")}`,
      ],
      [
        () =>
          altered(
            "h1",
            "observe",
            [/^Healthy:( +)true/gm, "Healthy:$1false"],
            [/(Name: +h3\n(?:.*\n){5} +Healthy: +)true/g, "$1false"],
          ),
        "h3 leader: is unhealthy according to Consul's Autopilot, seen by h1",
      ],
      [
        () => altered("h1", "observe", [/^Healthy:( +)true/gm, "Healthy:$1false"]),
        "h1 leader: Consul's Autopilot is not healthy",
      ],
    ],
    gossip: [
      [() => altered("h3", "observe", ["encrypted = true", "encrypted = false"]), "h3 gossip: gossip is not encrypted"],
    ],
    weave: [
      [
        () =>
          altered("all", "observe", [
            /"State":"established","Info":"sleeve 02:00:c6:12:00:0c\(h2\)"/g,
            '"State":"pending","Info":"sleeve 02:00:c6:12:00:0c(h2)"',
          ]),
        "h2 weave: no Weave connection: pending sleeve, seen by h1, h3",
      ],
      [
        () => altered("h1", "observe", ['"Peers":[{', '"Peers":[{"Name":"02:00:c6:12:00:63","NickName":"x9"},{']),
        "02:00:c6:12:00:63 weave: is a Weave peer (x9), but not in the cluster file",
      ],
      [
        () =>
          altered("h2", "observe", [/=== weave-report 0\n.*/g, "=== weave-report 1\nweave container is not running."]),
        "h2 weave: weave container is not running.",
      ],
    ],
    ipam: [
      [
        () => altered("h1", "observe", ['"Nickname":"h2","IsKnownPeer":true', '"Nickname":"h2","IsKnownPeer":false']),
        `owns ${shareOfH2()} % of the containers' addresses, but is no longer a peer`,
      ],
      [
        () =>
          altered("h1", "observe", [
            /"Peer":"02:00:c6:12:00:0c","Nickname":"h2"/g,
            '"Peer":"02:00:c6:12:00:63","Nickname":"x9"',
          ]),
        `02:00:c6:12:00:63 ipam: owns ${shareOfH2()} % of the containers' addresses, but is not in the cluster file (x9), seen by h1`,
      ],
      [
        () =>
          altered(
            "h3",
            "observe",
            [/"Paxos":null/g, '"Paxos":{"Elector":true}'],
            [/("DefaultSubnet":"[^"]*",)"Entries":\[.*?\]/g, '$1"Entries":null'],
          ),
        "h3 ipam: Weave's address allocator is awaiting consensus",
      ],
    ],
    proxy: [
      [() => altered("h3", "observe", [/=== proxy 0\n.*/g, "=== proxy 1\nCannot connect"]), "h3 proxy: Cannot connect"],
    ],
    swarm: [
      [() => altered("all", "observe", [node, ""]), "h3 swarm: is not a Swarm node, seen by h1, h2"],
      [
        () => altered("all", "observe", [/(h2: 198\.18\.0\.12:12375\n.*\n.*Status: )Healthy/g, "$1Unhealthy"]),
        "h2 swarm: is Unhealthy as a Swarm node",
      ],
      [() => altered("all", "observe", ["Role: primary", "Role: replica"]), "h1 swarm: no Swarm manager is primary"],
      [() => altered("all", "observe", ["Role: replica", "Role: primary"]), "both are primaries of the Swarm"],
      [
        () => altered("h2", "observe", [/^swarm-agent .*$/gm, "swarm-agent swarm:1.2.9 Exited (1) 5 minutes ago"]),
        "h2 swarm: container swarm-agent is not up: Exited (1)",
      ],
      [() => altered("h2", "observe", [/^swarm-manager .*\n/gm, ""]), "h2 swarm: there is no container swarm-manager"],
    ],
    versions: [
      [
        () => altered("h2", "observe", ['"Version":"2.6.5"', '"Version":"2.6.4"']),
        "h2 versions: weave 2.6.4 runs, not 2.6.5",
      ],
      [
        () => altered("h2", "observe", [/^\tversion = 1\.20\.5$/gm, "\tversion = 1.19.2"]),
        "h2 versions: consul 1.19.2 runs, not 1.20.5",
      ],
      [
        () => altered("h2", "observe", ["swarm-agent swarm:1.2.9", "swarm-agent swarm:1.2.8"]),
        "h2 versions: swarm-agent 1.2.8 runs, not 1.2.9",
      ],
    ],
    schedule: [
      [() => altered("h2", "where", [/pingtest.*\n/g, ""]), "h2 schedule: Swarm starts no container here"],
      [
        () => altered("h2", "where", [/(pingtest.*\n)/g, "$1pingtest9-ab\n"]),
        "h2 schedule: Swarm put 2 containers here, despite their affinity",
      ],
      [
        () => altered("h2", "observe", [/=== image 0\n.*/g, "=== image 1\nError: No such image"]),
        "h2 schedule: the image multicast-swarm/toolbox:1 is not on this host",
      ],
    ],
    dns: [
      [
        () =>
          altered(
            "h2",
            "probe",
            [/^(\d) name .*$/gm, "$1 name ping: bad address 'pingtest.weave.local'"],
            [/^\d (ping|tcp|largest).*\n/gm, ""],
          ),
        "h2 dns: its name does not resolve: ping: bad address",
      ],
      [
        () => altered("h2", "probe", [/^(\d) name .*$/gm, "$1 name 10.99.0.1"]),
        "h2 dns: its name resolves to 10.99.0.1, not to 10.",
      ],
    ],
    ping: [
      [() => altered("h3", "probe", [/4 packets received/g, "1 packets received"]), "h3 ping: 1 of 4 pings answered"],
    ],
    tcp: [[() => altered("h3", "probe", [/tcp ok/g, "tcp nc: timed out"]), "h3 tcp: no TCP: nc: timed out"]],
    multicast: [
      [() => altered("all", "heard", [/^h2 300$/gm, "h2 200"]), "h2 multicast: 200 of 300 multicast datagrams arrive"],
      [() => altered("h1", "heard", [/^h[23] 300\n/gm, ""]), "h1 multicast: no multicast passes"],
      [
        () => altered("h3", "probe", ["igmp 1", "igmp 0"]),
        "h3 multicast: its container has not joined 224.2.2.3 (/proc/net/igmp)",
      ],
      [
        () => altered("h3", "send", ["=== send 0\n", "=== send 1\nNetwork is unreachable"]),
        "h3 multicast: cannot send: Network is unreachable",
      ],
    ],
    mtu: [
      [() => altered("h3", "probe", [/largest 1410/g, "largest 900"]), "h3 mtu: 900 bytes pass in one piece, not 1410"],
    ],
    "event-bus": [
      [() => busWith({ deaf: { from: 0, pairs: ["h1 h3", "h2 h3"] } }), "h3 event-bus: no news arrives within 0 s"],
      [() => busWith({ deaf: { from: 4, pairs: ["h3 h2"] } }), "h3 event-bus: after h1 crashed: no news arrives"],
      [
        () => busWith({ fails: { "h2 load": { status: 1, text: "h2 event-bus: ERROR: cannot download it" } } }),
        "h2 event-bus: cannot download it",
      ],
    ],
  };
  it.each(Object.entries(cases).flatMap(([check, list]) => list.map(([run, text]) => [check, text, run] as const)))(
    "%s: %s",
    async (check, text, run) => {
      const verified = await run();
      expect(faults(verified).join("\n")).toContain(text);
      // It, and nothing else, is to blame.
      expect(verified.verdicts.filter((one) => one.status === "failed" && one.check !== check)).toEqual([]);
      expect(statusOf(verified)).toBe(1);
    },
  );
});

describe("the host at fault", () => {
  const said = (...pairs: readonly string[]) =>
    pairs.map((pair) => ({ by: pair.slice(0, 1), about: pair.slice(1), found: "x" }));
  const blamed = (pairs: readonly string[], known: readonly string[] = []) =>
    [...blame(said(...pairs), new Set(known)).keys()].sort().join("");

  it("is the one that most others have trouble with, whoever says it", () => {
    expect(blamed(["ab", "cb"])).toBe("b");
    expect(blamed(["ba", "bc"])).toBe("b");
    expect(blamed(["ab", "cb", "ba", "bc"])).toBe("b");
    expect(blamed(["ab", "cb", "db", "ce", "de"])).toBe("be");
  });

  it("is the one that has trouble with itself, or is known to be", () => {
    expect(blamed(["bb", "ab"])).toBe("b");
    expect(blamed(["ab"], ["a"])).toBe("a");
  });

  it("is not known where two have only each other to complain of", () => {
    expect(blamed(["ab"])).toBe("ab");
    expect(blamed([])).toBe("");
  });
});

describe("a host whose view lacks a section that a check reads", () => {
  const without = (section: string) =>
    altered("h2", "observe", [new RegExp(`=== ${section} \\d+\\n[^]*?(?==== )`, "g"), ""]);

  it.each([
    ["unit-docker", ["engine"]],
    ["consul-autopilot", ["leader"]],
    ["consul-info", ["gossip", "versions"]],
    ["weave-report", ["weave", "ipam", "versions", "mtu"]],
  ] as const)("%s: is not tested by it", async (section, checks) => {
    const verified = await without(section);
    const passed = verified.verdicts.filter(({ host, status }) => host === "h2" && status === "ok");
    for (const check of checks) {
      expect(passed.map((verdict) => verdict.check)).not.toContain(check);
    }
    expect(faults(verified)).toEqual([]);
    const testedOn = (of: Verified) => of.verdicts.filter(({ host }) => host === "h2").map(({ check }) => check);
    const usual = testedOn(await replay(healthy));
    expect(testedOn(verified)).toEqual(usual.filter((name) => !(checks as readonly string[]).includes(name)));
    expect(report(verified, unpainted).find((line) => line.startsWith(checks[0]))).toMatch(/^\S+ +✓ {3}- {3}✓/);
  });
});

describe("hosts that cannot be asked", () => {
  const away = (said: Recorded) =>
    said.host === "h3"
      ? { status: 255, stdout: "", stderr: "ssh: connect to host 198.18.0.13 port 22: No route to host\n" }
      : {};

  it("are shown as such: nothing is known, exit status 2", async () => {
    const verified = await replay(healthy, away);
    expect(verified.silent.get("h3")).toBe("unreachable: 198.18.0.13 port 22: no route to host");
    expect(faults(verified)).toEqual([]);
    expect(statusOf(verified)).toBe(2);
    const lines = report(verified, unpainted);
    expect(lines).toContain(
      "? h3 (198.18.0.13): could not be asked: unreachable: 198.18.0.13 port 22: no route to host",
    );
    expect(lines.at(-1)).toMatch(/^verify: could not tell: 1 of 3 hosts could not be asked in /);
    expect(verifyJson(verified).hosts[2]).toMatchObject({ name: "h3", status: "unknown" });
  });

  it("account for what others see of them", async () => {
    const verified = await replay(healthy, (said) =>
      said.host === "h3" ? away(said) : { stdout: said.stdout.replace(/^(h3 .*:8301 +)alive /gm, "$1failed") },
    );
    expect(verified.verdicts).toContainEqual(
      expect.objectContaining({ host: "h3", check: "consul", status: "unknown" }),
    );
    expect(statusOf(verified)).toBe(2);
  });

  it("do not hide what is wrong elsewhere", async () => {
    const verified = await replay(healthy, (said) => ({
      ...away(said),
      ...(said.host === "h2" ? { stdout: said.stdout.replace("active", "inactive") } : {}),
    }));
    expect(statusOf(verified)).toBe(1);
  });
});

describe("hosts that hang", () => {
  /** Verifies the recorded hosts, of which some never answer some questions, in 1.2 s at most. */
  async function hanging(hangs: (name: string, question: string) => boolean, cluster = inventory) {
    const started = performance.now();
    const verified = await verify(cluster, {
      script: "",
      say: () => {},
      limit: 1.2,
      run: async ({ name }, _, args = []) => {
        if (hangs(name, args[0] ?? "")) {
          await new Promise(() => {});
        }
        return (
          healthy.find((one) => one.host === name && one.args[0] === args[0]) ?? { status: 0, stdout: "", stderr: "" }
        );
      },
    });
    return { verified, seconds: (performance.now() - started) / 1000 };
  }

  it.each([
    ["at once", (_: string, question: string) => question === "observe"],
    ["in the middle", (_: string, question: string) => ["probe", "send", "heard", "remove"].includes(question)],
    ["in turn", (name: string, question: string) => name === "h2" && question !== "observe"],
    ["when Swarm is to start containers", (_: string, question: string) => question === "start"],
  ])("do not keep verify longer than it may take: %s", async (_, hangs) => {
    const { verified, seconds } = await hanging(hangs);
    expect(seconds).toBeLessThan(3);
    expect(statusOf(verified)).toBe(2);
  });

  it("are named when they answer nothing", async () => {
    const { verified } = await hanging((name) => name === "h2");
    expect(verified.silent.get("h2")).toBe("no answer in time");
    expect(faults(verified)).toEqual([]);
  });

  it("are not blamed for what they did not say, and it is said what that is", async () => {
    const { verified } = await hanging((name, question) => name === "h2" && question === "probe");
    expect(faults(verified)).toEqual([]);
    const lines = report(verified, unpainted);
    expect(lines).toContain("? h2 (198.18.0.12): no answer in time: whom its container reaches");
    expect(lines.at(-1)).toMatch(/^verify: could not tell: 1 of 3 hosts left questions unanswered in /);
    expect(verifyPage(verifyJson(verified))).toContain("No answer in time: whom its container reaches");
    expect(verifyJson(verified).hosts[1]).toMatchObject({
      status: "unknown",
      unanswered: ["whom its container reaches"],
    });
  });

  it("make a host that did not say what it received no fault of all senders", async () => {
    const { verified } = await hanging((name, question) => name === "h2" && question === "heard");
    expect(faults(verified)).toEqual([]);
    const unsent = await hanging((name, question) => name === "h2" && question === "send");
    expect(faults(unsent.verified)).toEqual([]);
  });
});

describe("one cause on all hosts is one fault", () => {
  it("when Swarm starts no container anywhere", async () => {
    const verified = await replay(healthy, (said) => {
      if (said.args[0] === "where") {
        return { stdout: "=== where 0\n\n=== end 0\n" };
      }
      if (said.args[0] !== "start") {
        return {};
      }
      return { stdout: said.stdout.replace(/=== (start \d) 0\n.*/g, "=== $1 125\ndocker: no resources available.") };
    });
    expect(faults(verified)).toEqual([
      "h1 schedule: Swarm starts no container on any host: docker: no resources available.",
    ]);
  });

  it("when all say the same", async () => {
    const verified = await altered("all", "observe", [/=== swarm-info 0\n[\s\S]*?(?=\n===)/g, "=== swarm-info 124\n"]);
    const lines = report(verified, unpainted);
    expect(lines).toContain("✗ h1 (198.18.0.11), h2 (198.18.0.12), h3 (198.18.0.13) swarm: no answer in time");
    expect(lines.at(-1)).toMatch(/^verify: unhealthy: 1 fault on h1, h2, h3 in /);
  });
});

describe("without names", () => {
  const nameless = {
    ...inventory,
    settings: { ...inventory.settings, weave: { ...inventory.settings.weave, dns: false } },
  };
  const address = (name: string) => `10.32.0.${name.slice(1)}`;

  it("a cluster is healthy, and its containers call each other by address", async () => {
    const probed = new Map<string, readonly string[]>();
    const verified = await verify(nameless, {
      script: "",
      say: () => {},
      run: async ({ name }, _, args = []) => {
        if (args[0] === "address") {
          return { status: 0, stdout: `=== address 0\naddress ${address(name)}\n=== end 0\n`, stderr: "" };
        }
        const said = healthy.find((one) => one.host === name && one.args[0] === args[0]);
        if (args[0] !== "probe") {
          return said ?? { status: 0, stdout: "=== end 0\n", stderr: "" };
        }
        probed.set(name, args.slice(2));
        return { status: 0, stdout: (said?.stdout ?? "").replace(/^\d name .*\n/gm, ""), stderr: "" };
      },
    });
    expect(faults(verified)).toEqual([]);
    expect(statusOf(verified)).toBe(0);
    const called = [...probed].map(([name, others]) => [name, others.map((other) => other.split(":")[2]).sort()]);
    expect(Object.fromEntries(called)).toEqual({
      h1: ["10.32.0.2", "10.32.0.3"],
      h2: ["10.32.0.1", "10.32.0.3"],
      h3: ["10.32.0.1", "10.32.0.2"],
    });
    expect(report(verified, unpainted).find((line) => line.startsWith("dns"))).toMatch(/names are off/);
  });
});

it("the fix for a dead proxy names scripts/recover", async () => {
  const verified = await altered("h3", "observe", [/=== proxy 0\n.*/g, "=== proxy 1\nCannot connect"]);
  expect(verified.verdicts.find(({ status }) => status === "failed")).toMatchObject({
    host: "h3",
    check: "proxy",
    fix: expect.stringContaining("scripts/recover"),
  });
});

describe("what verify leaves behind", () => {
  it("is nothing, also when it fails", async () => {
    const removed: string[] = [];
    const run = verify(inventory, {
      script: "",
      say: () => {},
      run: async ({ name }, _, args = []) => {
        if (args[0] === "start") {
          throw new Error("lost");
        }
        if (args[0] === "remove") {
          removed.push(name);
        }
        return (
          healthy.find((one) => one.host === name && one.args[0] === args[0]) ?? { status: 0, stdout: "", stderr: "" }
        );
      },
    });
    await expect(run).rejects.toThrow("lost");
    expect(removed).toEqual(["h1", "h2", "h3"]);
  });
});

describe("the report", () => {
  it("is a table, the reasons and one line", async () => {
    const lines = report(await replay(recorded("weave")), unpainted);
    expect(lines[0]).toBe("           h1  h2  h3");
    expect(lines).toContain("proxy      ✓   ·   ✓   Weave proxy answers the Docker API");
    expect(lines).toContain("multicast  ✓   -   ✓   0.0 % lost");
    expect(lines.at(-1)).toMatch(/^verify: unhealthy: 1 fault on h2 in /);
    // With the checks that there are, this fits on a terminal of 24 lines.
    expect(lines.length - checkNames.length).toBeLessThan(9);
  });

  it("counts hosts where they are many", async () => {
    const verified = await replay(healthy);
    const hosts = Array.from({ length: 30 }, (_, i) => host(i + 1));
    const lines = report({ ...verified, inventory: { ...inventory, hosts } }, unpainted);
    expect(lines[0]).toMatch(/ok +failed +follows +unknown +of 30 hosts/);
  });

  it("has a form for machines, and a page made of it that needs nothing else", async () => {
    const json = verifyJson(await replay(recorded("weave")));
    expect(json).toMatchObject({ cluster: "lab", status: "unhealthy" });
    expect(json.checks).toContainEqual(
      expect.objectContaining({ host: "h2", check: "proxy", status: "follows", because: "weave" }),
    );
    expect(json.matrices.multicast.received.h1).toEqual({ h3: 300 });
    expect(verifyJson(await replay(recorded("udp"))).matrices.multicast.received.h1).toEqual({ h2: 0, h3: 300 });
    const page = verifyPage(json);
    expect(page).not.toMatch(/(?:src|href)=|url\(|@import|<script/);
    expect(page).toContain("weave.service is inactive");
    expect(verifyPage({ ...json, cluster: "<b>&" })).toContain("<title>&lt;b&gt;&amp;: unhealthy</title>");
  });

  it.each(["healthy", "weave", "stranger"])("has a form for machines that its schema describes: %s", async (name) => {
    const path = join(__dirname, "../../../docs/schemas/verify.schema.json");
    const schema = z.fromJSONSchema(JSON.parse(readFileSync(path, "utf8")));
    const json = JSON.parse(JSON.stringify(verifyJson(await replay(recorded(name)))));
    expect(schema.safeParse(json).error).toBeUndefined();
    expect(json.version).toBe(1);
    const { matrices, ...rest } = json;
    expect(schema.safeParse(rest).success).toBe(false);
    expect(schema.safeParse({ ...json, version: 2 }).success).toBe(false);
    expect(schema.safeParse({ ...json, hosts: [{ name: "h1" }] }).success).toBe(false);
    expect(schema.safeParse({ ...json, matrices: { ...matrices, tcp: { h1: { h2: "yes" } } } }).success).toBe(false);
    expect(schema.safeParse({ ...json, added: "later" }).success).toBe(true);
  });

  it("shows the components' own words to who wants them", async () => {
    expect(transcript(await replay(healthy)).join("\n")).toMatch(
      /h1> consul members[\s\S]*h1> docker -H :4000 info[\s\S]*Nodes: 3/,
    );
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

  it("read the guide's own docker info", () => {
    const text = ` Server Version: swarm/1.2.0
 Role: primary
 Nodes: 2
  demo: 10.0.1.106:12375
   └ Status: Healthy
   └ Error: (none)
  snapshot: 10.0.1.111:12375
   └ Status: Healthy
   └ Error: (none)`;
    expect(parseSwarmInfo(text)).toEqual({
      role: "primary",
      version: "1.2.0",
      nodes: [
        { name: "demo", address: "10.0.1.106", status: "Healthy", error: "" },
        { name: "snapshot", address: "10.0.1.111", status: "Healthy", error: "" },
      ],
    });
  });

  it("know a fresh Weave, which has not yet shared out addresses", () => {
    const raw = {
      Version: "2.6.5",
      Router: { Peers: [], Connections: null },
      IPAM: { Range: "10.32.0.0/12", Paxos: null, Entries: null },
    };
    expect(parseWeaveReport(JSON.stringify(raw))?.ipam).toEqual({ state: "idle", range: "10.32.0.0/12", owners: [] });
    expect(parseWeaveReport("weave container is not running.")).toBeUndefined();
  });

  it("read what other pings print", () => {
    const text =
      "2 name 10.40.0.0\n2 ping 4 packets transmitted, 3 received, 25% packet loss, time 600ms rtt min/avg/max/mdev = 0.3/0.4/0.5/0.1 ms";
    expect(parseCalls(text).reached.get("2")).toEqual({
      address: "10.40.0.0",
      ping: { sent: 4, received: 3, ms: 0.4 },
    });
  });
});
