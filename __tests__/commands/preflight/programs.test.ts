/** The preflight's programs as they are run: the hosts' script by sh, the deploy's bundle by Node. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll, expect, it } from "vitest";
import { type InventoryHost, inventoryOf, inventoryText } from "../../../cluster/inventory.js";
import { loadCluster } from "../../../cluster/load.js";
import { parseReport } from "../../../commands/preflight/facts.js";
import { judgeHost } from "../../../commands/preflight/judge/one-host.js";
import { hostFile, hostScript } from "../../../commands/shared/host-scripts.js";
import { host, inventory as inventoryFixture } from "../../fixtures/inventories.js";

const folder = mkdtempSync(join(tmpdir(), "multicast-swarm-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function inventory(yaml: string) {
  writeFileSync(join(folder, "cluster.yaml"), yaml);
  return inventoryOf(
    loadCluster(join(folder, "cluster.yaml"), { lock: "ignore", hostKeys: "ignore", warn: () => {} }),
    (written) => `from-here/${written}`,
  );
}

it("finds who holds a port, and that an address is not the host's", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  try {
    mkdirSync(join(folder, "raft"));
    const script = hostScript("steps/tls.sh", "probes/preflight-facts.sh", "probes/preflight.sh");
    const args = [
      "-s",
      "--",
      `data_dir=${folder}`,
      `ports=${port}/tcp/consul,${port}/udp/consul`,
      "names=localhost,nowhere.invalid",
    ];
    const report = parseReport("h1", execFileSync("sh", args, { input: script, encoding: "utf8" }));
    expect(report.complete).toBe(true);
    expect(report.facts).toMatchObject({
      arch: expect.any(String),
      os: expect.any(String),
      hostname: expect.any(String),
    });
    // What is judged elsewhere has to be there, in the form that is expected there.
    for (const [name, form] of Object.entries({
      kernel: /^\d+\.\d+/,
      "kernel-bridge": /^(yes|no|unknown|unloadable)$/,
      "disk-docker": /^\/\S* \d+ (\d+|-) (rw|ro)$/,
      "memory-available": /^\d+$/,
      routes: /^(\d+(\.\d+){3}\/\d+@\S+ ?)*$/,
      unresolved: /^nowhere\.invalid$/,
      firewall: /^(iptables|nft|ufw|firewalld)$/,
    })) {
      expect(report.facts[name], name).toMatch(form);
    }
    const elsewhere = host(1, { address: "192.0.2.77" });
    const findings = [...report.findings, ...judgeHost(inventoryFixture([elsewhere]), elsewhere, report.facts)];
    const found = (check: string) => findings.filter((finding) => finding.check === check);
    expect(found("ports")).toMatchObject([
      {
        found: expect.stringMatching(`^port ${port}/tcp is taken by .*\\(pid ${process.pid}\\b`),
        needed: "free for Consul",
      },
    ]);
    expect(found("foreign")).toMatchObject([{ found: `data of an earlier Consul in ${folder}` }]);
    expect(found("address")).toMatchObject([{ needed: "192.0.2.77 on one of its interfaces" }]);
  } finally {
    server.close();
  }
});

/** Problems with Weave's DNS on a host where docker0 has 172.17.0.1/16, by what listens on port 53 there. */
function nameServerOn(address: string, table = "udp"): string[] {
  const at = mkdtempSync(join(folder, "net-"));
  const lines = { tcp: "", udp: "", tcp6: "", udp6: "", [table]: `0: ${address}:0035 00000000:0000 07 0 0 0 0 0 99\n` };
  for (const [name, text] of Object.entries(lines)) {
    writeFileSync(join(at, name), text);
  }
  writeFileSync(
    join(at, "route"),
    "Iface Destination Gateway Flags RefCnt Use Metric Mask\neth0 00000000 010012C6 0003 0 0 0 00000000\ndocker0 000011AC 00000000 0001 0 0 0 0000FFFF\n",
  );
  const script = hostScript("steps/tls.sh", "probes/preflight-facts.sh", "probes/preflight.sh");
  const input = script.replaceAll("/proc/net/", `${at}/`);
  const output = execFileSync("sh", ["-s", "--", `data_dir=${at}`, "ports=53/udp/weave-dns"], { input });
  return parseReport("h1", output.toString())
    .findings.filter(({ check }) => check === "ports")
    .map(({ found, needed }) => `${found}, ${needed}`);
}

it("finds a name server in the way of Weave's, on all addresses or on docker0's", () => {
  const found = ["port 53/udp is taken by the kernel, free for Weave DNS"];
  expect(nameServerOn("00000000")).toEqual(found);
  expect(nameServerOn("010011AC")).toEqual(found);
  expect(nameServerOn("0000000000000000FFFF0000010011AC", "udp6")).toEqual(found);
  // systemd-resolved's, and one of the LAN.
  expect(nameServerOn("3500007F")).toEqual([]);
  expect(nameServerOn("0B0012C6")).toEqual([]);
});

