/** Clusters of other shapes than three equal servers with root as login. */
import { describe, expect, it } from "vitest";
import {
  atConsole,
  atConsoles,
  bareHosts,
  changesNothing,
  type Ended,
  expectFailure,
  expectWords,
  healthyAgain,
  host,
  hosts,
  lab,
  oneAfterTheOther,
  read,
  tearDown,
  tryLab,
  until,
  verify,
  write,
} from "./lab.js";
import { changes, snapshots, unchanged } from "./snapshot.js";

tearDown();

/** Consul's servers as a host sees them: `h1 leader true`. None while there is no leader. */
async function raftPeers(from: string): Promise<string[]> {
  const table = await atConsole(host(from), "consul operator raft list-peers 2>/dev/null || true");
  return table
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => {
      const [name, , , state, voter] = line.split(/\s+/);
      return `${name} ${state} ${voter}`;
    });
}
const voters = async (from: string) =>
  (await raftPeers(from)).filter((peer) => peer.endsWith(" true")).map((peer) => peer.split(" ")[0]);

/** Goes on from bare hosts to the verified cluster. */
async function brought(...options: string[]) {
  const output = await lab("up", ...options);
  expectWords(output, /verify: healthy/);
  expectWords(output, new RegExp(`^ Nodes: ${hosts().length}$`, "m"));
}

