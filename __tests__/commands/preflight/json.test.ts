/** `scripts/preflight --json` keeps to the schema that docs/schemas publishes. */
import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { z } from "zod";
import type { Inventory } from "../../../cluster/inventory.js";
import { preflightJson } from "../../../commands/preflight/json.js";
import { lookAtHosts } from "../../../commands/preflight/preflight.js";
import { probeNetwork } from "../../../commands/preflight/probe-network.js";
import { preflightReport } from "../../../commands/preflight/report.js";
import type { ExitStatus } from "../../../commands/preflight/result.js";
import { hostFile, hostScript } from "../../../commands/shared/host-scripts.js";
import type { RunAsRoot } from "../../../ssh/contact.js";
import type { Open, SshResult } from "../../../ssh/ssh.js";
import { host, inventory } from "../../fixtures/inventories.js";

const published = z.fromJSONSchema(JSON.parse(readFileSync("docs/schemas/preflight.schema.json", "utf8")));

const here = (number: number) =>
  host(number, { address: `127.19.0.${number}`, ports: ["8301/tcp/consul", "6783/udp/weave"] });

/** In place of ssh: this machine is h1 and h2, and h3 is off. */
const run: RunAsRoot = ({ name }, script, args = []) =>
  new Promise<SshResult>((done) => {
    if (name === "h3") {
      return done({ status: 255, stdout: "", stderr: "ssh: connect to host h3: No route to host\n" });
    }
    const child = execFile("sh", ["-s", "--", ...args], (error, stdout, stderr) =>
      done({ status: error === null ? 0 : 1, stdout, stderr }),
    );
    child.stdin?.end(script);
  });
const open: Open = async ({ name, address }) =>
  name === "h3" ? spawn("false", { stdio: "pipe" }) : spawn("perl", ["-", name, address], { stdio: "pipe" });

async function output(where: Inventory, contact = run) {
  const result = await lookAtHosts(
    where,
    hostScript("steps/tls.sh", "probes/preflight-facts.sh", "probes/preflight.sh"),
    contact,
    (looked) => probeNetwork(where, hostFile("probes/port-probe.pl"), open, looked),
  );
  return written(where, result, preflightReport(where, result).status);
}

const written = (where: Inventory, result: Awaited<ReturnType<typeof lookAtHosts>>, status: ExitStatus) =>
  JSON.parse(JSON.stringify(preflightJson(where, result, status)));

it("what real programs find", async () => {
  const found = await output(inventory([here(1), here(2), here(3)]));
  expect(published.parse(found)).toEqual(found);
  expect(found).toMatchObject({ version: 1, cluster: "rack", result: "problems" });
  expect(found.hosts.map(({ facts }: { facts: object }) => Object.keys(facts).length > 20)).toEqual([
    true,
    true,
    false,
  ]);
  expect(found.findings).toContainEqual(expect.objectContaining({ host: "h3", check: "reach" }));
  expect(found.links).toContainEqual({ from: "h1", to: "h2", port: "8301/tcp", outcome: "ok" });
  expect(found.paths).not.toEqual([]);
  expect(found.hosts[0].clock.ahead).toBeCloseTo(0, 0);
});

it("a host about which nothing can be said", async () => {
  const broken: RunAsRoot = async () => ({ status: 2, stdout: "fact os debian 12\n", stderr: "killed\n" });
  const found = await output(inventory([here(1)]), broken);
  expect(published.parse(found)).toEqual(found);
  expect(found).toMatchObject({ result: "could not tell", hosts: [{ undecided: "the checks ended early: killed" }] });
});

it("nothing else", async () => {
  const found = await output(inventory([here(1)]));
  for (const wrong of [
    { ...found, version: 2 },
    { ...found, more: 1 },
    { ...found, result: "fine" },
  ]) {
    expect(published.safeParse(wrong).success).toBe(false);
  }
});
