import { describe, expect, it } from "vitest";
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { type Facts, parseReport } from "../../../commands/preflight/facts.js";
import { preflightJson } from "../../../commands/preflight/json.js";
import { judgeAllHosts } from "../../../commands/preflight/judge/all-hosts.js";
import { lookAtHosts } from "../../../commands/preflight/preflight.js";
import type { NetworkProbe } from "../../../commands/preflight/probe-network.js";
import { preflightReport } from "../../../commands/preflight/report.js";
import type { SshResult } from "../../../ssh/ssh.js";
import { host, inventory as inventoryOf, oldWeave } from "../../fixtures/inventories.js";

const [first, second] = [1, 2].map((number) => {
  const { login, ...one } = host(number, { ports: ["8500/tcp/consul", "53/udp/weave-dns"] });
  return { ...one, login: { ...login, user: "ops", keyFile: "id_ed25519" } };
}) as [InventoryHost, InventoryHost];
const inventory = inventoryOf([first, second], {
  settings: oldWeave,
  artifacts: [
    { name: "consul", platform: "amd64", version: "1.20.5" },
    { name: "weave", platform: "any", version: "2.6.5" },
    { name: "image:swarm:1.2.9", platform: "amd64", version: "1.2.9" },
    { name: "package:docker-engine:docker.io", platform: "debian-12-amd64", version: "20.10.24+dfsg1-1+deb12u1" },
  ],
  required: ["consul", "weave", "image:swarm:1.2.9"],
});

const withSettings = (settings: Partial<Inventory["settings"]>): Inventory => ({
  ...inventory,
  settings: { ...inventory.settings, ...settings },
});

function facts(own: Facts): Facts {
  return {
    os: "debian 12",
    arch: "amd64",
    systemd: "running",
    kernel: "6.1.0-28-amd64",
    "kernel-openvswitch": "yes",
    "kernel-vxlan": "yes",
    engine: "20.10.24+dfsg1",
    "engine-api": "1.41",
    "engine-min-api": "1.12",
    "engine-client": "20.10.24+dfsg1",
    ...own,
  };
}

const h1 = facts({ hostname: "h1", "machine-id": "1".repeat(32) });
const h2 = facts({ hostname: "h2", "machine-id": "2".repeat(32) });

function judged(ofH2: Facts, where: Inventory = inventory, ofH1: Facts = {}) {
  return judgeAllHosts(
    where,
    new Map([
      ["h1", { ...h1, ...ofH1 }],
      ["h2", { ...h2, ...ofH2 }],
    ]),
  );
}

const asText = (facts: Facts) =>
  `${Object.entries(facts)
    .map(([name, value]) => `fact ${name} ${value}\n`)
    .join("")}fact end ok\n`;

