/** Broken on purpose: `scripts/preflight` names exactly that fault on exactly that host, and nothing that listened is left. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PreflightJson } from "../../commands/preflight/json-schema.js";
import { atConsole, atConsoles, cluster, host, keyForms, lab, labFile, operator, start, until, useLab } from "./lab.js";

useLab("--hosts", "3");
beforeAll(async () => {
  await lab("lock");
});

async function preflight(): Promise<{ status: number | null; json: PreflightJson; faults: string[] }> {
  const { status, output } = await operator("scripts/preflight", "--json");
  const [text] = /^\{$[\s\S]*?^\}$/m.exec(output) ?? [];
  if (text === undefined) {
    throw new Error(`no JSON:\n${output}`);
  }
  const json: PreflightJson = JSON.parse(text);
  return { status, json, faults: json.findings.map(({ host: name, check, found }) => `${name} ${check}: ${found}`) };
}

const on = (name: string, script: string) => atConsole(host(name), script);

/** The preflight's own processes, and what listens beyond sshd and containerd, by host. */
const left = () =>
  atConsoles(
    "pgrep -fa 'multicast-swarm [p]reflight' || true; ss -Hlntu | awk '{ print $5 }' | grep -E ':(4000|6783|6784|830[0-2]|8500|12375)$' || true",
  );
const nothing = { h1: "", h2: "", h3: "" };

