/** Broken on purpose: `scripts/verify` names exactly that fault on exactly that host, and leaves nothing behind. */
import { beforeAll, describe, expect, it } from "vitest";
import type { VerifyJson } from "../../commands/verify/report/terminal.js";
import { atConsole, atConsoles, host, lab, labFile, operator, type Running, start, until, useLab } from "./lab.js";

useLab("--hosts", "3");
beforeAll(async () => {
  await lab("up", "--to", "cluster");
});

async function verify(): Promise<{ status: number | null; json: VerifyJson; faults: string[] }> {
  const { status, output } = await operator("scripts/verify", "--json");
  const [text] = /^\{$[\s\S]*?^\}$/m.exec(output) ?? [];
  if (text === undefined) throw new Error(`no JSON:\n${output}`);
  const json: VerifyJson = JSON.parse(text);
  const failed = json.checks.filter((check) => check.status === "failed");
  return { status, json, faults: failed.map(({ host: name, check, found }) => `${name} ${check}: ${found}`) };
}

const on = (name: string, script: string) => atConsole(host(name), script);

/** While Consul and Swarm choose a new leader, having none is a fault of its own. */
const settled = (name: string) =>
  until(async () => {
    const looks = "{ consul operator raft list-peers; docker -H :4000 info; } 2>&1 || true";
    const said = await on(name, looks);
    return / leader /.test(said) && /Role: primary|Primary: \d/.test(said);
  });

/** What verify finds when what a fault stirs up for a moment (an election, a lease that runs out) has settled. */
async function verifySettled(faults: number) {
  await Promise.all(["h1", "h3"].map(settled));
  let result = await verify();
  for (let tries = 1; tries < 6 && result.faults.length !== faults; tries++) result = await verify();
  return result;
}
const healthyAgain = () => until(async () => (await verify()).status === 0);

/** Test containers on all hosts, by host. */
const left = () => atConsoles("docker ps -aq --filter label=multicast-swarm.verify");
const nothing = { h1: "", h2: "", h3: "" };

describe("verify", () => {
  it("finds a new cluster healthy", async () => {
    const { status, faults } = await verify();
    expect(faults).toEqual([]);
    expect(status).toBe(0);
    expect(await left()).toEqual(nothing);
  });

  const cases: readonly {
    readonly fault: string;
    readonly script: string;
    readonly fix: string;
    readonly found: RegExp;
    readonly wait?: () => Promise<void>;
  }[] = [
    {
      fault: "Consul stopped",
      script: "systemctl stop consul",
      fix: "systemctl start consul",
      found: /^h2 consul: consul\.service is (inactive|failed)$/,
    },
    {
      fault: "Weave's router stopped",
      script: "systemctl stop weave",
      fix: "systemctl start weave",
      found: /^h2 weave: weave\.service is inactive$/,
    },
    {
      fault: "Swarm agent paused",
      script: "docker pause swarm-agent",
      fix: "docker unpause swarm-agent",
      found: /^h2 swarm: container swarm-agent is paused$/,
    },
    {
      fault: "UDP 6783 blocked",
      script: "iptables -I INPUT -p udp --dport 6783 -j DROP",
      fix: "iptables -D INPUT -p udp --dport 6783 -j DROP",
      found: /^h2 weave: .*no datagram passes: this host has the rule -A INPUT -p udp -m udp --dport 6783 -j DROP$/,
    },
    {
      fault: "a stranger among Swarm's nodes",
      script: "consul kv put docker/swarm/nodes/198.18.0.99:12375 198.18.0.99:12375",
      fix: "consul kv delete docker/swarm/nodes/198.18.0.99:12375",
      found: /^198\.18\.0\.99 swarm: is a Swarm node, but not in the cluster file/,
      wait: () => until(async () => (await on("h1", "docker -H :4000 info")).includes("198.18.0.99")),
    },
  ];
  it.each(cases)("names $fault, and nothing else", async ({ script, fix, found, wait }) => {
    await on("h2", script);
    try {
      await wait?.();
      const { status, faults } = await verifySettled(1);
      expect(faults).toEqual([expect.stringMatching(found)]);
      expect(status).toBe(1);
    } finally {
      await on("h2", fix);
    }
    expect(await left()).toEqual(nothing);
    await healthyAgain();
  });

  it("cannot tell when a host is away", async () => {
    await lab("poweroff", "h2");
    const { status, json, faults } = await verifySettled(0);
    expect(faults).toEqual([]);
    expect(status).toBe(2);
    expect(json.hosts.map((one) => one.status)).toEqual(["healthy", "unknown", "healthy"]);
    await lab("poweron", "h2");
    await healthyAgain();
  });
});

describe("an interrupted verify", () => {
  /** Verify itself, so that it can be sent signals. */
  const verifying = (): Running =>
    start("nsenter", [
      `--net=/run/netns/${process.env.LAB_NAME}`,
      "env",
      `CLUSTER_FILE=${labFile("cluster.yaml")}`,
      "scripts/verify",
    ]);

  it.each(["SIGINT", "SIGTERM"] as const)("leaves nothing after %s", async (signal) => {
    const run = verifying();
    await run.printed(signal === "SIGINT" ? /Swarm starts/ : /h2 sends/);
    process.kill(run.pid, signal);
    const { status, output } = await run.ended;
    expect(output).toContain(`interrupted by ${signal}`);
    expect(status).toBe(2);
    expect(await left()).toEqual(nothing);
  });

  it("leaves containers that end by themselves when it is killed or loses its connections", async () => {
    const run = verifying();
    await run.printed(/h2 sends/);
    process.kill(run.pid, "SIGKILL");
    await run.ended;
    expect(await left()).not.toEqual(nothing);
    await until(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5000));
      return Object.values(await left()).every((ids) => ids === "");
    });
  });
});
