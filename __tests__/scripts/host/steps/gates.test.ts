/** The gates between the steps, with stand-ins for the commands that they ask. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../../fixtures/clusters.js";

/** Runs a gate where `command` says `text`, or `ofB` when it is asked about the host b. */
function gate(name: string, command: string, text: string, ofB = text) {
  const folder = temporaryFolder();
  const scripts = join(folder, "scripts");
  cpSync("scripts/host/steps", scripts, { recursive: true });
  const library = join(scripts, "lib.sh");
  const stand = join(folder, "bin");
  mkdirSync(stand);
  writeFileSync(library, readFileSync(library, "utf8").replace(/^PATH=/m, `PATH=${stand}:`));
  writeFileSync(join(folder, "said"), text);
  writeFileSync(join(folder, "said-of-b"), ofB);
  writeFileSync(
    join(stand, command),
    `#!/bin/sh
case "$*" in *10.0.1.2*) said='${folder}/said-of-b' ;; *) said='${folder}/said' ;; esac
cat "$said" && [ -s "$said" ]
`,
    { mode: 0o755 },
  );
  writeFileSync(
    join(folder, "hosts.tsv"),
    ["a\t10.0.1.1\tserver,manager,agent", "b\t10.0.1.2\tserver,manager,agent", "c\t10.0.1.3\tclient,agent", ""].join(
      "\n",
    ),
  );
  const { status, stdout, stderr } = spawnSync("sh", [join(scripts, `gate-${name}.sh`), "timeout=1"], {
    encoding: "utf8",
  });
  return { status, said: stdout + stderr };
}

const node = (name: string, address: string, status: string) =>
  ` ${name}: ${address}:12375\n  └ ID: X|${address}:12375\n  └ Status: ${status}\n`;
const healthy = node("a", "10.0.1.1", "Healthy") + node("b", "10.0.1.2", "Healthy") + node("c", "10.0.1.3", "Healthy");
const peers = (...rows: string[]) => ["Node  ID  Address  State  Voter  RaftProtocol", ...rows, ""].join("\n");

it.each([
  ["swarm", "docker", "all healthy", healthy, 0, /every manager \(a b\) sees 3 healthy nodes/],
  [
    "swarm",
    "docker",
    "one pending, one missing",
    node("a", "10.0.1.1", "Healthy") + node("b", "10.0.1.2", "Pending"),
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
  [
    "consul",
    "consul",
    "a leader and all voters",
    peers("a i 10.0.1.1:8300 leader true 3", "b i 10.0.1.2:8300 follower true 3"),
    0,
    /2 voters \( a b \), leader a/,
  ],
  [
    "consul",
    "consul",
    "a server that does not vote",
    peers("a i 10.0.1.1:8300 leader true 3", "b i 10.0.1.2:8300 follower false 3"),
    1,
    /servers without a vote: b \(10\.0\.1\.2\) /,
  ],
  ["consul", "consul", "an agent that does not answer", "", 1, /servers without a vote: a .* b .* scripts\/diagnose/],
  ["weave", "weave", "a router that does not answer", "", 1, /to: a \(10\.0\.1\.1\) b .* c .* scripts\/diagnose/],
  [
    "weave",
    "weave",
    "a missing connection",
    "          Peers: 3 (with 4 established connections)\n-> 10.0.1.1:6783  established sleeve x\n<- 10.0.1.2:4711  established sleeve y\n-> 10.0.1.3:6783  failed      z\n",
    1,
    /to: c \(10\.0\.1\.3\) \. Are 6783/,
  ],
  [
    "weave",
    "weave",
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

it("swarm: one of several managers lags behind", () => {
  const { status, said } = gate("swarm", "docker", healthy, node("a", "10.0.1.1", "Healthy"));
  expect(said).toMatch(/healthy: on b \(10\.0\.1\.2\) b \(10\.0\.1\.2\) is unknown, c \(10\.0\.1\.3\) is unknown; see/);
  expect(status).toBe(1);
});

it("swarm: a node of a host that has left", () => {
  const { status, said } = gate("swarm", "docker", healthy + node("d", "10.0.1.4", "Healthy"), healthy);
  expect(said).toMatch(/healthy: on a \(10\.0\.1\.1\) 10\.0\.1\.4 is a node, but not in the cluster file; see/);
  expect(status).toBe(1);
});