describe("preflight of bare hosts", () => {
  it("finds nothing on hosts that fit", async () => {
    const { status, json, faults } = await preflight();
    expect(faults).toEqual([]);
    expect(status).toBe(0);
    // Ten ports, each way between three hosts; and three of a host's own.
    expect(json.links.filter(({ from, to }) => from !== to)).toHaveLength(60);
    expect(json.links.filter(({ from, to }) => from === to)).toHaveLength(9);
    expect(json.paths).toHaveLength(6);
    // The hosts of the lab share one clock.
    for (const { clock } of json.hosts) {
      expect(Math.abs(clock?.ahead ?? 60)).toBeLessThan((clock?.uncertain ?? 0) + 0.5);
    }
    expect(await left()).toEqual(nothing);
  });

  it("one sshd lets in thirty hosts' worth of logins, itself or as a bastion", async () => {
    // sshd hangs up on some of those whom it has not let in yet when there are more than ten of them.
    for (const bastion of [[], ["h2"]]) {
      const { output } = await operator(
        "node",
        "--import",
        "tsx",
        "__tests__/fixtures/many-logins.ts",
        labFile("cluster.yaml"),
        "h1",
        ...bastion,
      );
      expect(output).toBe("[ '60 here' ]\n");
    }
  });

  const cases: readonly {
    readonly fault: string;
    readonly where: string;
    readonly script: string;
    readonly fix: string;
    readonly found: readonly RegExp[];
  }[] = [
    {
      fault: "a full disk",
      where: "h2",
      script:
        "mkdir /var/consul; mount -t tmpfs -o size=64m,mode=755 none /var/consul; head -c 60m /dev/zero >/var/consul/big",
      fix: "umount /var/consul; rmdir /var/consul",
      found: [/^h2 disk: \/var\/consul has 4 MiB left$/],
    },
    {
      fault: "UDP 6783 blocked",
      where: "h2",
      script: "iptables -I INPUT -p udp --dport 6783 -j DROP",
      fix: "iptables -D INPUT -p udp --dport 6783 -j DROP",
      found: [/^h2 links: 6783\/udp not reached from any other host \(no answer\)$/],
    },
    {
      fault: "TCP 8300 to 8302 refused to one host",
      where: "h1",
      script: "iptables -I INPUT -s 198.18.0.13 -p tcp --dport 8300:8302 -j REJECT",
      fix: "iptables -D INPUT -s 198.18.0.13 -p tcp --dport 8300:8302 -j REJECT",
      found: [
        /^h1 links: 8300\/tcp, 8301\/tcp, 8302\/tcp not reached from h3 \(198\.18\.0\.13\) \(connection refused\)$/,
      ],
    },
    {
      fault: "no way out for Weave",
      where: "h1",
      script: "iptables -I OUTPUT -p udp --dport 6783 -j DROP",
      fix: "iptables -D OUTPUT -p udp --dport 6783 -j DROP",
      found: [/^h1 links: does not reach 6783\/udp of any other host/],
    },
    {
      fault: "a taken port",
      where: "h3",
      script:
        "systemd-run -q --unit squatter perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => 8500, Listen => 5) or die; sleep 600'; " +
        "until ss -Hlnt sport = :8500 | grep -q .; do sleep 0.1; done",
      fix: "systemctl stop squatter",
      found: [/^h3 ports: port 8500\/tcp is taken by perl \(pid \d+, squatter\.service\)$/],
    },
    {
      fault: "a machine-id that another host has",
      where: "h3",
      script: `cp -p /etc/machine-id /root/kept; echo MACHINE_ID_OF_H1 >/etc/machine-id`,
      fix: "cp -p /root/kept /etc/machine-id; rm /root/kept",
      found: [/^h3 machine-id: machine-id [0-9a-f]{32}, which h1 \(198\.18\.0\.11\) has too$/],
    },
    {
      fault: "a network within weave.range",
      where: "h1",
      script: "ip route add 10.40.0.0/16 dev eth0",
      fix: "ip route del 10.40.0.0/16 dev eth0",
      found: [/^h1 range: a route to 10\.40\.0\.0\/16 by eth0, within weave\.range 10\.32\.0\.0\/12$/],
    },
    {
      fault: "a narrow network",
      where: "h3",
      script: "ip link set eth0 mtu 1400",
      fix: "ip link set eth0 mtu 1500",
      found: [/^h3 mtu: packets of 1500 bytes get lost between this host and h1 .*, h2 .*; those of 1400 arrive$/],
    },
  ];

  it.each(cases)("names $fault on $where, and only that", async ({ where, script, fix, found }) => {
    const other = (await on("h1", "cat /etc/machine-id")).trim();
    try {
      await on(where, script.replace("MACHINE_ID_OF_H1", other));
      const { status, faults } = await preflight();
      expect(faults).toEqual(found.map((text) => expect.stringMatching(text)));
      expect(status).toBe(1);
    } finally {
      await on(where, fix);
    }
    expect(await left()).toEqual(nothing);
  });

  it("shows all problems of all hosts in one table", async () => {
    const shut = cases.filter(({ fault }) => /disk|UDP|range/.test(fault));
    try {
      for (const { where, script } of shut) {
        await on(where, script);
      }
      const { status, output } = await operator("scripts/preflight");
      expect(status).toBe(1);
      expect(output).toMatch(/^preflight: 3 problems on 2 of 3 hosts; nothing was changed$/m);
      expect(output).toContain("fix:   iptables -I INPUT -s 198.18.0.11,198.18.0.13 -p udp --dport 6783 -j ACCEPT");
    } finally {
      for (const { where, fix } of shut) {
        await on(where, fix);
      }
    }
    expect((await preflight()).status).toBe(0);
  });

  it.each(["SIGINT", "SIGKILL"] as const)("listens no more after %s", async (signal) => {
    // Silence on one port makes all wait, and listen meanwhile.
    const silence = "INPUT -p udp --dport 6783 -j DROP";
    await on("h2", `iptables -I ${silence}`);
    const temporary = mkdtempSync(join(tmpdir(), "multicast-swarm-test-"));
    try {
      const run = start("nsenter", [
        `--net=/run/netns/${process.env.LAB_NAME}`,
        ...["env", `TMPDIR=${temporary}`, "scripts/preflight", labFile("cluster.yaml")],
      ]);
      await on("h1", "until ss -Hlnt sport = :8500 | grep -q .; do sleep 0.05; done");
      process.kill(run.pid, signal);
      const { status } = await run.ended;
      expect(status).toBe(signal === "SIGINT" ? 2 : null);
      await until(async () => Object.values(await left()).every((text) => text === ""));
      // In a temporary folder of its own, since others work on this machine too.
      const folders = readdirSync(temporary).filter((name) => name.startsWith("multicast-swarm-"));
      if (signal === "SIGINT") {
        expect(folders).toEqual([]);
      }
    } finally {
      rmSync(temporary, { recursive: true, force: true });
      await on("h2", `iptables -D ${silence}`);
    }
  });
});