describe("one host", () => {
  oneAfterTheOther();

  it("is a cluster", async () => {
    await bareHosts("--hosts", "1");
    await brought("--hosts", "1");
    expect(await raftPeers("h1")).toEqual(["h1 leader true"]);
  });

  it("what Weave takes only when it makes the network is refused later, before its router is touched", async () => {
    const router = () => atConsole(host("h1"), "systemctl show --value -p MainPID weave");
    const [was, file] = [await router(), read("cluster.yaml")];
    write("cluster.yaml", file.replace(/^weave:$/m, "weave:\n  mtu: 1300"));
    expectFailure(
      await tryLab("deploy"),
      /h1 weave-launch: ERROR: the network on this host was made with weave.mtu default/,
    );
    write("cluster.yaml", file);
    await lab("deploy");
    expect(await router()).toBe(was);
  });

  /** What a deploy of another cluster file prints; the file is put back. */
  async function deployed(edit: (file: string) => string): Promise<Ended> {
    const file = read("cluster.yaml");
    write("cluster.yaml", edit(file));
    const ended = await tryLab("deploy");
    write("cluster.yaml", file);
    return ended;
  }

  it("another datacenter is refused by the preflight, and by the step on the host", async () => {
    const agent = () =>
      atConsole(host("h1"), "systemctl show --value -p MainPID consul; cat /etc/consul.d/server/config.json");
    const was = await agent();
    const refused = await deployed((file) => file.replace("datacenter: lab", "datacenter: other"));
    expectFailure(refused, /cluster +consul.datacenter is lab on the host, and other in the cluster file/);
    const step = "role=server data_dir=/var/consul datacenter=other servers=1 timeout=5 turn=yes";
    const said = await atConsole(host("h1"), `sh /root/.multicast-swarm/scripts/consul-start.sh ${step} 2>&1 || true`);
    expect(said).toMatch(/h1 consul-start: ERROR: consul.datacenter is lab on this host, and cannot become other/);
    expect(await agent()).toBe(was);
  });

  it("the cluster under another name, or its host at another address, is refused by every step on the host", async () => {
    const was = await snapshots();
    const refused = await deployed((file) => file.replace(/^name: lab$/m, "name: other"));
    expectFailure(refused, /cluster +the host belongs to the cluster lab/);
    const said = await atConsole(
      host("h1"),
      `cp -r /root/.multicast-swarm /run/other && echo other >/run/other/cluster.tsv
      sh /run/other/scripts/swarm-clear.sh rebuilt=0 2>&1 || true
      echo lab >/run/other/cluster.tsv && sed -i s/198.18.0.11/198.18.0.99/ /run/other/hosts.tsv
      sh /run/other/scripts/swarm-clear.sh rebuilt=0 2>&1 || true
      rm -r /run/other`,
    );
    expect(said).toMatch(/ERROR: this host belongs to the cluster 'lab', not to 'other'/);
    expect(said).toMatch(/ERROR: this host joined the cluster as h1 at 198\.18\.0\.11, and is at 198\.18\.0\.99 in/);
    expect(changes(was, await snapshots(), /\/root\/\.multicast-swarm|\/var\/consul\//)).toEqual(unchanged());
  });

  it("another login is taken over, and destroy needs nothing that a deploy has left", async () => {
    await atConsole(
      host("h1"),
      `useradd --create-home bob && cp -r /root/.ssh /home/bob/ && chown -R bob: /home/bob/.ssh
      echo 'bob ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/bob`,
    );
    // A deploy that was refused has taken what it was to replace out of the state.
    await lab("deploy");
    write("cluster.yaml", read("cluster.yaml").replace("user: root", "user: bob"));
    const output = await lab("deploy");
    expectWords(output, /null_resource\.h1_stage: Creating/);
    expect(output).not.toMatch(/h1_(consul|docker|weave|swarm)\S*: Creating/);
    await changesNothing();
    // What Weave's script leaves where it is cut off.
    await atConsole(
      host("h1"),
      "docker create weaveworks/weaveexec:2.6.5; rm -rf /root/.multicast-swarm /home/bob/.multicast-swarm",
    );
    expectWords(await lab("destroy"), /nothing of multicast-swarm is left/);
    expect(await atConsole(host("h1"), "docker ps -aq; docker image ls -q")).toBe("");
  });
});

it("five hosts that let in the cluster's network alone, two Consul clients, names with dashes, a login user with sudo", async () => {
  const options = ["--names", "a-1,b-two,c,d-4,e-e-5", "--user", "ops"];
  await bareHosts(...options);
  // The last host has no packet filter's command before its engine is installed.
  await atConsoles(
    `iptables -A INPUT -i lo -j ACCEPT
    iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
    iptables -A INPUT -s 198.18.0.0/24 -j ACCEPT
    iptables -P INPUT DROP`,
    hosts().slice(0, -1),
  );
  await brought(...options);
  const [a, b, c, d, e] = hosts().map(({ name }) => name);
  expect((await voters("e-e-5")).sort()).toEqual([a, b, c]);
  const servers = await atConsoles("grep -Hs '\"server\"' /etc/consul.d/*/config.json");
  for (const client of [d, e]) {
    expect(servers[client ?? ""]).toMatch(/client\/config.json: *"server": false/);
  }
  expect(await atConsole(host(a ?? ""), "iptables -S INPUT | head -n 1")).toBe("-P INPUT DROP\n");
  await changesNothing();
});

describe("the guide's bootstrap handover", () => {
  oneAfterTheOther();

  const setCluster = (from: string | RegExp, to: string) => {
    const [was, text] = [read("cluster.yaml"), read("cluster.yaml").replace(from, to)];
    if (was === text) {
      throw new Error(`cluster.yaml has no ${from}`);
    }
    write("cluster.yaml", text);
  };

  it("gives the same cluster", async () => {
    await bareHosts("--hosts", "3");
    setCluster(/^consul:$/m, "consul:\n  bootstrap: handover");
    await lab("up", "--hosts", "3", "--to", "cluster");
    await verify();
    expect((await voters("h1")).sort()).toEqual(hosts().map(({ name }) => name));
    // The agent that bootstrapped has ended, and the service has its data.
    const services = await atConsole(host("h1"), "systemctl is-active consul-bootstrap consul || true");
    expect(services.split("\n").slice(0, 2)).toEqual(["inactive", "active"]);
    await changesNothing();
  });

  it("is healthy again after a reboot of all hosts, without a deploy", async () => {
    const started = () => atConsoles("systemctl show --value -p ActiveEnterTimestamp consul docker weave");
    const before = await started();
    await Promise.all(hosts().map(({ name }) => lab("reboot", name)));
    await healthyAgain();
    const after = await started();
    for (const { name } of hosts()) {
      expect(after[name]).not.toBe(before[name]);
    }
    await changesNothing();
  });

  it("refuses where data of a cluster are, though no server answers", async () => {
    await atConsoles("systemctl stop consul");
    const others = hosts().flatMap(({ name, address }) => (name === "h1" ? [] : [address]));
    const said = await atConsole(
      host("h1"),
      `cd /var/lib/multicast-swarm && mv consul-bootstrapped kept
      sh /root/.multicast-swarm/scripts/consul-bootstrap.sh data_dir=/var/consul datacenter=lab others=${others} timeout=5 2>&1 || true
      mv kept consul-bootstrapped`,
    );
    await atConsoles("systemctl start consul");
    expect(said).toMatch(
      /^h1 consul-bootstrap: ERROR: refuses to bootstrap: \/var\/consul holds the data of an earlier/m,
    );
    await healthyAgain();
  });

  it("refuses when the other servers have a cluster; the rebuilt first server joins it instead", async () => {
    await lab("wipe", "h1");
    await lab("poweron", "h1");
    await lab("hostkeys");
    setCluster(/^( *)address: 198\.18\.0\.11$/m, "$&\n$1rebuilt: 1");
    // When the old machine has not been heard of for a while, Consul takes it off its list.
    const others = async () => (await raftPeers("h2")).filter((peer) => !peer.startsWith("h1 "));
    await until(async () => (await others()).some((peer) => / leader /.test(peer)));
    const before = await others();

    expectFailure(
      await tryLab("deploy"),
      /h1 consul-bootstrap: ERROR: refuses to bootstrap: the server \S+ is already in a cluster/,
    );
    expect(await others()).toEqual(before);

    setCluster("bootstrap: handover", "bootstrap: expect");
    await lab("deploy");
    await verify();
    await changesNothing();
  });
});
