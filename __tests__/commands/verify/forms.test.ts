/** The result as other programs read it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import type { VerifyJson } from "../../../commands/verify/report/json.js";
import { verifyJunit } from "../../../commands/verify/report/junit.js";
import { verifyMetrics } from "../../../commands/verify/report/prometheus.js";

const facts = { consul: "server", manager: true, agent: true } as const;
const result: VerifyJson = {
  version: 1,
  cluster: 'a"b\\c',
  time: "2026-11-23T10:00:00.500Z",
  seconds: 12.5,
  status: "unhealthy",
  hosts: [
    { name: "h1", address: "10.0.0.1", ...facts, status: "healthy" },
    { name: "h2", address: "10.0.0.2", ...facts, status: "unhealthy" },
    { name: "h3", address: "10.0.0.3", ...facts, status: "unknown" },
  ],
  checks: [
    { host: "h1", check: "consul", status: "ok", found: "3 members" },
    { host: "h2", check: "consul", status: "failed", found: "<b> & \u001b[31m", needed: "alive", fix: 'say "x"' },
    { host: "h2", check: "swarm", status: "follows", found: "no node", because: "consul" },
    { host: "h3", check: "consul", status: "unknown", found: "not asked" },
    { host: "10.0.0.9", check: "consul", status: "failed", found: "a stranger" },
  ],
  matrices: {
    connections: {},
    pingMs: { h1: { h2: 1.5, h3: null } },
    tcp: {},
    multicast: { group: "224.2.2.3:54327", sent: 300, toleratedLoss: 0.05, received: { h1: { h2: 150 } } },
    mtu: {},
  },
};

test("JUnit XML has a suite for each host, and fails what a person has to fix", () => {
  expect(verifyJunit(result)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="a&quot;b\\c" time="12.5" tests="5" failures="2" errors="0" skipped="2">
  <testsuite name="h1" timestamp="2026-11-23T10:00:00.500Z" tests="1" failures="0" errors="0" skipped="0">
    <testcase classname="h1" name="consul"/>
  </testsuite>
  <testsuite name="h2" timestamp="2026-11-23T10:00:00.500Z" tests="2" failures="1" errors="0" skipped="1">
    <testcase classname="h2" name="consul">
      <failure message="&lt;b&gt; &amp; \ufffd[31m">found: &lt;b&gt; &amp; \ufffd[31m
needs: alive
fix: say &quot;x&quot;</failure>
    </testcase>
    <testcase classname="h2" name="swarm">
      <skipped message="no node (consul)"/>
    </testcase>
  </testsuite>
  <testsuite name="h3" timestamp="2026-11-23T10:00:00.500Z" tests="1" failures="0" errors="0" skipped="1">
    <testcase classname="h3" name="consul">
      <skipped message="not asked"/>
    </testcase>
  </testsuite>
  <testsuite name="10.0.0.9" timestamp="2026-11-23T10:00:00.500Z" tests="1" failures="1" errors="0" skipped="0">
    <testcase classname="10.0.0.9" name="consul">
      <failure message="a stranger">found: a stranger</failure>
    </testcase>
  </testsuite>
</testsuites>
`);
});

const samples = (text: string) => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

test("the metrics say what the JSON says", () => {
  const cluster = 'cluster="a\\"b\\\\c"';
  expect(samples(verifyMetrics(result))).toEqual([
    `multicast_swarm_verify_time_seconds{${cluster}} 1795428000.5`,
    `multicast_swarm_verify_duration_seconds{${cluster}} 12.5`,
    `multicast_swarm_status{${cluster},status="healthy"} 0`,
    `multicast_swarm_status{${cluster},status="unhealthy"} 1`,
    `multicast_swarm_status{${cluster},status="unknown"} 0`,
    ...["h1", "h2", "h3"].flatMap((host, i) =>
      ["healthy", "unhealthy", "unknown"].map(
        (status, j) => `multicast_swarm_host_status{${cluster},host="${host}",status="${status}"} ${Number(i === j)}`,
      ),
    ),
    `multicast_swarm_check_ok{${cluster},host="h1",check="consul"} 1`,
    `multicast_swarm_check_ok{${cluster},host="h2",check="consul"} 0`,
    `multicast_swarm_check_ok{${cluster},host="h2",check="swarm"} 0`,
    `multicast_swarm_check_ok{${cluster},host="10.0.0.9",check="consul"} 0`,
    `multicast_swarm_ping_seconds{${cluster},from="h1",to="h2"} 0.0015`,
    `multicast_swarm_multicast_received_ratio{${cluster},from="h1",to="h2"} 0.5`,
  ]);
});

test("every metric has its help and its type before it, and alerts and docs name no other", () => {
  const text = verifyMetrics(result);
  const names = [...new Set(samples(text).map((line) => line.split("{")[0]))];
  for (const name of names) {
    expect(text).toMatch(new RegExp(`# HELP ${name} .+\n# TYPE ${name} gauge\n${name}\\{`));
  }
  const read = (path: string) => readFileSync(join(__dirname, "../../..", path), "utf8");
  const documented = [...read("docs/verify.md").matchAll(/^\| `(multicast_swarm_\w+)`/gm)].map(([, name]) => name);
  expect(documented).toEqual(names);
  const rules: { expr: string }[] = parse(read("examples/monitoring/alerts.yaml")).groups[0].rules;
  const used = rules.flatMap(({ expr }) => expr.match(/multicast_swarm_\w+/g) ?? []);
  expect(used.length).toBe(3);
  expect(names).toEqual(expect.arrayContaining(used));
});