describe("judge", () => {
  it("finds nothing on hosts that fit", () => {
    expect(judged({})).toEqual([]);
  });

  it("names both hosts of a hostname or machine-id that is not unique", () => {
    const found = judged({ hostname: "H1", "machine-id": "1".repeat(32) });
    expect(found.map(({ host, check, found }) => `${host} ${check}: ${found}`)).toEqual([
      "h2 hostname: hostname h1, which h1 (198.18.0.11) has too",
      `h2 machine-id: machine-id ${"1".repeat(32)}, which h1 (198.18.0.11) has too`,
    ]);
    expect(found[0]?.fix).toBe("hostnamectl set-hostname h2");
  });

  it("sees addresses that are swapped, in machines that are called like each other's entry", () => {
    const swapped = judged({ hostname: "H1" }, inventory, { hostname: "h2" });
    expect(swapped).toMatchObject([
      { host: "h1", check: "hostname", found: expect.stringContaining("198.18.0.11 calls itself h2") },
      { host: "h2", check: "hostname", found: expect.stringContaining("198.18.0.12 calls itself H1") },
    ]);
    // Names of their own are nobody's business.
    expect(judged({ hostname: "db" }, inventory, { hostname: "web" })).toEqual([]);
  });

  it("sees a disk that was copied from another member", () => {
    expect(judged({ "weave-peer": "02:00:c6:12:00:0b" })).toMatchObject([
      { host: "h2", check: "weave peer", found: expect.stringContaining("that of h1 (198.18.0.11)") },
    ]);
    expect(judged({ "weave-peer": "02:00:c6:12:00:0c" })).toEqual([]);
  });

  it("wants every artifact for the host's own platform", () => {
    expect(judged({ arch: "arm64" })).toMatchObject([
      {
        host: "h2",
        check: "artifacts",
        found: "artifacts.lock.json has no consul, image:swarm:1.2.9 for debian-12-arm64",
        fix: expect.stringContaining("scripts/lock"),
      },
    ]);
  });

  it("refuses an absent engine that nobody is going to install", () => {
    const where = withSettings({ docker: { install: false, package: "docker.io", lowerApiFloor: false } });
    expect(judged({ engine: "absent" }, where)).toMatchObject([{ check: "engine", found: "no Docker Engine" }]);
    expect(judged({ engine: "absent" })).toEqual([]);
  });

  it("refuses an absent engine whose packages are not locked for the host", () => {
    expect(judged({ os: "debian 11", engine: "absent" })).toMatchObject([
      { check: "engine", found: expect.stringContaining("no packages of it for debian-11-amd64") },
    ]);
  });

  const current = { ...inventory.settings.weave, version: "2.9.0", images: "rajchaudhuri" } as const;
  it.each([
    ["24.0.9", "1.12", inventory.settings.weave, undefined],
    ["25.0.5", "1.24", inventory.settings.weave, "API 1.18 for Weave Net 2.6.5 of weaveworks"],
    ["28.5.1", "1.24", current, undefined],
    ["29.1.3", "1.44", current, "API 1.24 for Weave Net 2.9.0 of rajchaudhuri, API 1.31 for Swarm 1.2.9"],
    ["29.1.3", "1.24", current, undefined],
    [
      "29.3.0",
      "1.40",
      { ...current, version: "2.8.2" },
      "API 1.18 for Weave Net 2.8.2 of rajchaudhuri, API 1.31 for Swarm 1.2.9",
    ],
  ])("engine %s with floor %s", (engine, floor, weave, needed) => {
    const found = judged({ engine, "engine-min-api": floor }, withSettings({ weave }));
    expect(found.map((finding) => finding.needed)).toEqual(needed === undefined ? [] : [needed]);
  });

  it("knows the floor of an engine that is yet to be installed, or stopped", () => {
    const artifacts = inventory.artifacts.map((artifact) =>
      artifact.name === "package:docker-engine:docker.io" ? { ...artifact, version: "5:28.5.1-1~debian.12" } : artifact,
    );
    expect(judged({ engine: "absent" }, { ...inventory, artifacts })).toMatchObject([
      { found: expect.stringMatching(/28\.5\.1.* going to be installed.* below API 1\.24/) },
    ]);
    const stopped: Facts = { os: "debian 12", arch: "amd64", engine: "26.1.5+dfsg1" };
    expect(judgeAllHosts(inventory, new Map([["h2", stopped]]))).toMatchObject([{ check: "engine" }]);
  });

  it("wants leave to lower the floor of a host's own engine, and says what is restarted with it", () => {
    const modern = { engine: "29.9.3", "engine-min-api": "1.40", "engine-running": "3" };
    expect(judged(modern, withSettings({ weave: current }))).toMatchObject([
      { fix: expect.stringContaining("docker.lowerApiFloor: true") },
    ]);
    const docker = { ...inventory.settings.docker, lowerApiFloor: true };
    const allowed = withSettings({ weave: current, docker });
    expect(judged(modern, allowed)).toMatchObject([{ fix: expect.stringContaining("3 containers"), warning: true }]);
    expect(judged({ ...modern, "engine-min-api": "1.24" }, allowed)).toEqual([]);
    // No leave makes an engine answer what it cannot.
    expect(judged(modern, withSettings({ docker }))).toMatchObject([{ needed: expect.stringContaining("API 1.18") }]);
    expect(judged(modern, withSettings({ docker }))[0]).not.toHaveProperty("warning");
  });

  it("lets the deploy lower the floor of an engine that it installs, or has installed", () => {
    const where = withSettings({ weave: current });
    const artifacts = inventory.artifacts.map((artifact) =>
      artifact.name === "package:docker-engine:docker.io" ? { ...artifact, version: "29.1.3-0ubuntu3" } : artifact,
    );
    expect(judged({ engine: "absent" }, { ...where, artifacts })).toEqual([]);
    expect(judged({ engine: "29.1.3", "engine-min-api": "1.44", "engine-ours": "yes" }, where)).toEqual([]);
  });

  it("takes the API of images that somebody has built for it", () => {
    const weave = { ...inventory.settings.weave, dockerApi: "1.24" };
    expect(judged({ engine: "28.5.2", "engine-min-api": "1.24" }, withSettings({ weave }))).toEqual([]);
  });

  it("wants the pinned version in the lock file", () => {
    const pinned = (version: string) => withSettings({ docker: { ...inventory.settings.docker, version } });
    expect(judged({ engine: "absent" }, pinned("20.10"))).toEqual([]);
    expect(judged({ engine: "absent" }, pinned("20.1"))).toMatchObject([{ needed: "docker.version 20.1" }]);
  });

  it("warns of a docker command that has to be told how to talk to Swarm", () => {
    expect(judged({ "engine-client": "29.0.1" })).toMatchObject([
      { found: expect.stringContaining("docker 29.0.1"), warning: true },
    ]);
  });
});

