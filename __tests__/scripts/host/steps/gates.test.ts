/** The gates between the steps, with stand-ins for the commands that they ask. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../../fixtures/clusters.js";

/** As Consul's agents answer over HTTP. */
const members = (...alive: string[]) =>
  JSON.stringify(
    ["a", "b", "c"].map((name) => ({
      Name: name,
      Tags: { role: "node" },
      Status: alive.includes(name) ? 1 : 4,
      ProtocolMin: 1,
    })),
    null,
    4,
  );
const servers = (...rows: (readonly [name: string, address: string, leader: boolean, voter: boolean])[]) =>
  JSON.stringify(
    {
      Servers: rows.map(([Node, address, Leader, Voter]) => ({
        ID: "i",
        Node,
        Address: `${address}:8300`,
        Leader,
        ProtocolVersion: "3",
        Voter,
      })),
      Index: 0,
    },
    null,
    4,
  );

const gateArguments = { consul: [], weave: [], swarm: ["replication=true", "image=swarm:1.2.9"] } as const;
type GateName = keyof typeof gateArguments;

/**
 * Runs a gate where `command` says `text`, or `ofB` when it is asked about the host b. Consul's members are `alive`;
 * a container cannot be created when `text` says so. `d` is another line of the hosts' table.
 */
function gate(name: GateName, command: string, text: string, ofB = text, alive = ["a", "b", "c"], d = "") {
  const folder = temporaryFolder();
  const scripts = join(folder, "scripts");
  cpSync("scripts/host/steps", scripts, { recursive: true });
  const library = join(scripts, "lib.sh");
  const stand = join(folder, "bin");
  mkdirSync(stand);
  writeFileSync(library, readFileSync(library, "utf8").replace(/^PATH=/m, `PATH=${stand}:`));
  writeFileSync(join(folder, "said"), text);
  writeFileSync(join(folder, "said-of-b"), ofB);
  writeFileSync(join(folder, "members"), members(...alive));
  writeFileSync(
    join(stand, command),
    `#!/bin/sh
echo "$*" >>'${folder}/asked'
case "$*" in
  *agent/members*) said='${folder}/members' ;;
  *" info")
    # Nobody has an answer before all are asked.
    for _ in 1 2 3 4 5 6 7 8 9 10; do [ "$(grep -c ' info$' '${folder}/asked')" -lt 2 ] || break; sleep 0.1; done
    [ "$(grep -c ' info$' '${folder}/asked')" -ge 2 ] || exit 1
    case "$*" in *10.0.1.2*) said='${folder}/said-of-b' ;; *) said='${folder}/said' ;; esac ;;
  *" create "*) ! grep -q 'no place' '${folder}/said' || { echo 'no place'; exit 1; }; exit 0 ;;
  *10.0.1.2*) said='${folder}/said-of-b' ;;
  *) said='${folder}/said' ;;
esac
cat "$said" && [ -s "$said" ]
`,
    { mode: 0o755 },
  );
  writeFileSync(
    join(folder, "hosts.tsv"),
    ["a\t10.0.1.1\tserver,manager,agent", "b\t10.0.1.2\tserver,manager,agent", "c\t10.0.1.3\tclient,agent", d].join(
      "\n",
    ),
  );
  const { status, stdout, stderr } = spawnSync(
    "sh",
    [join(scripts, `gate-${name}.sh`), "timeout=1", ...gateArguments[name]],
    {
      encoding: "utf8",
    },
  );
  return { status, said: stdout + stderr, asked: readFileSync(join(folder, "asked"), "utf8").trim().split("\n") };
}

const node = (name: string, address: string, status: string) =>
  ` ${name}: ${address}:12375\n  └ ID: X|${address}:12375\n  └ Status: ${status}\n`;
const nodes = node("a", "10.0.1.1", "Healthy") + node("b", "10.0.1.2", "Healthy") + node("c", "10.0.1.3", "Healthy");
const info = (role: string, ofNodes: string) => ` Role: ${role}\n Nodes: 3\n${ofNodes}`;
const healthy = info("primary", nodes);
const replica = info("replica", nodes);
const voters = servers(["a", "10.0.1.1", true, true], ["b", "10.0.1.2", false, true]);

it.each([
  [
    "swarm",
    "docker",
    "one pending, one missing",
    info("primary", node("a", "10.0.1.1", "Healthy") + node("b", "10.0.1.2", "Pending")),
    1,
    /on a \(10\.0\.1\.1\) b \(10\.0\.1\.2\) is Pending, c \(10\.0\.1\.3\) is unknown; on b /,
  ],
  [
    "swarm",
    "docker",
    "a manager that does not answer",
    "",
    1,
    /the manager on a \(10\.0\.1\.1\) shows no nodes; .* scripts\/diagnose/,
  ],
  ["consul", "perl", "a leader and all voters", voters, 0, /2 voters \( a b \), leader a, 3 members alive/],
  [
    "consul",
    "perl",
    "a server that does not vote",
    servers(["a", "10.0.1.1", true, true], ["b", "10.0.1.2", false, false]),
    1,
    /servers without a vote: b \(10\.0\.1\.2\) /,
  ],
  ["consul", "perl", "an agent that does not answer", "", 1, /servers without a vote: a .* b .* scripts\/diagnose/],
  ["weave", "perl", "a router that does not answer", "", 1, /to: a \(10\.0\.1\.1\) b .* c .* scripts\/diagnose/],
  [
    "weave",
    "perl",
    "a missing connection",
    "          Peers: 3 (with 4 established connections)\n-> 10.0.1.1:6783  established sleeve x\n<- 10.0.1.2:4711  established sleeve y\n-> 10.0.1.3:6783  failed      z\n",
    1,
    /to: c \(10\.0\.1\.3\) \. Are 6783/,
  ],
  [
    "weave",
    "perl",
    "all connected",
    "          Peers: 3 (with 6 established connections)\n",
    0,
    /found Weave: Peers: 3/,
  ],
] as const)("%s: %s says %s", (name, command, _, text, status, said) => {
  const result = gate(name, command, text);
  expect(result.said).toMatch(said);
  expect(result.status).toBe(status);
});