describe("with a cluster on the hosts", () => {
  const folder = mkdtempSync(join(tmpdir(), "multicast-swarm-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  beforeAll(cluster);

  it("preflight finds nothing, and connects to what listens now", async () => {
    const { status, json, faults } = await preflight();
    expect(faults).toEqual([]);
    expect(status).toBe(0);
    const ports = json.links.filter(({ from, to }) => from === "h1" && to === "h2").map(({ port }) => port);
    expect(ports.sort()).toEqual("12375/tcp 4000/tcp 6783/tcp 8300/tcp 8301/tcp 8302/tcp 8500/tcp".split(" ").sort());
  });

  it("preflight names containers that are in the way, and nothing that follows from them", async () => {
    const image = "multicast-swarm/toolbox:1";
    await on(
      "h2",
      `docker stop swarm-manager; docker run -d --name foreign -p 4000:4000 --entrypoint sleep ${image} 300`,
    );
    await on("h2", "docker create --name other swarm:1.2.9 join");
    try {
      expect((await preflight()).faults).toEqual([
        "h2 ports: port 4000/tcp is taken by container foreign",
        "h2 foreign: container other of image swarm:1.2.9, which is not of this project",
      ]);
    } finally {
      await on("h2", "docker rm -f foreign other; docker start swarm-manager");
    }
  });

  it("preflight names a port that is shut in front of a running service", async () => {
    await on("h2", "iptables -I INPUT -p tcp --dport 8300 -s 198.18.0.0/24 ! -i lo -j DROP");
    try {
      expect((await preflight()).faults).toEqual(["h2 links: 8300/tcp not reached from any other host (no answer)"]);
    } finally {
      await on("h2", "iptables -D INPUT -p tcp --dport 8300 -s 198.18.0.0/24 ! -i lo -j DROP");
    }
  });

  /** A bundle, unpacked: all of its text by file. */
  async function bundle(): Promise<{ status: number | null; output: string; files: Map<string, string> }> {
    const { status, output } = await operator("sh", "-c", `cd ${folder} && exec "$OLDPWD/scripts/diagnose"`);
    const [, name = ""] = /^diagnose: (\S+)\.tar\.gz/m.exec(output) ?? [];
    const archive = join(folder, `${name}.tar.gz`);
    if (!existsSync(archive)) {
      throw new Error(`no bundle:\n${output}`);
    }
    execFileSync("tar", ["-xzf", archive, "-C", folder]);
    const paths = readdirSync(join(folder, name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    return {
      status,
      output,
      files: new Map(paths.map((path) => [path.slice(join(folder, name).length + 1), readFileSync(path, "utf8")])),
    };
  }

  it("diagnose collects what is needed, and no secret", async () => {
    const [key = "", bytes = ""] = keyForms();
    // As a careless program would: in the journal, in a process list and in a container's environment.
    await on(
      "h1",
      `echo 'I was given ${key} (${bytes})' | systemd-cat -t consul; ` +
        `systemd-run -q --unit careless sh -c 'sleep 300 # ${key}'`,
    );
    const { status, files } = await bundle();
    await on("h1", "systemctl stop careless");
    expect(status).toBe(0);
    for (const [file, text] of files) {
      expect(text.includes(key) || text.includes(bytes), file).toBe(false);
    }
    expect(files.get("h1/host/processes.txt")).toContain("sleep 300 # [redacted]");
    expect(files.get("h1/consul/members.txt")).toMatch(/h3 .*alive/);
    expect(files.get("h2/weave/report.json")).toContain('"Ready": true');
    expect(files.get("h3/swarm-manager/inspect.json")).toContain('"Image"');
    expect(files.get("h3/consul/journal.txt")).toMatch(/agent/i);
    expect(files.get("index.md")).toContain("h1/network/iptables.txt");
    const index: { files: { file: string; status: number }[] } = JSON.parse(files.get("index.json") ?? "");
    expect(index.files.map(({ file }) => file).filter((file) => !files.has(file))).toEqual([]);
    // What failed is what a minimal host or this machine's kernel lacks.
    const failed = index.files.filter(({ status }) => status !== 0).map(({ file }) => file.replace(/^h\d\//, ""));
    expect([...new Set(failed)].filter((file) => !/nftables|modules|packages/.test(file))).toEqual([]);
  });

  it("diagnose goes on without a host that is down", async () => {
    await lab("poweroff", "h3");
    const { status, output, files } = await bundle();
    expect(status).toBe(1);
    expect(output).toMatch(/^h3 \(198\.18\.0\.13\): unreachable: .*$/m);
    expect(files.get("index.md")).toMatch(/^- h3 \(198\.18\.0\.13\): unreachable/m);
    expect([...files.keys()].some((file) => file.startsWith("h3/"))).toBe(false);
  });
});