describe("preflight", () => {
  const nothing: NetworkProbe = {
    connections: [],
    packetSizes: [],
    clocks: new Map(),
    silent: new Map(),
    unreached: new Map(),
  };
  const run = (answers: Record<string, Partial<SshResult>>, seen: Partial<NetworkProbe> = {}) =>
    lookAtHosts(
      inventory,
      "script",
      async ({ name }) => ({ status: 0, stdout: "", stderr: "", ...answers[name] }),
      async () => ({ ...nothing, ...seen }),
    );

  it("reads what a host says, and passes a login's greeting over", () => {
    const report = parseReport(
      "h2",
      "Welcome!\nfact os debian 12\nproblem ports | found port 8500/tcp is taken by nginx (pid 123, nginx.service) | needed free for Consul | fix: systemctl disable --now nginx.service\nfact end ok\n",
    );
    expect(report.facts.os).toBe("debian 12");
    expect(report.complete).toBe(true);
    expect(report.findings).toEqual([
      {
        host: "h2",
        check: "ports",
        found: "port 8500/tcp is taken by nginx (pid 123, nginx.service)",
        needed: "free for Consul",
        fix: "systemctl disable --now nginx.service",
      },
    ]);
  });

  it("tells a host's script what to look for", async () => {
    const told: (readonly string[] | undefined)[] = [];
    await lookAtHosts(
      inventory,
      "script",
      async (_, script, args) => {
        told.push([script, ...(args ?? [])]);
        return { status: 0, stdout: "", stderr: "" };
      },
      async () => nothing,
    );
    expect(told[1]).toEqual([
      "script",
      "data_dir=/var/consul",
      "images=swarm:1.2.9,alpine/socat:1.8.0.3",
      "ports=8500/tcp/consul,53/udp/weave-dns",
      "names=",
    ]);
  });

  it("says one line a host when all is well", async () => {
    const report = preflightReport(inventory, await run({ h1: { stdout: asText(h1) }, h2: { stdout: asText(h2) } }));
    expect(report).toEqual({
      lines: [
        "h1 (198.18.0.11)  debian 12, amd64, kernel 6.1.0-28-amd64, Docker Engine 20.10.24+dfsg1 (API 1.12 to 1.41), fast datapath",
        "h2 (198.18.0.12)  debian 12, amd64, kernel 6.1.0-28-amd64, Docker Engine 20.10.24+dfsg1 (API 1.12 to 1.41), fast datapath",
        "open: whoever reaches 12375 or 4000 of a host is root on all of them; security: strict ends that (docs/security.md)",
        "preflight: no problem on 2 hosts",
      ],
      status: 0,
    });
  });

  it("puts the problems of all hosts in one table", async () => {
    const taken =
      "problem ports | found port 8500/tcp is taken by nginx (pid 7) | needed free for Consul | fix: kill 7\n";
    const result = await run({
      h1: { status: 255, stderr: "ssh: connect to host 198.18.0.11 port 22: Connection refused\n" },
      h2: { stdout: taken + asText(h2) },
    });
    const { lines, status } = preflightReport(inventory, result);
    expect(status).toBe(1);
    expect(lines).toEqual([
      "h1 (198.18.0.11)  reach  connection refused by 198.18.0.11 port 22",
      "                         needs: sshd that listens there",
      "                         fix:   systemctl enable --now ssh (on the host), or correct address and port in the cluster file",
      "h2 (198.18.0.12)  ports  port 8500/tcp is taken by nginx (pid 7)",
      "                         needs: free for Consul",
      "                         fix:   kill 7",
      "preflight: 2 problems on 2 of 2 hosts; nothing was changed",
    ]);
  });

  it("says what the guide's form means, and nothing of it where the Docker API asks for a certificate", async () => {
    const result = await run({ h1: { stdout: asText(h1) }, h2: { stdout: asText(h2) } });
    const open = (one: Inventory) => preflightReport(one, result).lines.filter((line) => line.startsWith("open:"));
    expect(open(inventory)).toHaveLength(1);
    expect(open({ ...inventory, operator: ".pki/operator" })).toEqual([]);
  });

  it("shows warnings without failing", async () => {
    const clocks = new Map([
      ["h1", { ahead: 0, uncertain: 0.01 }],
      ["h2", { ahead: 4, uncertain: 0.01 }],
    ]);
    const result = await run({ h1: { stdout: asText(h1) }, h2: { stdout: asText(h2) } }, { clocks });
    const { lines, status } = preflightReport(inventory, result);
    expect(status).toBe(0);
    expect(lines.slice(2)).toEqual([
      "h2 (198.18.0.12)  clock  warning: the clock is 4.0 s ahead of most hosts",
      "                         needs: less than 2 s of difference",
      "                         fix:   timedatectl set-ntp true (with systemd-timesyncd or chrony installed), and look at timedatectl status",
      "open: whoever reaches 12375 or 4000 of a host is root on all of them; security: strict ends that (docs/security.md)",
      "preflight: no problem on 2 hosts, 1 warning",
    ]);
    expect(preflightJson(inventory, result, status)).toMatchObject({ result: "fit", findings: [{ warning: true }] });
  });

  it("cannot tell about a host that does not take part in the port matrix", async () => {
    const answers = { h1: { stdout: asText(h1) }, h2: { stdout: asText(h2) } };
    const silent = await run(answers, { silent: new Map([["h2", "Killed"]]) });
    expect(preflightReport(inventory, silent)).toMatchObject({
      status: 2,
      lines: [expect.stringContaining("could not try the other hosts' ports: Killed"), expect.anything()],
    });
    const perl = await run(answers, { silent: new Map([["h2", "sh: 1: exec: perl: not found"]]) });
    expect(perl.findings).toMatchObject([{ host: "h2", check: "links", fix: "apt-get install perl-base" }]);
  });

  it("does not take checks that ended early for good ones", async () => {
    const result = await run({
      h1: { stdout: asText(h1) },
      h2: { status: 2, stdout: "fact os debian 12\n", stderr: "sh: 3: killed\n" },
    });
    const { lines, status } = preflightReport(inventory, result);
    expect(status).toBe(2);
    expect(lines[0]).toContain("h2 (198.18.0.12)  could not tell  the checks ended early: sh: 3: killed");
  });
});
