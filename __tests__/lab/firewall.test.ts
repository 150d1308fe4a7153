/** The cluster's ports as strangers, members and other firewalls meet them: `firewall.managed`, and the rules that preflight prints. */
import { expect, it } from "vitest";
import { parse, stringify } from "yaml";
import {
  atConsole,
  atConsoles,
  expectFailure,
  expectWords,
  type Host,
  healthyAgain,
  host,
  hosts,
  iptablesOf,
  lab,
  labFile,
  oneAfterTheOther,
  operator,
  read,
  tryLab,
  until,
  useCluster,
  verify,
  write,
} from "./lab.js";
import { atOutsider, useOutsider } from "./outsider.js";

useCluster();
oneAfterTheOther();
useOutsider();

const tcp = [4000, 8300, 8301, 8302, 8500, 6783, 12375];
/** Weave's fast datapath, which the lab's hosts do not use: a port that is not closed refuses, and says so. */
const udp = 6784;
/** Lists, as `h1 8500/tcp`, the ports of all hosts that let one in where it runs. */
const knock = `
use Socket; use IO::Select; use Errno;
my (@open, %waiting);
for (split ' ', shift) {
  my ($name, $address) = split /=/;
  for my $port (@ARGV) {
    my ($number, $protocol) = split m{/}, $port;
    socket(my $socket, PF_INET, $protocol eq 'tcp' ? SOCK_STREAM : SOCK_DGRAM, 0);
    $socket->blocking(0);
    connect($socket, sockaddr_in($number, inet_aton($address)));
    send($socket, 'x', 0) if $protocol eq 'udp';
    $waiting{fileno $socket} = [$socket, "$name $port"];
  }
}
my $end = time + 3;
while (%waiting && time < $end) {
  my ($tcp, $udp) = ('', '');
  vec($waiting{$_}[1] =~ /tcp/ ? $tcp : $udp, $_, 1) = 1 for keys %waiting;
  select($udp, $tcp, undef, 0.2);
  for my $number (grep { vec($tcp, $_, 1) || vec($udp, $_, 1) } keys %waiting) {
    my ($socket, $what) = @{ delete $waiting{$number} };
    my $error = unpack 'i', getsockopt($socket, SOL_SOCKET, SO_ERROR);
    push @open, $what if $what =~ /tcp/ ? !$error : $error == Errno::ECONNREFUSED;
  }
}
print map { "$_\\n" } sort @open;`;
const knocking = (more: readonly number[] = []) => [
  "perl",
  "-MIO::Handle",
  "-e",
  knock,
  hosts()
    .map(({ name, address }) => `${name}=${address}`)
    .join(" "),
  ...[...tcp, ...more].map((port) => `${port}/tcp`),
  `${udp}/udp`,
];
const lines = (text: string) => text.split("\n").filter((line) => line !== "");
const openToOutsider = async (...more: number[]) => lines(await atOutsider(...knocking(more)));
const quoted = (words: readonly string[]) => words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
const openToMember = async (one: Host) => lines(await atConsole(one, quoted(knocking())));

const everything = () =>
  hosts()
    .flatMap(({ name }) => [...tcp.map((port) => `${name} ${port}/tcp`), `${name} ${udp}/udp`])
    .sort();

const edit = (change: (file: Record<string, unknown>) => void) => {
  const file = parse(read("cluster.yaml")) as Record<string, unknown>;
  change(file);
  write("cluster.yaml", stringify(file));
};
const services = () => atConsoles("systemctl show --value -p MainPID consul docker weave; docker ps -q --no-trunc");
/** Docker's way round a firewall, and a way from another port to a guarded one. */
const detours = (one: Host) =>
  atConsole(
    one,
    `iptables -t nat -A PREROUTING -d ${one.address} -p tcp --dport 6782 -j REDIRECT --to-ports 22
    iptables -t nat -A PREROUTING -d ${one.address} -p tcp --dport 18500 -j REDIRECT --to-ports 8500`,
  );
/** Does a container on h1 reach the Docker API of this host, or of another? */
const fromContainer = async (to: Host) =>
  (
    await atConsole(
      host("h1"),
      `docker run --rm --entrypoint sh multicast-swarm/toolbox:1 -c 'printf "GET /_ping HTTP/1.0\\r\\n\\r\\n" | nc -w 2 ${to.address} 12375 2>/dev/null | grep -q " 200 " && echo open || echo closed'`,
    )
  ).trim();

it("without an allow-list, strangers and containers come in", async () => {
  await detours(host("h1"));
  expect(await openToOutsider(6782, 18500)).toEqual([...everything(), "h1 18500/tcp", "h1 6782/tcp"].sort());
  expect(await fromContainer(host("h1"))).toBe("open");
  expect(await fromContainer(host("h2"))).toBe("open");
});

it("a deploy that would shut out the machine that deploys is refused, with the line to add", async () => {
  edit((file) => {
    file.firewall = { managed: true, operators: [] };
  });
  expectFailure(
    await tryLab("deploy"),
    /h1 .*firewall +hosts see this machine as 198\.18\.0\.1, which is not in firewall\.operators/,
  );
  expect(await openToOutsider()).toEqual(everything());
});