it("consul: a client that is no living member", () => {
  const { status, said } = gate("consul", "perl", voters, voters, ["a", "b"]);
  expect(said).toMatch(/without a vote: none; hosts that are no living members: c \(10\.0\.1\.3\) \./);
  expect(status).toBe(1);
});

it("swarm: all healthy, one manager leads", () => {
  const { status, said } = gate("swarm", "docker", healthy, replica);
  expect(said).toMatch(/every manager \(a b\) sees 3 healthy nodes, and a container can be placed/);
  expect(status).toBe(0);
});

it.each([
  ["no manager leads", replica, replica, /no manager is primary; see/],
  ["two managers lead", healthy, healthy, /several managers are primary: a \(10\.0\.1\.1\), b \(10\.0\.1\.2\); see/],
  ["no container can be placed", `${healthy}no place\n`, replica, /does not place a container: no place/],
])("swarm: %s", (_, ofA, ofB, words) => {
  const { status, said } = gate("swarm", "docker", ofA, ofB);
  expect(said).toMatch(words);
  expect(status).toBe(1);
});

it("swarm: one of several managers lags behind", () => {
  const { status, said } = gate("swarm", "docker", healthy, info("replica", node("a", "10.0.1.1", "Healthy")));
  expect(said).toMatch(
    /complete: on b \(10\.0\.1\.2\) b \(10\.0\.1\.2\) is unknown, c \(10\.0\.1\.3\) is unknown; see/,
  );
  expect(status).toBe(1);
});

it("swarm: a node of a host that has left", () => {
  const { status, said } = gate("swarm", "docker", healthy + node("d", "10.0.1.4", "Healthy"), replica);
  expect(said).toMatch(/complete: on a \(10\.0\.1\.1\) 10\.0\.1\.4 is a node, but not in the cluster file; see/);
  expect(status).toBe(1);
});

const dIsDown = "d\t10.0.1.4\tdown\n";

it("a host that is down is no node, no voter and no peer", () => {
  const swarm = gate("swarm", "docker", healthy, replica, undefined, dIsDown);
  expect(swarm.said).toMatch(/sees 3 healthy nodes/);
  const consul = gate("consul", "perl", voters, voters, undefined, dIsDown);
  expect(consul.said).toMatch(/2 voters \( a b \), leader a, 3 members alive/);
  const all = "          Peers: 3 (with 6 established, 3 pending connections)\n";
  const weave = gate("weave", "perl", all, all, undefined, dIsDown);
  expect([swarm.status, consul.status, weave.status]).toEqual([0, 0, 0]);
});

it("weave: a host that goes on running though it is said to be down is named", () => {
  const running =
    "          Peers: 4 (with 12 established connections)\n-> 10.0.1.2:6783  established sleeve x\n<- 10.0.1.4:4711  established sleeve y\n";
  const { status, said } = gate("weave", "perl", running, running, undefined, dIsDown);
  expect(said).toMatch(
    /Weave is still connected to d \(10\.0\.1\.4\) which the cluster file says is down: switch it off, or delete `down: true`/,
  );
  expect(status).toBe(1);
});

it("swarm: asks every manager once, and all of them side by side", () => {
  const { said, asked } = gate("swarm", "docker", healthy, replica);
  expect(said).toContain("a container can be placed");
  expect(asked.filter((line) => line.endsWith(" info"))).toHaveLength(2);
});

it("swarm: a host that is down is no place for a container", () => {
  const still = node("d", "10.0.1.4", "Healthy");
  const { status, said } = gate("swarm", "docker", healthy + still, replica, undefined, dIsDown);
  expect(said).toContain("on a (10.0.1.1) d (10.0.1.4) is down and still counts as Healthy; see");
  expect(status).toBe(1);
});

it("a host that is down may still have its entry in Swarm and its vote in Consul", () => {
  const lost = node("d", "10.0.1.4", "Unhealthy");
  expect(gate("swarm", "docker", healthy + lost, replica + lost, undefined, dIsDown).status).toBe(0);
  const withVote = (b: boolean) =>
    servers(["a", "10.0.1.1", true, true], ["b", "10.0.1.2", false, b], ["d", "10.0.1.4", false, true]);
  expect(gate("consul", "perl", withVote(true), withVote(true), undefined, dIsDown).status).toBe(0);
  // Its vote is not counted for one that is missing.
  expect(gate("consul", "perl", withVote(false), withVote(false), undefined, dIsDown).status).toBe(1);
});