it("tells whether Weave's proxy answers, and who votes in Consul, where they should run", () => {
  const at = mkdtempSync(join(folder, "member-"));
  const script = hostScript("steps/tls.sh", "probes/preflight-facts.sh", "probes/preflight.sh")
    .replace(/^state=.*$/m, `state=${at}`)
    .replaceAll("/etc/default/weave", `${at}/weave`)
    .replaceAll("/usr/local/bin/", `${at}/`)
    .replace(/^PATH=\$PATH/m, `PATH=${at}:$PATH`);
  const program = (name: string, body: string) =>
    writeFileSync(join(at, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const facts = () => {
    const output = execFileSync("sh", ["-s", "--", `data_dir=${at}`], { input: script, encoding: "utf8" });
    const { "weave-proxy": proxy, "consul-voters": voters } = parseReport("h1", output).facts;
    return [proxy, voters];
  };
  program("systemctl", "exit 0");
  program("docker", 'case $* in "-H tcp://10.0.1.1:12375 version") exit 1 ;; esac; exit 9');
  program(
    "consul",
    'printf "%s\\n" "Node ID Address State Voter" "a i 10.0.1.1:8300 leader true 3" "b i 10.0.1.2:8300 follower false 3"',
  );
  writeFileSync(join(at, "weave"), 'WEAVE_OPTIONS="--host 10.0.1.1 --plugin=false -H tcp://10.0.1.1:12375 --no-dns"\n');
  expect(facts()).toEqual([undefined, undefined]);
  writeFileSync(join(at, "created"), "unit weave.service\nunit consul.service\n");
  expect(facts()).toEqual(["silent", "10.0.1.1"]);
  program("docker", 'case $* in "-H tcp://10.0.1.1:12375 version") exit 0 ;; esac; exit 9');
  expect(facts()).toEqual(["answers", "10.0.1.1"]);

  // One that is asked as the host serves.
  writeFileSync(join(at, "weave"), 'WEAVE_OPTIONS="-H tcp://10.0.1.1:12375 --tlsverify --tlscert=cert.pem"\n');
  program("docker", '[ "$DOCKER_TLS_VERIFY $DOCKER_CERT_PATH" = "1 /etc/multicast-swarm" ]');
  expect(facts()).toEqual(["answers", "10.0.1.1"]);
});

it("knows what is going to listen on a host", () => {
  const { hosts, required } = inventory(`
name: rack
ssh: { keyFile: id_ed25519 }
hosts:
  - { name: a, address: 10.0.1.1 }
  - { name: b, address: 10.0.1.2, consul: client, swarm: [agent] }
weave: { dns: false, fastDatapath: false }
`);
  const [server, client] = hosts.map(({ ports }) => ports);
  expect(server).toEqual(
    expect.arrayContaining(["8300/tcp/consul", "8302/udp/consul", "4000/tcp/swarm", "12375/tcp/weave"]),
  );
  expect(client).toEqual(
    expect.arrayContaining(["8301/tcp/consul", "8301/udp/consul", "8500/tcp/consul", "6783/udp/weave"]),
  );
  expect(client?.filter((port) => /^(8300|8302|8503|4000|53)\/|^6784\/udp/.test(port))).toEqual([]);
  expect(hosts[0]?.login.keyFile).toBe("from-here/id_ed25519");
  expect(required).toContain("image:swarm:1.2.9");
});

it("knows what hosts pull from a registry of the operator's own, and asks nobody for the rest", () => {
  const file = join(folder, "cluster.yaml");
  writeFileSync(file, "name: rack\nssh: { keyFile: id_ed25519 }\nhosts: [{ name: a, address: 10.0.1.1 }]\n");
  const cluster = loadCluster(file, { lock: "ignore", hostKeys: "ignore", warn: () => {} });
  const image = (name: string, source: string) => ({
    name: `image:${name}`,
    platform: "any",
    version: "1",
    sha256: "a".repeat(64),
    source,
  });
  const hub = image("swarm:1.2.9", "docker://docker.io/swarm");
  const own = image("team/weave:1", "docker://registry.example:5000/mirror/team/weave");
  const from = (...artifacts: (typeof own)[]) => inventoryOf({ ...cluster, artifacts }, (written) => written);
  expect(from(hub, own).pulls).toEqual([
    {
      image: "team/weave:1",
      from: `registry.example:5000/mirror/team/weave@sha256:${"a".repeat(64)}`,
    },
  ]);
  expect(from(hub)).not.toHaveProperty("pulls");
});

it("runs as one file with Node alone", () => {
  const program = join(folder, "preflight.cjs");
  buildSync({
    entryPoints: ["commands/preflight/in-deploy.ts"],
    outfile: program,
    bundle: true,
    platform: "node",
    logLevel: "error",
  });
  const text = readFileSync(program, "utf8");
  expect(text).not.toMatch(/node_modules/);
  expect(text.length).toBeLessThan(150_000);
  const run = (...args: string[]) => spawnSync("node", [program, ...args], { cwd: folder, encoding: "utf8" });

  const closed = inventory(`
name: rack
ssh: { hostKeyChecking: off, port: 1 }
hosts: [{ name: h1, address: 192.0.2.1 }]
`);
  const [host] = closed.hosts;
  const local = { ...host, address: "127.0.0.1", login: { ...host?.login, address: "127.0.0.1" } };
  writeFileSync(join(folder, "inventory.json"), inventoryText({ ...closed, hosts: [local as InventoryHost] }));
  const refused = run("inventory.json");
  expect(refused.stdout).toMatch(/^h1 \(127\.0\.0\.1\) {2}reach {2}connection refused by 127\.0\.0\.1 port 1\n/);
  expect(refused.status).toBe(1);

  const unreadable = run("nowhere.json");
  expect(unreadable.stderr).toMatch(/^preflight: could not tell: .*nowhere\.json/);
  expect(unreadable.status).toBe(2);
});

it("sends hosts the same during a deploy and from the command line", () => {
  const { outputFiles } = buildSync({
    entryPoints: ["commands/preflight/programs.js"],
    write: false,
    bundle: true,
    platform: "node",
    format: "cjs",
    logLevel: "error",
  });
  const bundled: { exports: { default?: unknown } } = { exports: {} };
  new Function("module", outputFiles[0]?.text ?? "")(bundled);
  expect(bundled.exports.default).toEqual({
    host: hostScript("steps/tls.sh", "probes/preflight-facts.sh", "probes/preflight.sh"),
    portProbe: hostFile("probes/port-probe.pl"),
  });
});