it("the allow-list keeps out all but members and operators, and restarts nothing", async () => {
  const before = await services();
  edit((file) => {
    file.firewall = { managed: true, operators: ["198.18.0.1"] };
  });
  await lab("lock");
  await lab("deploy");
  expect(await services()).toEqual(before);
  expect(await openToOutsider(6782, 18500)).toEqual([]);
  expect(await fromContainer(host("h1"))).toBe("closed");
  expect(await fromContainer(host("h2"))).toBe("closed");
  for (const one of hosts()) {
    expect(await openToMember(one)).toEqual(everything());
  }
  await verify();
});

it("ssh goes on for everybody", async () => {
  for (const { name } of hosts()) {
    expect(await atOutsider("ssh", "-F", labFile("ssh_config"), name, "uname -n")).toBe(`${name}\n`);
  }
});

it("a firewall that denies by default, put there later, keeps no member out", async () => {
  await atConsole(
    host("h1"),
    `iptables -A INPUT -p tcp --dport 22 -j ACCEPT
    iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
    iptables -P INPUT DROP`,
  );
  for (const one of hosts()) {
    expect(await openToMember(one)).toEqual(everything());
  }
  expect(await openToOutsider(6782, 18500)).toEqual([]);
  await verify();
  await atConsole(host("h1"), "iptables -P INPUT ACCEPT");
});

it("neither a restart of the engine nor what other firewalls do takes it away", async () => {
  await atConsoles(
    "systemctl restart docker; iptables -F INPUT; nft add table inet theirs; nft flush table inet theirs; nft delete table inet theirs",
  );
  expect(await openToOutsider()).toEqual([]);
  // Debian's own rules begin with `flush ruleset`, which takes those of the engine too: that host boots next.
  // systemd loads the list in a job of its own, for which these commands do not wait.
  await atConsole(
    host("h2"),
    `systemctl start nftables; systemctl reload nftables; systemctl restart nftables
    while systemctl list-jobs --no-legend multicast-swarm-firewall.service | grep -q .; do :; done`,
  );
  expect(await openToOutsider()).toEqual([]);
});

it("at boot it is there before the services", async () => {
  await lab("reboot", "h2");
  const units = "multicast-swarm-firewall consul docker weave";
  const started = `for unit in ${units}; do systemctl show --value -p ActiveEnterTimestampMonotonic $unit; done`;
  let times: number[] = [];
  await until(async () => {
    times = lines(await atConsole(host("h2"), started)).map(Number);
    return times.every((time) => time > 0);
  });
  expect(Math.min(...times)).toBe(times[0]);
  await healthyAgain();
  expect(await openToOutsider()).toEqual([]);
});

it("taken out of the cluster file it comes off, and restarts nothing", async () => {
  const before = await services();
  edit((file) => {
    delete file.firewall;
  });
  await lab("deploy");
  expect(await openToOutsider()).toEqual(everything());
  expect(await services()).toEqual(before);
  // Back again, for what destroy has to take away.
  await atConsoles("cd /root/.multicast-swarm/scripts; sh firewall.sh operators=198.18.0.1");
  expect(await openToOutsider()).toEqual([]);
});

it("destroy leaves nothing of it", async () => {
  await lab("destroy");
  const left = await atConsoles(
    `ls -d /etc/systemd/system/*multicast-swarm* /etc/systemd/system/*/multicast-swarm* /var/lib/multicast-swarm 2>/dev/null || true
    command -v nft || true`,
  );
  expect(left).toEqual(Object.fromEntries(hosts().map(({ name }) => [name, ""])));
  for (const one of hosts()) {
    expect(await iptablesOf(one)).not.toContain("MULTICAST-SWARM");
  }
  // Nobody listens any more, and that is what a stranger is told.
  expect(await openToOutsider()).toEqual(hosts().map(({ name }) => `${name} ${udp}/udp`));
});

it("a host that denies by default: the rules that preflight prints open what the cluster needs, and no more", async () => {
  const one = host("h1");
  await atConsole(
    one,
    `iptables -A INPUT -p tcp --dport 22 -j ACCEPT
    iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
    iptables -P INPUT DROP`,
  );
  const preflight = await operator("scripts/preflight", labFile("cluster.yaml"));
  expectFailure(
    preflight,
    /links +does not reach .* of itself \(no answer; iptables lets in nothing but what it is told to\)/,
    /not reached from any other host/,
    /12375\/tcp not reached from this machine, which is 198\.18\.0\.1 there/,
  );
  const rules = preflight.output.match(/iptables -I INPUT .*/g) ?? [];
  await atConsole(one, rules.join("\n"));
  expectWords((await operator("scripts/preflight", labFile("cluster.yaml"))).output, /no problem on 3 hosts/);
  expect(await atConsole(one, "iptables -S INPUT")).not.toMatch(/-s \S+\/([0-9]|[12][0-9])\b/);
});
