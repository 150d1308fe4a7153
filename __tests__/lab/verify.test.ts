/** Broken on purpose: `scripts/verify` names exactly that fault on exactly that host, and leaves nothing behind. */
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { verifyLabel } from "../../cluster/names.js";
import { hostScript } from "../../commands/shared/host-scripts.js";
import type { VerifyJson } from "../../commands/verify/report/json.js";
import { faults, settled } from "../fixtures/recordings/faults.js";
import {
  atConsole,
  atConsoles,
  healthyAgain,
  host,
  lab,
  labFile,
  operator,
  type Running,
  read,
  start,
  until,
  useCluster,
} from "./lab.js";

useCluster();

async function verify(): Promise<{ status: number | null; json: VerifyJson; faults: string[] }> {
  const { status, output } = await operator("scripts/verify", "--json");
  const [text] = /^\{$[\s\S]*?^\}$/m.exec(output) ?? [];
  if (text === undefined) {
    throw new Error(`no JSON:\n${output}`);
  }
  const json: VerifyJson = JSON.parse(text);
  const failed = json.checks.filter((check) => check.status === "failed");
  return { status, json, faults: failed.map(({ host: name, check, found }) => `${name} ${check}: ${found}`) };
}

const on = (name: string, script: string) => atConsole(host(name), script);

const succeeds = async (name: string, command: string) =>
  /yes$/.test((await on(name, `if ${command}; then echo yes; fi`)).trim());

/** What verify finds once the passing consequences of a fault (an election, a lease that runs out) are over. */
async function verifySettled(faults: number) {
  await Promise.all(["h1", "h3"].map((name) => until(() => succeeds(name, settled))));
  let result = await verify();
  for (let tries = 1; tries < 6 && result.faults.length !== faults; tries++) {
    result = await verify();
  }
  return result;
}

/** Test containers on all hosts, by host. */
const left = () => atConsoles(`docker ps -aq --filter label=${verifyLabel}`);
const nothing = { h1: "", h2: "", h3: "" };

describe("verify", () => {
  it("finds a new cluster healthy", async () => {
    const { status, faults } = await verify();
    expect(faults).toEqual([]);
    expect(status).toBe(0);
    expect(await left()).toEqual(nothing);
  });

  it.each(faults)("names $title, and nothing else", async ({ cause, undo, noticed, found }) => {
    await on("h2", cause);
    try {
      if (noticed) {
        await until(() => succeeds("h1", noticed));
      }
      const { status, faults } = await verifySettled(1);
      expect(faults).toEqual([expect.stringMatching(found)]);
      expect(status).toBe(1);
    } finally {
      await on("h2", undo);
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
    // How long they live is the end of their command. That of the killed run's is minutes.
    const told = await atConsoles(
      `docker ps -q --filter label=${verifyLabel} | xargs docker inspect --format '{{.HostConfig.AutoRemove}} {{json .Config.Cmd}}'`,
    );
    for (const name of Object.keys(nothing)) {
      expect(told[name]).toMatch(/^true .*exec sleep (1\d\d|2\d\d)"\]\n$/);
    }
    const image = parse(read("cluster.yaml")).verify.image;
    const script = hostScript("steps/tls.sh", "steps/http.sh", "probes/verify.sh");
    expect(await on("h1", `set +e -- start short ${image} 10 3\n${script}`)).toMatch(/(=== start \d 0\n.*\n){3}/);
    const short = () => atConsoles(`docker ps -aq --filter label=${verifyLabel}=short`);
    expect(Object.values(await short())).not.toContain("");
    await until(async () => Object.values(await short()).every((ids) => ids === ""));
  });
});
