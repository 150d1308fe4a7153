/** Systems and engines that hosts have besides Debian 12 with its own engine: a whole life on each, with the event bus. */
import { beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import {
  atConsole,
  atConsoles,
  bareHosts,
  changesNothing,
  expectWords,
  host,
  lab,
  oneAfterTheOther,
  operator,
  read,
  start,
  tearDown,
  write,
} from "./lab.js";

tearDown();
beforeAll(async () => {
  const { status, output } = await start("lab/parts/build", ["compose"]).ended;
  expect(status, output).toBe(0);
});

interface Row {
  readonly system: string;
  readonly engine: string;
  readonly version: RegExp;
  readonly compose?: boolean;
  /** What its cluster file says besides. */
  readonly settings?: Readonly<Record<string, object | string>>;
}

describe.each<Row>([
  // The oldest systemd, which keeps Consul's agent from every home but its own.
  {
    system: "debian-11",
    engine: "distribution",
    version: /^20\.10\./,
    settings: { consul: { dataDir: "/home/consul" } },
  },
  {
    system: "debian-13",
    engine: "distribution",
    version: /^26\.1\./,
    settings: { security: "strict", firewall: { operators: ["198.18.0.1"] } },
  },
  { system: "debian-12", engine: "28", version: /^28\.5\./, compose: true },
  { system: "debian-12", engine: "29", version: /^29\.9\./, compose: true },
])("$system, Docker Engine: $engine", ({ system, engine, version, compose, settings = {} }) => {
  const options = ["--hosts", "2", "--system", system, "--engine", engine];
  oneAfterTheOther();

  it("becomes a cluster, on a host with an engine and on one without", async () => {
    await bareHosts(...options);
    const file = parse(read("cluster.yaml")) as Record<string, object>;
    const merged = Object.entries(settings).map(([name, value]) => [
      name,
      typeof value === "string" ? value : { ...file[name], ...value },
    ]);
    write("cluster.yaml", stringify({ ...file, ...Object.fromEntries(merged) }));
    if (settings.security) {
      expect(await operator("scripts/pki")).toMatchObject({ status: 0 });
    }
    const output = await lab("up", ...options);
    expectWords(output, /verify: healthy/, /event-bus +✓ +✓/);
    if (settings.security) {
      expectWords(
        output,
        /firewall +✓ +✓ +2 hosts and 1 operator$/m,
        /weave +✓ +✓ +1 connection by sleeve, encrypted/,
        /tls +✓ +✓ +certificate 364 days/,
      );
    }
    for (const found of Object.values(await atConsoles("docker version -f '{{.Server.Version}}'"))) {
      expect(found).toMatch(version);
    }
    await changesNothing();
  });

  if (compose) {
    it("takes Docker Compose's services on all hosts, and shows what they say", async () => {
      const says = await atConsole(
        host("h1"),
        `export HOME=/root services=''
      mkdir -p /root/.docker/cli-plugins /root/bus && cd /root/bus
      plugin=/root/.docker/cli-plugins/docker-compose
      /usr/lib/apt/apt-helper -q download-file http://198.18.0.1/compose/docker-compose $plugin >/dev/null
      chmod 755 $plugin
      for host in h1 h2; do
        services="$services
  on-$host:
    image: multicast-swarm/toolbox:1
    command: echo $host works
    network_mode: bridge
    environment: ['constraint:node==$host']"
      done
      echo "services:$services" >compose.yaml
      docker -H :4000 compose up 2>/dev/null | grep works
      DOCKER_API_VERSION=1.42 docker -H :4000 compose logs | grep works
      docker -H :4000 compose down 2>&1 | grep Removed
      docker -H :4000 compose ps -aq`,
      );
      for (const name of ["h1", "h2"]) {
        expect(says.match(new RegExp(`^${name}/bus-on-${name}-1 +\\| ${name} works$`, "gm"))).toHaveLength(2);
        expect(says).toMatch(new RegExp(`Container ${name}/bus-on-${name}-1 +Removed\n`));
      }
      expect(says).toMatch(/Removed\s*$/);
    });
  }

  it("keeps the engine that the deploy has installed at its version, until the cluster is destroyed", async () => {
    const held = async () => (await atConsoles("apt-mark showhold", [host("h2")])).h2;
    expect(await held()).toMatch(/^docker/);
    expectWords(await lab("destroy"), /h2 uninstall: .*nothing of multicast-swarm is left/);
    expect(await held()).toBe("");
  });
});
