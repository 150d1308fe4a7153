/** Hosts join and leave a cluster that goes on meanwhile. */
import { expect, it } from "vitest";
import { parse, stringify } from "yaml";
import {
  atConsole,
  atConsoles,
  bareHosts,
  changesNothing,
  expectFailure,
  expectWords,
  type Host,
  host,
  lab,
  oneAfterTheOther,
  operator,
  read,
  tearDown,
  tryLab,
  until,
  verify,
  write,
} from "./lab.js";
import { changes, snapshots, unchanged } from "./snapshot.js";

tearDown();
oneAfterTheOther();

type Entry = { name: string; consul?: string; lost?: boolean };
const edit = (change: (file: { hosts: Entry[]; removed?: Entry[] }) => void) => {
  const file = parse(read("cluster.yaml"));
  change(file);
  write("cluster.yaml", stringify(file));
};
/** Moves a host's entry to where the hosts are that leave. */
const remove = (name: string, more: Partial<Entry> = {}) =>
  edit((file) => {
    file.removed = file.hosts.filter((one) => one.name === name).map((one) => ({ ...one, ...more }));
    file.hosts = file.hosts.filter((one) => one.name !== name);
  });
const services = (on: Host[]) => atConsoles("systemctl show --value -p MainPID consul docker weave", on);

let bare: Record<string, string[]>;

it("a host is added, and nothing is restarted on the others", async () => {
  await bareHosts("--hosts", "4");
  bare = await snapshots();
  let last: Entry | undefined;
  edit(({ hosts }) => {
    for (const [i, one] of hosts.entries()) {
      one.consul = i < 3 ? "server" : "client";
    }
    last = hosts.pop();
  });
  await lab("up", "--hosts", "4", "--to", "cluster");
  const three = ["h1", "h2", "h3"].map(host);
  const before = await services(three);

  edit(({ hosts }) => last && hosts.push(last));
  await lab("lock");
  await lab("deploy");
  expect(await services(three)).toEqual(before);
  await verify();
});

it("a server does not leave while another is missing, nor while a preflight fails", async () => {
  const leave = "sh /root/.multicast-swarm/scripts/leave.sh address=198.18.0.13 timeout=3 2>&1 || true";
  const h3 = () => services([host("h3")]);
  const was = await h3();
  await atConsole(host("h2"), "systemctl stop consul");
  // Autopilot calls the others healthy again as soon as it has taken the missing one's vote.
  const missed = async () =>
    /Healthy: +false/.test(await atConsole(host("h1"), "consul operator autopilot state || true")) ||
    !/^h2 .* true /m.test(await atConsole(host("h1"), "consul operator raft list-peers || true"));
  await until(missed);
  expect(await atConsole(host("h3"), leave)).toMatch(
    /h3 leave: ERROR: will not leave while Consul's servers are unhealthy/,
  );
  await atConsole(host("h2"), "systemctl start consul");
  await until(async () => !(await missed()));

  const file = read("cluster.yaml");
  remove("h3");
  edit(({ hosts }) => {
    hosts[1] = { ...hosts[1], name: "h2", consul: "client" };
  });
  expectFailure(
    await operator("scripts/preflight"),
    /h2 .* quorum +without h3, h2, 1 of 2 Consul servers cannot elect a leader/,
  );
  write("cluster.yaml", file);
  remove("h3");
  await atConsole(host("h4"), "hostname h1");
  expectFailure(await tryLab("deploy"), /h4 .* hostname +hostname h1, which h1 .* has too/, /nothing was changed/);
  await atConsole(host("h4"), "hostname h4");
  expect(await h3()).toEqual(was);
  write("cluster.yaml", file);
});

it("a server is removed: it is as it was before, and the others go on", async () => {
  remove("h3");
  // It leaves by the scripts of this deploy, whatever an earlier one has sent.
  await atConsole(host("h3"), "echo 'exit 9' >/root/.multicast-swarm/scripts/leave.sh");
  expectWords(await lab("deploy"), /h3 leave: changed Weave Net/, /h3 leave: changed Consul/);
  await verify();
  const gone = [host("h3")];
  expect(changes({ h3: bare.h3 ?? [] }, await snapshots(gone))).toEqual(unchanged(gone));
  await changesNothing();
});

it("a client becomes a server", async () => {
  edit(({ hosts }) => {
    for (const one of hosts) {
      one.consul = "server";
    }
  });
  await lab("deploy");
  await verify();
});

it("a host that is lost is forgotten", async () => {
  await lab("poweroff", "h4");
  remove("h4", { lost: true });
  expectWords(
    await lab("deploy"),
    /h1 lost: changed Weave: \d+ IPs taken over/,
    /h1 lost: (changed|found) Consul: h4 has left/,
  );
  await verify();
  await changesNothing();
  // What is written down of hosts that have left can be taken out: Terraform's note of the loss goes with it.
  edit((file) => {
    delete file.removed;
  });
  expectWords(await lab("deploy"), /0 added, 0 changed, 1 destroyed/);
});
