/** Consul's steps on one host, with stand-ins for Consul, systemd and what else needs root. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ports } from "../../../../cluster/ports.js";
import { parseReport } from "../../../../commands/preflight/facts.js";
import { hostScript } from "../../../../commands/shared/host-scripts.js";
import { temporaryFolder } from "../../../fixtures/clusters.js";

/** Consul in some version. */
const consul = (version: string) => `#!/bin/sh
# version ${version}
`;

/** Asks Consul's agent; what it says of the cluster is in files. */
const perl = `#!/bin/sh
said=$(dirname "$0")/../said
case "$*" in
*autopilot/state*) cat "$said/autopilot" ;;
*raft/configuration*) cat "$said/servers" ;;
*agent/self*200) [ ! -e "$said/forbids" ] ;;
esac
`;

/** What runs is a copy of the binary that there was at the start. */
const systemctl = `#!/bin/sh
cd "$(dirname "$0")/.." || exit 1
case "$1 $*" in
"show "*) echo running ;;
"is-active "*) [ -e "running-\${3%.service}" ] ;;
"start "* | "restart "* | "reload "*)
  [ "$1" = reload ] || cp bin/consul running-consul
  [ ! -e etc/consul.d/tls/agent.pem ] || grep -v KEY etc/consul.d/tls/agent.pem >shown
  ;;
"stop "*) rm "running-\${2%.service}" ;;
esac
`;

/** A server's port shows the certificate that the agent has read last; a fingerprint is the certificate itself. */
const openssl = `#!/bin/sh
case "$1" in
s_client) cat "$(dirname "$0")/../shown" ;;
x509) grep -v KEY ;;
esac
`;

const standIns: Readonly<Record<string, string>> = {
  systemctl,
  perl,
  openssl,
  "systemd-run": '#!/bin/sh\ntouch "$(dirname "$0")/../running-consul-bootstrap"\n',
  journalctl: "#!/bin/sh\necho nothing\n",
  getent: "#!/bin/sh\n",
  hostname: "#!/bin/sh\necho 10.0.1.1 172.17.0.1\n",
  chown: "#!/bin/sh\n",
  install: '#!/bin/sh\nfor last; do :; done\nmkdir -p "$last"\n',
  // The archive is the program.
  unzip: '#!/bin/sh\nmkdir -p "$6" && cp "$3" "$6/consul"\n',
};

/** What is sent beside the gossip key, where agents have tokens. */
const tokensFrom = (token: string) => ({ acl: { tokens: { agent_recovery: `${token}-r`, default: `${token}-d` } } });

const [key, otherKey] = ["a".repeat(43), "b".repeat(43)].map((text) => `${text}=`) as [string, string];
class Host {
  private readonly folder = temporaryFolder();
  private config = "{}\n";
  private secrets: object = {};
  public readonly at = (...names: string[]) => join(this.folder, ...names);
  public readonly has = (...names: string[]) => existsSync(this.at(...names));
  public readonly read = (...names: string[]) => readFileSync(this.at(...names), "utf8");

  public constructor() {
    cpSync("scripts/host/steps", this.at("scripts"), { recursive: true });
    for (const script of readdirSync(this.at("scripts"))) {
      const text = this.read("scripts", script)
        .replace(/^state=.*$/m, `state=${this.at("state")}`)
        .replace(/^hold=.*$/m, `hold=${this.at("hold")}`)
        .replace(/^PATH=\//m, `PATH=${this.at("bin")}:/`)
        .replaceAll("/usr/local/bin/consul", this.at("bin/consul"))
        .replaceAll(/\/etc\/(?=consul|systemd|multicast-swarm)/g, this.at("etc/"));
      writeFileSync(this.at("scripts", script), text);
    }
    for (const name of [
      "bin",
      "state",
      "said",
      "consul",
      "secrets",
      "artifacts",
      "etc/systemd/system",
      "etc/multicast-swarm",
    ]) {
      mkdirSync(this.at(name), { recursive: true });
    }
    for (const [name, text] of Object.entries(standIns)) {
      writeFileSync(this.at("bin", name), text, { mode: 0o755 });
    }
    writeFileSync(this.at("cluster.tsv"), "rack\n");
    this.isAt("10.0.1.1");
    this.locks("1");
    this.isHealthy(true);
  }

  /** By the cluster file. */
  public isAt(address: string): void {
    writeFileSync(this.at("hosts.tsv"), `a\t${address}\tserver\nb\t10.0.1.2\tserver\n`);
  }

  /** The version that the lock file has, and whose archive was sent. */
  public locks(version: string): void {
    const text = consul(version);
    const sha256 = createHash("sha256").update(text).digest("hex");
    writeFileSync(this.at("artifacts.tsv"), `consul\tany\t${version}\t${sha256}\tfile:consul.zip\n`);
    writeFileSync(this.at("artifacts", sha256), text);
  }

  public isHealthy(healthy: boolean): void {
    const servers = { i: { Name: "a", Status: "leader" }, j: { Name: "b", Status: "voter" } };
    const say = (name: string, what: object) => writeFileSync(this.at("said", name), JSON.stringify(what, null, 4));
    say("autopilot", { Healthy: healthy, Leader: "i", Servers: servers });
    say("servers", { Servers: [{ Node: "a", Address: "10.0.1.1:8300", Leader: true, Voter: true }] });
  }

  /** What the next version of this project writes into Consul's unit. */
  public changesUnit(): void {
    const script = this.read("scripts/consul-agent.sh");
    writeFileSync(this.at("scripts/consul-agent.sh"), script.replace("RestartSec=5", "RestartSec=7"));
  }

  /** What certificate.sh has put there. */
  public hasCertificate(text: string): void {
    for (const [name, content] of [
      ["ca", "authority"],
      ["cert", text],
      ["key", `KEY of ${text}`],
    ] as const) {
      writeFileSync(this.at(`etc/multicast-swarm/${name}.pem`), `${content}\n`);
    }
  }

  /** Consul's configuration, as the next deploy sends it. */
  public configures(config: object): void {
    this.config = `${JSON.stringify(config, null, 2)}\n`;
  }

  /** Secrets that it sends beside the gossip key. */
  public sends(secrets: object): void {
    this.secrets = secrets;
  }

  /** Runs a step of Consul's as a deploy does, which sends configuration and key. */
  public step(name: string, more: Readonly<Record<string, string>> = {}, sent = key) {
    const install = { role: "server", data_dir: this.at("data"), datacenter: "dc", servers: "2", timeout: "1" };
    const args = {
      "consul-install": install,
      "consul-bootstrap": { data_dir: install.data_dir, datacenter: "dc", others: "-", timeout: "1" },
    }[name] ?? { ...install, turn: "yes" };
    for (const file of ["config.json", "bootstrap.json"]) {
      writeFileSync(this.at("consul", file), this.config);
    }
    writeFileSync(this.at("secrets/consul-encrypt.json"), JSON.stringify({ ...this.secrets, encrypt: sent }));
    const words = Object.entries({ ...args, ...more }).map(([field, value]) => `${field}=${value}`);
    const script = this.at("scripts", `${name}.sh`);
    const { status, stdout, stderr } = spawnSync("sh", [script, ...words], { encoding: "utf8" });
    return { status, said: stdout + stderr };
  }

  /** The version that starts whenever the agent does, and the one that runs. */
  public get versions() {
    const version = (file: string) => /# version (.*)/.exec(this.read(file))?.[1];
    return { starts: version("bin/consul"), runs: version("running-consul") };
  }

  public get unit(): string {
    return this.read("etc/systemd/system/consul.service");
  }
}

/** A server of version 1 that runs. */
function server(): Host {
  const host = new Host();
  expect(host.step("consul-install").said).toMatch(
    /Consul 1 \(ready to take its place\)[\s\S]*consul\.service \(started\)/,
  );
  expect(host.step("consul-start").said).toContain("found consul.service running with this configuration");
  expect(host.versions).toEqual({ starts: "1", runs: "1" });
  return host;
}

describe("a new version", () => {
  const upgraded = () => {
    const host = server();
    host.locks("2");
    host.changesUnit();
    const { said } = host.step("consul-install");
    expect(said).toContain("Consul 2 (ready to take its place)");
    return host;
  };

  it("lies ready until the host's turn: an agent that starts before, after a crash or a reboot, is the one that ran", () => {
    const host = upgraded();
    expect(host.versions).toEqual({ starts: "1", runs: "1" });
    expect(host.unit).toContain("RestartSec=5");
    // The deploy was killed there, and goes on.
    expect(host.step("consul-install").said).toContain("found Consul 2 ready to take its place");
    expect(host.step("consul-start")).toMatchObject({ status: 0, said: expect.stringContaining("(restarted)") });
    expect(host.versions).toEqual({ starts: "2", runs: "2" });
    expect(host.unit).toContain("RestartSec=7");
    expect(host.step("consul-start").said).toContain("found consul.service running with this configuration");
  });

  it("does not get its turn while the cluster is unhealthy", () => {
    const host = upgraded();
    host.isHealthy(false);
    const { status, said } = host.step("consul-start");
    expect(said).toMatch(/ERROR: will not restart this Consul server while the cluster is unhealthy/);
    expect(status).toBe(1);
    expect(host.versions).toEqual({ starts: "1", runs: "1" });
    expect(host.unit).toContain("RestartSec=5");
  });
});

const secured = { tls: { defaults: { verify_incoming: true, verify_outgoing: true } } };
/** A server of version 1 with a certificate. */
function certified(): Host {
  const host = server();
  host.hasCertificate("first");
  return host;
}

describe("another form of the whole cluster", () => {
  const restarted = expect.stringContaining("consul.service (restarted)");

  it("comes without a turn, though the cluster is not well before all agents have it", () => {
    const host = certified();
    host.isHealthy(false);
    for (const form of [secured, {}]) {
      host.configures(form);
      expect(host.step("consul-install")).toMatchObject({ status: 0, said: restarted });
      expect(host.step("consul-start").said).toContain("found consul.service running with this configuration");
    }
  });

  it("is not mistaken for another configuration, which waits for its turn", () => {
    const host = certified();
    host.configures(secured);
    host.step("consul-install");
    host.configures({ ...secured, log_level: "WARN" });
    expect(host.step("consul-install").said).toContain("what it is to run with is looked at in its turn");
    expect(host.step("consul-start").said).toEqual(restarted);
  });

  it("is still another one for the deploy after one that was broken off at the restart", () => {
    const host = certified();
    host.configures(secured);
    const whole = host.read("bin/systemctl");
    writeFileSync(host.at("bin/systemctl"), whole.replace(/^case/m, '[ "$1" != restart ] || exit 1\ncase'));
    expect(host.step("consul-install").status).toBe(1);
    writeFileSync(host.at("bin/systemctl"), whole);
    host.isHealthy(false);
    expect(host.step("consul-install")).toMatchObject({ status: 0, said: restarted });
  });
});

describe("tokens", () => {
  const restarted = expect.stringContaining("consul.service (restarted)");
  const authorized = (token: string, tokens: string) => {
    const host = server();
    host.sends(tokensFrom(token));
    expect(host.step("consul-install", { tokens })).toMatchObject({ status: 0, said: restarted });
    return host;
  };

  it("come to all agents at the same time, and go from all", () => {
    const host = authorized("one", "0");
    expect(host.step("consul-start", { tokens: "0" }).said).toContain("running with this configuration");
    host.isHealthy(false);
    host.sends(tokensFrom("other"));
    expect(host.step("consul-install", { tokens: "1" })).toMatchObject({ status: 0, said: restarted });
    expect(host.read("etc/consul.d/server/encrypt.json")).toContain("other-d");
    host.sends({});
    writeFileSync(host.at("state/consul-tokens"), "1\n");
    expect(host.step("consul-install")).toMatchObject({ status: 0, said: restarted });
    expect(host.has("state/consul-tokens")).toBe(false);
    expect(host.read("etc/consul.d/server/encrypt.json")).not.toContain("tokens");
  });

  it("that are others than the agent has are refused, unless they are said to be others", () => {
    const host = authorized("one", "0");
    const kept = host.read("etc/consul.d/server/encrypt.json");
    host.sends(tokensFrom("other"));
    const { status, said } = host.step("consul-install", { tokens: "0" });
    expect(said).toMatch(/ERROR: this agent has other tokens than .* raise security\.consulTokenChanged/);
    expect(said).not.toContain("other-d");
    expect(status).toBe(1);
    expect(host.read("etc/consul.d/server/encrypt.json")).toBe(kept);
    expect(host.has("secrets/consul-encrypt.json")).toBe(false);
  });

  it("that it had in another role do not stay", () => {
    const host = authorized("one", "0");
    mkdirSync(host.at("etc/consul.d/client"), { recursive: true });
    writeFileSync(host.at("etc/consul.d/client/encrypt.json"), "{}\n");
    expect(host.step("consul-start", { tokens: "0" }).said).toMatch(
      /client\/encrypt\.json \(removed\): this agent is a server/,
    );
    expect(host.has("etc/consul.d/client/encrypt.json")).toBe(false);
    expect(host.has("etc/consul.d/server/encrypt.json")).toBe(true);
  });

  it("that Consul does not know are told in the agent's turn, and not before", () => {
    const host = authorized("one", "0");
    writeFileSync(host.at("said/forbids"), "");
    expect(host.step("consul-install", { tokens: "0" }).status).toBe(0);
    const { status, said } = host.step("consul-start", { tokens: "0" });
    expect(said).toMatch(/ERROR: Consul does not serve this agent after 1 s: it may not know its token/);
    expect(status).toBe(1);
  });
});

describe("a certificate", () => {
  const secure = () => {
    const host = certified();
    host.configures(secured);
    expect(host.step("consul-install").said).toContain("consul.service (restarted)");
    return host;
  };
  const agent = "etc/consul.d/tls/agent.pem";

  it("that was renewed is read by the agent that runs, and is no reason for another restart", () => {
    const host = secure();
    host.hasCertificate("second");
    const { status, said } = host.step("consul-install");
    expect(said).toContain("changed consul.service (has read its certificates again)");
    expect(said).not.toMatch(/consul.service \((re)?started\)/);
    expect(status).toBe(0);
    expect(host.read("shown")).toBe("second\n");
    expect(host.step("consul-start").said).toContain("found consul.service running with this configuration");
    expect(host.step("consul-install").said).not.toContain("changed consul.service");
  });

  it("that a server does not show after it was told to read it ends the deploy, and is read by the next", () => {
    const host = secure();
    const whole = host.read("bin/systemctl");
    host.hasCertificate("second");
    writeFileSync(host.at("bin/systemctl"), whole.replace(' | "reload "*', ""));
    expect(host.step("consul-install")).toMatchObject({
      status: 1,
      said: expect.stringContaining("still shows its old certificate after 1 s"),
    });
    writeFileSync(host.at("bin/systemctl"), whole);
    expect(host.step("consul-install").said).toContain("has read its certificates again");
  });

  it("of a client comes to a server that is to be one when its turn has come: until then the others would not hear it", () => {
    const host = secure();
    host.hasCertificate("second");
    expect(host.step("consul-install", { role: "client" }).status).toBe(0);
    expect(host.read(agent)).toMatch(/^first$/m);
    expect(host.step("consul-start", { role: "client" }).said).toContain("consul.service (restarted)");
    expect(host.read(agent)).toMatch(/^second$/m);
  });

  it("does not stay where Consul reads it once agents talk without TLS", () => {
    const host = secure();
    expect(host.read(agent)).toBe("first\nKEY of first\n");
    host.configures({});
    host.step("consul-install");
    expect(host.has(agent)).toBe(false);
    expect(host.has("etc/multicast-swarm/key.pem")).toBe(true);
  });
});

describe("the uploaded gossip key", () => {
  const refused = (host: Host, step: string, words: RegExp, more = {}, sent = key) => {
    const result = host.step(step, more, sent);
    expect(result.said).toMatch(words);
    expect(result.status).toBe(1);
  };

  it.each<[string, (host: Host) => void]>([
    [
      "a bootstrap that was handed over before",
      (host) => {
        writeFileSync(host.at("state/consul-bootstrapped"), "handed-over\n");
        expect(host.step("consul-bootstrap").said).toContain("handed over before");
      },
    ],
    [
      "a handover that waits in vain for the other servers",
      (host) => {
        host.step("consul-bootstrap");
        refused(host, "consul-handover", /the bootstrap agent sees 1 of 2 servers/);
      },
    ],
    [
      "a start with another datacenter",
      (host) => refused(host, "consul-start", /consul.datacenter is dc on this host/, { datacenter: "other" }),
    ],
    ["a start that has nothing to do", (host) => expect(host.step("consul-start").status).toBe(0)],
  ])("does not stay behind after %s", (_, ends) => {
    const host = server();
    ends(host);
    expect(host.has("secrets/consul-encrypt.json")).toBe(false);
  });

  it("is refused where the agent runs with another, before anything is written", () => {
    const host = server();
    mkdirSync(host.at("data/serf"));
    writeFileSync(host.at("data/serf/local.keyring"), JSON.stringify([key]));
    expect(host.step("consul-start").status).toBe(0);
    const kept = host.read("etc/consul.d/server/encrypt.json");
    refused(host, "consul-start", /this agent already runs with another gossip key; rotate it/, {}, otherKey);
    expect(host.read("etc/consul.d/server/encrypt.json")).toBe(kept);
    expect(host.has("secrets/consul-encrypt.json")).toBe(false);
  });
});

/** What the preflight finds foreign on a host whose port 8500 the unit holds, and where data of Consul's lie. */
function foreignTo(host: Host, unit: string): string[] {
  const process = "4711";
  for (const folder of ["net", `${process}/fd`]) {
    mkdirSync(host.at("proc", folder), { recursive: true });
  }
  const listening = `0: 00000000:${ports.consulHttp.number.toString(16).toUpperCase()} 00000000:0000 0A 0 0 0 0 0 99\n`;
  writeFileSync(host.at("proc/net/tcp"), listening);
  writeFileSync(host.at("proc/net/route"), "");
  writeFileSync(host.at("proc", process, "comm"), "consul\n");
  writeFileSync(host.at("proc", process, "cgroup"), `0::/system.slice/${unit}\n`);
  symlinkSync("socket:[99]", host.at("proc", process, "fd/3"));
  mkdirSync(host.at("data/raft"), { recursive: true });
  const script = hostScript("steps/tls.sh", "probes/preflight-facts.sh", "probes/preflight.sh")
    .replace(/^state=.*$/m, `state=${host.at("state")}`)
    .replaceAll("/etc/consul.d", host.at("etc/consul.d"))
    .replaceAll("/proc/", "./proc/");
  const args = ["-s", "--", `data_dir=${host.at("data")}`, `ports=${ports.consulHttp.number}/tcp/consul`];
  const { stdout } = spawnSync("sh", args, { cwd: host.at(), input: script, encoding: "utf8" });
  const { complete, findings } = parseReport("a", stdout);
  expect(complete).toBe(true);
  const here = new RegExp(host.at());
  return findings.map(({ found }) => found).filter((found) => /^port/.test(found) || here.test(found));
}

describe("the preflight", () => {
  const unit = "consul-bootstrap.service";

  it("knows the bootstrap agent and its data when the deploy has ended before the handover", () => {
    const host = new Host();
    expect(host.step("consul-bootstrap").said).toContain(`changed ${unit} (started, transient)`);
    expect(foreignTo(host, unit)).toEqual([]);
  });

  it("takes an agent and data that no step has left for foreign", () => {
    const host = new Host();
    expect(foreignTo(host, unit)).toEqual([
      expect.stringMatching(`^port \\d+/tcp is taken by consul \\(pid 4711, ${unit}\\)`),
      `data of an earlier Consul in ${host.at("data")}`,
    ]);
  });
});

describe("a member's address", () => {
  it("cannot change: every step refuses, and has written nothing", () => {
    const host = server();
    host.isAt("10.0.1.9");
    const before = readdirSync(host.at("state")).sort();
    host.locks("2");
    const { status, said } = host.step("consul-install");
    expect(said).toMatch(
      /consul-install: ERROR: this host joined the cluster as a at 10\.0\.1\.1, and is at 10\.0\.1\.9 in the cluster file/,
    );
    expect(status).toBe(1);
    expect(readdirSync(host.at("state")).sort()).toEqual(before);
  });

  it("is nothing to a host that is leaving, nor are the others' addresses", () => {
    const host = server();
    writeFileSync(host.at("hosts.tsv"), "b\t10.0.1.7\tserver\n");
    expect(host.step("consul-install").status).toBe(0);
  });
});
