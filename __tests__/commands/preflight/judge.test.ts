/** Each thing that the preflight judges, and the fault that it has to find. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { portsBetween } from "../../../cluster/ports.js";
import { newKey } from "../../../commands/pki/openssl.js";
import type { Facts } from "../../../commands/preflight/facts.js";
import { judgeAllHosts } from "../../../commands/preflight/judge/all-hosts.js";
import { median } from "../../../commands/preflight/judge/clocks.js";
import { faults } from "../../../commands/preflight/judge/faults.js";
import { judgeFirewall, openingCommand } from "../../../commands/preflight/judge/firewall.js";
import { judgeNetwork } from "../../../commands/preflight/judge/network.js";
import { judgeHost } from "../../../commands/preflight/judge/one-host.js";
import { judgeOperator } from "../../../commands/preflight/operator.js";
import { type Connection, groups, type NetworkProbe, targetsOf } from "../../../commands/preflight/probe-network.js";
import type { Way } from "../../../commands/preflight/result.js";
import { authorityFor, certify } from "../../fixtures/authority.js";
import { temporaryFolder } from "../../fixtures/clusters.js";
import { host, inventory as inventoryOf } from "../../fixtures/inventories.js";

const all =
  "8300/tcp 8301/tcp 8301/udp 8302/tcp 8302/udp 8500/tcp 8600/udp 6783/tcp 6783/udp 6784/udp 6784/tcp 12375/tcp 53/udp 4000/tcp";

const [h1, h2, h3] = [1, 2, 3].map((number) =>
  host(number, { ports: all.split(" ").map((port) => `${port}/any`) }),
) as [InventoryHost, InventoryHost, InventoryHost];
const inventory = inventoryOf([h1, h2, h3], {
  required: ["consul", "weave", "image:a", "image:b", "image:c", "image:d"],
});
const weave = (settings: Partial<Inventory["settings"]["weave"]>): Inventory => ({
  ...inventory,
  settings: { ...inventory.settings, weave: { ...inventory.settings.weave, ...settings } },
});

const kernel = Object.fromEntries(
  "bridge veth br-netfilter match-conntrack match-addrtype match-comment masquerade ip-tables nf-tables nft-compat openvswitch vxlan dummy"
    .split(" ")
    .map((name) => [`kernel-${name}`, "yes"]),
);
const fresh: Facts = {
  kernel: "6.1.0-28-amd64",
  ...kernel,
  iptables: "nf_tables",
  engine: "absent",
  "disk-consul": "/ 20000 100000 rw",
  "disk-docker": "/var/lib/docker 20000 - rw",
  "disk-download": "/ 20000 100000 rw",
  "disk-programs": "/ 20000 100000 rw",
  "disk-packages": "/ 20000 100000 rw",
  "disk-settings": "/ 20000 100000 rw",
  "memory-total": "2000",
  "memory-available": "1500",
  routes: "198.18.0.0/24@eth0 172.17.0.0/16@docker0",
  nameservers: "198.18.0.1",
};
const judged = (own: Facts, where = inventory) => judgeHost(where, h2, { ...fresh, ...own });

describe("Consul's servers", () => {
  const [a, b, c, d, e] = [1, 2, 3, 4, 5].map((number) => host(number)) as [
    InventoryHost,
    InventoryHost,
    InventoryHost,
    InventoryHost,
    InventoryHost,
  ];
  const client = (one: InventoryHost): InventoryHost => ({ ...one, consul: "client" });
  const leaves = ({ name, address }: InventoryHost) => ({ name, address });
  const addresses = (...some: readonly InventoryHost[]) => some.map(({ address }) => address).join(" ");
  /** What is found where these run and see those who vote. */
  const found = (where: Inventory, voters: string, running = where.hosts) =>
    judgeAllHosts(where, new Map(running.map(({ name }) => [name, { ...fresh, "consul-voters": voters }])))
      .filter(({ check }) => check === "quorum")
      .map(({ host: on, found: text, fix }) => `${on}: ${text}; ${fix}`);
  const fix = "one server in one deploy, and the next when scripts/verify says healthy";

  it("that become clients two at a time leave one that has no majority", () => {
    expect(found(inventoryOf([a, client(b), client(c)]), addresses(a, b, c))).toEqual([
      `h2: without h2, h3, 1 of 3 Consul servers cannot elect a leader; ${fix}`,
    ]);
    expect(found(inventoryOf([a, b, client(c)]), addresses(a, b, c))).toEqual([]);
    expect(found(inventoryOf([a, b, c, client(d), client(e)]), addresses(a, b, c, d, e))).toEqual([]);
  });

  it("that leave in turn are followed by those that become clients", () => {
    const where = inventoryOf([a, client(b)], { leaving: [leaves(c)] });
    expect(found(where, addresses(a, b, c))).toEqual([
      `h2: without h3, h2, 1 of 2 Consul servers cannot elect a leader; ${fix}`,
    ]);
    expect(found(inventoryOf([a, b], { leaving: [leaves(c)] }), addresses(a, b, c))).toEqual([]);
    expect(found(inventoryOf([a], { leaving: [leaves(b), leaves(c)] }), addresses(a, b, c))).toEqual([]);
  });

  it("that are missing count, but what has happened is not refused", () => {
    const where = inventoryOf([a, client(b), c]);
    expect(found(where, addresses(a, b, c), [a, client(b)])).toEqual([
      `h2: without h2, 1 that is missing, 1 of 3 Consul servers cannot elect a leader; ${fix}`,
    ]);
    expect(found(inventoryOf([a, b, c]), addresses(a, b, c), [a])).toEqual([]);
    expect(found(inventoryOf([a, b], { absent: [c] }), addresses(a, b, c))).toEqual([]);
    // Two that are lost for good.
    expect(found(inventoryOf([a]), addresses(a, b, c))).toEqual([]);
  });

  it("are none before the first deploy", () => {
    expect(found(inventoryOf([a, client(b), client(c)]), "")).toEqual([]);
  });
});

describe("a host", () => {
  it("that fits has no finding", () => expect(judged({})).toEqual([]));

  it("firewalld: lets containers reach each other, also after a reload", () => {
    const [found, ...more] = judged({ firewall: "firewalld", "firewall-denies": "yes" });
    expect(more).toEqual([]);
    expect(found).toMatchObject({ check: "firewall", found: expect.stringContaining("on Weave's bridge") });
    expect(found?.fix.split(" && ")).toEqual([
      "firewall-cmd --permanent --zone=trusted --add-interface=weave",
      "firewall-cmd --permanent --direct --add-rule ipv4 filter FORWARD 0 -i weave -o weave -j ACCEPT",
      "firewall-cmd --reload",
    ]);
    expect(judged({ firewall: "firewalld", "firewall-weave": "yes" })).toEqual([]);
  });

  it("registry: one that refuses root's docker is a problem, one that cannot be asked is worth knowing", () => {
    const image = `mirror/weave@sha256:${"a".repeat(64)}`;
    expect(judged({ "registry-refuses": `registry.example:5000/${image} no such manifest: weave ` })).toEqual([
      {
        host: "h2",
        check: "registry",
        found: `registry.example:5000 does not give root's docker ${image} (no such manifest: weave)`,
        needed: "the images of artifacts.lock.json, for the login that root has on the host",
        fix: "docker login registry.example:5000 as root on h2; if that is done, the registry has lost the image: scripts/lock",
      },
    ]);
    expect(judged({ "registry-silent": `registry.example:5000/${image} connection refused` })).toMatchObject([
      { found: `could not ask registry.example:5000 for ${image} (connection refused)`, warning: true },
    ]);
    expect(judged({ "registry-login": "registry.example:5000" })).toMatchObject([
      {
        found: expect.stringMatching(/^registry\.example:5000 asks who h2 is, and root's docker has no login for it/),
        fix: expect.stringContaining("docker login registry.example:5000"),
        warning: true,
      },
    ]);
  });

  it("deploy: another one has it, which is a problem to a deploy and worth knowing to others", () => {
    const held = {
      ...fresh,
      "deploy-by": "bob@desk:/srv/cluster",
      "deploy-from": "198.18.0.7",
      "deploy-since": "2026-11-25 03:10:00 UTC",
    };
    const found = "a deploy has this host: bob@desk:/srv/cluster, from 198.18.0.7, since 2026-11-25 03:10:00 UTC";
    const [refused, noticed] = [
      judgeHost(inventory, h2, held, "alice@laptop:/home/alice"),
      judgeHost(inventory, h2, held),
    ];
    expect(refused).toMatchObject([{ check: "deploy", found, fix: expect.stringContaining("scripts/recover") }]);
    expect(refused[0]).not.toHaveProperty("warning");
    expect(noticed).toMatchObject([{ check: "deploy", found, warning: true }]);
    expect(judgeHost(inventory, h2, held, "bob@desk:/srv/cluster")).toEqual([]);
  });

  it("firewall: a managed one lets in the machine that deploys, and has something to load it with", () => {
    const managed = (...operators: string[]): Inventory => ({
      ...inventory,
      settings: { ...inventory.settings, firewall: { managed: true, operators } },
    });
    const here = { nft: "nftables v1.0.6", client: "10.0.9.5" };
    expect(judged(here, managed("10.0.8.1", "10.0.9.0/24"))).toEqual([]);
    expect(judged(here)).toEqual([]);
    expect(judged(here, managed("10.0.8.1"))).toMatchObject([
      { check: "firewall", fix: "add 10.0.9.5 to firewall.operators in the cluster file" },
    ]);
    // A member; and a jump host, from which the tunnel leads on.
    expect(judged({ ...here, client: "198.18.0.11" }, managed())).toEqual([]);
    const bastion = { address: "jump.example", user: "root", port: 22, hostKeys: [] };
    expect(judged(here, { ...managed(), bastion })).toMatchObject([
      { found: "hosts see the jump host as 10.0.9.5, which is not in firewall.operators" },
    ]);

    expect(judged({ ...here, client: "198.18.0.11", "kernel-nf-tables": "no" }, managed())).toContainEqual(
      expect.objectContaining({ check: "firewall", found: "kernel 6.1.0-28-amd64 has no nf_tables" }),
    );

    const bare = { os: "debian 12", arch: "amd64", client: "198.18.0.11" };
    const locked = [{ name: "package:nftables:nftables", platform: "debian-12-amd64", version: "1.0.6" }];
    expect(judged(bare, managed())).toMatchObject([
      { check: "firewall", found: "the host has no nft, and artifacts.lock.json no nftables for debian-12-amd64" },
    ]);
    expect(judged(bare, { ...managed(), artifacts: locked })).toEqual([]);
  });

  describe("certificate:", () => {
    const day = 86400;
    const certificate = { key: "aa", from: 1000 * day, until: 1365 * day };
    const at = (days: number, keys?: string) =>
      judgeHost(inventory, { ...h2, certificate }, { ...fresh, time: String(days * day), ...(keys && { keys }) });

    it("belongs to the host's key, or to the one that waits for it", () => {
      expect(at(1100, "aa")).toEqual([]);
      expect(at(1100, "bb aa")).toEqual([]);
      expect(at(1100, "bb")).toMatchObject([
        { check: "certificate", found: "the host has another key than pki/hosts/h2.pem" },
      ]);
      expect(at(1100)).toMatchObject([
        { found: "the host has no key of its own for pki/hosts/h2.pem", fix: expect.stringContaining("scripts/pki") },
      ]);
    });

    it("is valid by the host's clock, which may be wrong", () => {
      expect(at(999, "aa")).toMatchObject([
        {
          found:
            "pki/hosts/h2.pem is valid from 1972-09-27 00:00 UTC on, and by the host's clock it is 1972-09-26 00:00 UTC",
          fix: expect.stringContaining("timedatectl"),
        },
      ]);
      expect(at(1366, "aa")).toMatchObject([
        {
          found: expect.stringContaining("has ended on 1973-09-27 00:00 UTC"),
          fix: expect.stringContaining("scripts/pki"),
        },
      ]);
      expect(at(1340, "aa")).toMatchObject([{ found: "pki/hosts/h2.pem ends in 25 days", warning: true }]);
    });

    it("of this machine is there, is of its key, and is valid", () => {
      const ours = authorityFor("ours");
      const folder = temporaryFolder();
      certify(folder, ours, []);
      const operator = join(folder, ".pki/operator");
      const found = (now?: number) => judgeOperator({ ...inventory, operator }, now).map((one) => one.found);
      expect(judgeOperator(inventory)).toEqual([]);
      expect(found()).toEqual([]);
      expect(found(Date.now() / 1000 + 366 * day)).toEqual([
        expect.stringMatching(/cert\.pem of this machine has ended/),
      ]);
      writeFileSync(join(operator, "key.pem"), newKey());
      expect(found()).toEqual([expect.stringMatching(/is of another key than key\.pem beside it$/)]);
      writeFileSync(join(operator, "cert.pem"), authorityFor("ours").sign("operator"));
      expect(found()).toEqual([expect.stringMatching(/a certificate that pki\/ca\.pem has not signed$/)]);
      rmSync(operator, { recursive: true });
      expect(found()).toEqual([expect.stringMatching(/cannot be used: there is none$/)]);
    });
  });

  it("engine: refuses one that is not run by docker.service", () => {
    const found = judgeAllHosts(
      inventory,
      new Map([["h2", { ...fresh, engine: "other", "engine-other": "/snap/bin/docker" }]]),
    );
    expect(found.filter(({ check }) => check === "engine")).toMatchObject([
      { check: "engine", found: "a Docker Engine without docker.service (/snap/bin/docker)" },
    ]);
  });

  it("cluster: takes its own members, and no host of another cluster", () => {
    const own = { cluster: inventory.name, "consul-datacenter": "aha", "consul-data-dir": "/var/consul" };
    expect(judged(own)).toEqual([]);
    expect(judged({ ...own, cluster: "other", "consul-datacenter": "dc1" })).toMatchObject([
      { check: "cluster", found: "the host belongs to the cluster other" },
    ]);
  });

  it("cluster: refuses what cannot change on a member", () => {
    expect(judged({ "consul-datacenter": "dc1", "consul-data-dir": "/srv/consul" })).toMatchObject([
      { check: "cluster", found: "consul.datacenter is dc1 on the host, and aha in the cluster file" },
      { check: "cluster", found: "consul.dataDir is /srv/consul on the host, and /var/consul in the cluster file" },
    ]);
    expect(judged({ "weave-peer": "02:00:c6:12:00:63" })).toMatchObject([
      { check: "cluster", found: "the host joined the cluster as 198.18.0.99, and is 198.18.0.12 in the cluster file" },
    ]);
    // Its own, and that of a member: a copied disk is another check's.
    for (const peer of ["02:00:c6:12:00:0c", "02:00:c6:12:00:0b"]) {
      expect(judged({ "weave-peer": peer })).toEqual([]);
    }
  });

  it("kernel: names what is missing, and the way round a missing openvswitch", () => {
    expect(judged({ "kernel-br-netfilter": "no", "kernel-match-comment": "unloadable" })).toMatchObject([
      {
        host: "h2",
        check: "kernel",
        found: "kernel 6.1.0-28-amd64 has no br_netfilter, xt_comment",
        fix: expect.stringContaining("reboot"),
      },
    ]);
    expect(judged({ "kernel-openvswitch": "no" })).toMatchObject([
      { found: "kernel 6.1.0-28-amd64 has no openvswitch", fix: expect.stringContaining("weave.fastDatapath: false") },
    ]);
    expect(judged({ "kernel-openvswitch": "no", "kernel-dummy": "no" }, weave({ fastDatapath: false }))).toEqual([]);
    expect(judged({ "kernel-openvswitch": "unknown", "kernel-bridge": "unknown" })).toEqual([]);
  });

  it("weave proxy: one that is dead stops every plan, but not the deploy that has come past it", () => {
    const dead = { ...fresh, "weave-proxy": "silent" };
    const found = {
      check: "weave proxy",
      found: "Weave's proxy does not answer on 198.18.0.12:12375, though weave.service is enabled",
      fix: "scripts/recover, then deploy",
    };
    const [finding] = judgeHost(inventory, h2, dead);
    expect(finding).toMatchObject(found);
    expect(finding).not.toHaveProperty("warning");
    expect(judgeHost(inventory, h2, dead, "alice@laptop:/home/alice")).toMatchObject([{ ...found, warning: true }]);
    expect(judged({ "weave-proxy": "answers" })).toEqual([]);
  });

  it("iptables: wants the kernel's half of the command that the host has", () => {
    expect(judged({ "kernel-nft-compat": "no" })).toMatchObject([{ check: "kernel" }]);
    const { iptables: _, ...bare } = fresh;
    expect(judgeHost(inventory, h2, { ...bare, "kernel-nft-compat": "no" })).toEqual([]);
    expect(judgeHost(inventory, h2, { ...bare, "kernel-nft-compat": "no", "kernel-ip-tables": "no" })).toHaveLength(1);
  });

  it("iptables: refuses legacy rules beside a Weave Net that writes nf_tables", () => {
    expect(judged({ iptables: "legacy" })).toMatchObject([
      { check: "iptables", fix: expect.stringContaining("update-alternatives --set iptables /usr/sbin/iptables-nft") },
    ]);
    expect(judged({ iptables: "legacy" }, weave({ images: "weaveworks", version: "2.8.1" }))).toEqual([]);
  });

  it("iptables: warns of nf_tables beside a Weave Net that writes legacy rules", () => {
    for (const old of [
      { images: "weaveworks", version: "2.8.1" },
      { images: "rajchaudhuri", version: "2.8.3" },
      { images: "registry.example/team", version: "3.0.0", iptables: "legacy" as const },
    ]) {
      expect(judged({}, weave(old))).toMatchObject([
        { check: "iptables", fix: expect.stringContaining("weave.images: rajchaudhuri"), warning: true },
      ]);
    }
    const own = weave({ images: "registry.example/team", version: "3.0.0" });
    expect(judged({}, own)).toEqual([]);
    expect(judged({ iptables: "legacy" }, own)).toEqual([]);
    expect(judged({}, weave({ images: "weaveworks", version: "2.6.5", iptables: "nft" }))).toEqual([]);
    // Not known before the engine brings it.
    const { iptables: _, ...bare } = fresh;
    expect(judgeHost(weave({ images: "weaveworks", version: "2.8.1" }), h2, bare)).toEqual([]);
  });

  it("disk: adds up what goes to one file system", () => {
    const small = Object.fromEntries(
      Object.keys(fresh)
        .filter((name) => name.startsWith("disk-"))
        .map((name) => [name, "/ 1500 100000 rw"]),
    );
    expect(judged(small)).toMatchObject([
      {
        check: "disk",
        found: "/ has 1500 MiB left",
        needed: "2450 MiB there, for /var/consul, Docker's images, downloads, programs, packages, /etc",
      },
    ]);
    const installed = { "installed-consul": "yes", "images-missing": "0", engine: "20.10.24" };
    expect(judged({ ...small, ...installed })).toEqual([]);
    expect(judged({ ...installed, "disk-docker": "/var/lib/docker 20 - rw" })).toMatchObject([
      { found: "/var/lib/docker has 20 MiB left", needed: "50 MiB there, for Docker's images" },
    ]);
  });

  it("disk: sees a lack of inodes, and a file system that is read-only", () => {
    expect(judged({ "disk-docker": "/var/lib/docker 20000 7 rw" })).toMatchObject([
      { found: "/var/lib/docker has 7 inodes left" },
    ]);
    expect(judged({ "disk-docker": "/var/lib/docker 20000 90000 ro" })).toMatchObject([
      { found: "/var/lib/docker is mounted read-only" },
    ]);
  });

  it("memory: wants 1 GiB, and some of it free", () => {
    expect(judged({ "memory-total": "480" })).toMatchObject([{ check: "memory", found: "480 MiB of memory" }]);
    expect(judged({ "memory-available": "200" })).toMatchObject([{ found: "200 of 2000 MiB of memory are available" }]);
    expect(judged({ "memory-available": "200", "weave-peer": "02:00:c6:12:00:0c" })).toEqual([]);
  });

  it("range: must not overlap with a route or hide a name server", () => {
    expect(judged({ routes: "10.40.0.0/16@eth1 198.18.0.0/24@eth0" })).toMatchObject([
      { check: "range", found: "a route to 10.40.0.0/16 by eth1, within weave.range 10.32.0.0/12" },
    ]);
    expect(judged({ nameservers: "10.33.0.2" })).toMatchObject([{ found: expect.stringContaining("10.33.0.2") }]);
    const own = { routes: "10.32.0.0/12@weave", "weave-peer": "02:00:c6:12:00:0c" };
    expect(judged(own)).toEqual([]);
    expect(judged({ routes: own.routes })).toHaveLength(1);
  });

  it("dns: artifacts that come from names need names that resolve", () => {
    expect(judged({ unresolved: "releases.example github.example" })).toMatchObject([
      { check: "dns", found: "cannot resolve releases.example, github.example; its name servers are 198.18.0.1" },
    ]);
    const fetched = { unresolved: "releases.example", "installed-consul": "yes", "images-missing": "0" };
    expect(judged(fetched)).toMatchObject([{ check: "dns", warning: true }]);
  });
});

const ports = portsBetween(h1, h2);
/** All connections of the three hosts, those that match failing. */
function links(
  fails: (link: Omit<Connection, "outcome">) => boolean,
  outcome = "no answer",
  hosts = inventory.hosts,
): Connection[] {
  return hosts.flatMap((from) =>
    hosts
      .filter((to) => to !== from)
      .flatMap((to) =>
        ports.map((port) => {
          const link = { from: from.name, to: to.name, port };
          return { ...link, outcome: fails(link) ? outcome : "ok" };
        }),
      ),
  );
}
const none: NetworkProbe = {
  connections: [],
  packetSizes: [],
  clocks: new Map(),
  silent: new Map(),
  unreached: new Map(),
};
const judgeSeen = (seen: Partial<NetworkProbe>, where = inventory, facts: ReadonlyMap<string, Facts> = new Map()) =>
  judgeNetwork(where, facts, { ...none, ...seen });

describe("the ports between hosts", () => {
  it("are those that other hosts need", () => {
    expect(ports).toEqual(
      "8300/tcp 8301/tcp 8301/udp 8302/tcp 8302/udp 8500/tcp 6783/tcp 6783/udp 6784/udp 12375/tcp 4000/tcp".split(" "),
    );
    const agent: InventoryHost = { ...h1, consul: "client", manager: false };
    expect(portsBetween(agent, h2)).toEqual(
      "8300/tcp 8301/tcp 8301/udp 8500/tcp 6783/tcp 6783/udp 6784/udp".split(" "),
    );
    expect(portsBetween(h1, { ...h2, agent: false })).not.toContain("12375/tcp");
    const local = h2.ports.map((port) => port.replace(/^(8500|8600)\/(tcp|udp)\/any$/, "$1/$2/consul-local"));
    expect(portsBetween(h1, { ...h2, ports: local })).toEqual(ports.filter((port) => port !== "8500/tcp"));
  });

  it("are no finding when they are open", () => expect(judgeSeen({ connections: links(() => false) })).toEqual([]));

  it("count against the host that no other reaches", () => {
    const blocked = links(({ to, port }) => to === "h2" && port === "6783/udp");
    expect(judgeSeen({ connections: blocked })).toEqual([
      {
        host: "h2",
        check: "links",
        found: "6783/udp not reached from any other host (no answer)",
        needed: "this port open for the other hosts of the cluster",
        fix: "iptables -I INPUT -s 198.18.0.11,198.18.0.13 -p udp --dport 6783 -j ACCEPT",
      },
    ]);
  });

  it("count against the host that reaches no other", () => {
    expect(judgeSeen({ connections: links(({ from }) => from === "h3") })).toMatchObject([
      { host: "h3", found: expect.stringMatching(/^does not reach 4000\/tcp, .* of any other host/) },
    ]);
  });

  it("make one finding of ports with the same fault, and of a pair", () => {
    expect(
      judgeSeen({ connections: links(({ from, to, port }) => from === "h1" && to === "h2" && /^830/.test(port)) }),
    ).toMatchObject([
      {
        host: "h2",
        found: "8300/tcp, 8301/tcp, 8301/udp, 8302/tcp, 8302/udp not reached from h1 (198.18.0.11) (no answer)",
      },
    ]);
  });

  it("blame both of two shut hosts, and not the third", () => {
    const found = judgeSeen({ connections: links(({ to }) => to !== "h1", "connection refused") });
    expect(found.map(({ host }) => host)).toEqual(["h2", "h3"]);
  });

  it("with two hosts, count against the one that is not reached", () => {
    const two = { ...inventory, hosts: [h1, h2] };
    const found = judgeSeen({ connections: links(({ to }) => to === "h2", "no answer", two.hosts) }, two);
    expect(found).toMatchObject([{ host: "h2", found: expect.stringContaining("not reached from h1 (198.18.0.11)") }]);
  });

  it("see an address that another machine has too", () => {
    expect(judgeSeen({ connections: links(({ to }) => to === "h2", "answered by h3") })).toMatchObject([
      { host: "h2", fix: "find the other machine that has the address 198.18.0.12" },
    ]);
  });

  it("are not judged where somebody else has taken them", () => {
    const facts = new Map([["h2", { ...fresh, "taken-ports": "4000/tcp 8500/tcp" }]]);
    const refused = links(({ to, port }) => to === "h2" && port === "4000/tcp", "connection refused");
    expect(judgeSeen({ connections: refused }, inventory, facts)).toEqual([]);
    expect(judgeSeen({ connections: refused })).toHaveLength(1);
  });

  it("are opened by the firewall that the host has", () => {
    const facts = new Map([["h2", { ...fresh, firewall: "ufw" }]]);
    const found = judgeSeen(
      { connections: links(({ to, port }) => to === "h2" && /^678/.test(port)) },
      inventory,
      facts,
    );
    expect(found[0]?.fix).toBe(
      [
        "ufw allow from 198.18.0.11 to any port 6783 proto tcp",
        "ufw allow from 198.18.0.13 to any port 6783 proto tcp",
        "ufw allow from 198.18.0.11 to any port 6783,6784 proto udp",
        "ufw allow from 198.18.0.13 to any port 6783,6784 proto udp",
      ].join(" && "),
    );
    expect(openingCommand({ firewall: "firewalld" }, ["6783/udp"], ["10.0.0.0/24"])).toMatch(
      /^firewall-cmd --permanent .* && firewall-cmd --reload$/,
    );
    expect(openingCommand({ firewall: "firewalld", "firewall-chain": "internal" }, ["6783/udp"], ["10.0.0.2"])).toBe(
      "firewall-cmd --permanent --zone=internal --add-rich-rule='rule family=ipv4 source address=10.0.0.2 port port=6783 protocol=udp accept' && firewall-cmd --reload",
    );
    expect(openingCommand({ firewall: "nft" }, ["6783/udp", "6784/udp"], ["10.0.0.0/24"])).toContain(
      "udp dport '{ 6783, 6784 }' accept",
    );
  });

  it("are opened to the cluster's hosts, not to all that lies between their addresses", () => {
    const far = [h1, { ...h2, address: "10.1.2.3" }, { ...h3, address: "10.200.0.4" }];
    const where = { ...inventory, hosts: far };
    const blocked = links(({ to, port }) => to === "h1" && port === "6783/udp", "no answer", far);
    expect(judgeSeen({ connections: blocked }, where)[0]?.fix).toBe(
      "iptables -I INPUT -s 10.1.2.3,10.200.0.4 -p udp --dport 6783 -j ACCEPT",
    );
    const two = ["10.1.2.3", "10.200.0.4"];
    expect(openingCommand({ firewall: "ufw" }, ["6783/udp"], two)).toBe(
      "ufw allow from 10.1.2.3 to any port 6783 proto udp && ufw allow from 10.200.0.4 to any port 6783 proto udp",
    );
    expect(openingCommand({ firewall: "nft" }, ["6783/udp"], two)).toContain("ip saddr '{ 10.1.2.3, 10.200.0.4 }' udp");
    expect(openingCommand({ firewall: "firewalld" }, ["6783/udp"], two).match(/--add-rich-rule/g)).toHaveLength(2);
  });

  it("say that a firewall denies by default, and open the chain of nft that does", () => {
    const denying = { ...fresh, firewall: "nft", "firewall-denies": "yes", "firewall-chain": "ip mine in" };
    const blocked = links(({ to, port }) => to === "h2" && port === "6783/udp");
    expect(judgeSeen({ connections: blocked }, inventory, new Map([["h2", denying]]))).toMatchObject([
      {
        found: "6783/udp not reached from any other host (no answer; nft lets in nothing but what it is told to)",
        fix: "nft insert rule ip mine in ip saddr '{ 198.18.0.11, 198.18.0.13 }' udp dport '{ 6783 }' accept",
      },
    ]);
  });

  it("of a host are reached from itself too", () => {
    const own = { from: "h2", to: "h2", port: "8500/tcp", outcome: "no answer" };
    const connections = [...links(() => false), own, { ...own, port: "12375/tcp" }];
    const fix = (firewall: string) => judgeSeen({ connections }, inventory, new Map([["h2", { ...fresh, firewall }]]));
    expect(fix("iptables")).toMatchObject([
      {
        host: "h2",
        check: "links",
        found: "does not reach 8500/tcp, 12375/tcp of itself (no answer)",
        fix: "iptables -I INPUT -i lo -j ACCEPT",
      },
    ]);
    expect(fix("ufw")).toMatchObject([{ fix: "ufw allow in on lo" }]);
  });

  it("that the machine needs which deploys are opened to it and the other operators", () => {
    const unreached = new Map([["h2", "no answer"]]);
    const operators = { settings: { ...inventory.settings, firewall: { managed: false, operators: ["10.0.9.0/24"] } } };
    const see = (own: Facts, more: Partial<Inventory> = {}, way: Way = {}) =>
      judgeNetwork({ ...inventory, ...more }, new Map([["h2", own]]), { ...none, unreached }, way);
    const client = { ...fresh, firewall: "iptables", client: "10.0.7.7" };
    expect(see(client, operators, { deployer: "alice" })).toEqual([
      {
        host: "h2",
        check: "links",
        found: "12375/tcp not reached from this machine, which is 10.0.7.7 there (no answer)",
        needed: "this port open for the machine that deploys: Terraform makes Swarm's containers through it",
        fix: "iptables -I INPUT -s 10.0.7.7,10.0.9.0/24 -p tcp -m multiport --dports 4000,8500,12375 -j ACCEPT",
      },
    ]);
    // Whoever only looks may not be the one who deploys.
    expect(see(client)).toMatchObject([{ fix: expect.stringContaining("-s 10.0.7.7 "), warning: true }]);
    const bastion = { address: "jump.example", user: "root", port: 22, hostKeys: [] };
    expect(see(client, { bastion })).toMatchObject([{ fix: expect.stringContaining("scripts/tunnel --") }]);
    expect(see(client, { bastion }, { tunnel: true })).toMatchObject([
      {
        found: "12375/tcp not reached from the jump host, which is 10.0.7.7 there (no answer)",
        fix: expect.stringContaining("-s 10.0.7.7 "),
      },
    ]);
    expect(see(fresh)).toMatchObject([{ fix: expect.stringContaining("ADDRESS-OF-THIS-MACHINE") }]);
    expect(see({ ...client, "firewall-lets-in": "198.18.0.11 10.0.9.0/24" })).toMatchObject([
      { fix: expect.stringContaining("systemctl stop multicast-swarm-firewall.service") },
    ]);
  });

  it("that the project's own allow-list keeps a new member from are the deploy's to open", () => {
    const facts = new Map([["h2", { ...fresh, "firewall-lets-in": "198.18.0.11 198.18.0.12" }]]);
    const blocked = links(({ from, to }) => from === "h3" && to === "h2");
    expect(judgeSeen({ connections: blocked }, inventory, facts)).toEqual([]);
    expect(judgeSeen({ connections: blocked })).toHaveLength(1);
  });

  it("that iptables or ufw deny are the deploy's to open where the firewall is managed", () => {
    const settings = { ...inventory.settings, firewall: { managed: true, operators: [] } };
    const found = (firewall: string, more: Facts = { "firewall-denies": "yes" }) =>
      judgeNetwork({ ...inventory, settings }, new Map([["h2", { ...fresh, firewall, ...more }]]), {
        ...none,
        connections: links(({ to }) => to === "h2"),
        unreached: new Map([["h2", "no answer"]]),
      });
    expect(found("iptables")).toEqual([]);
    expect(found("ufw")).toEqual([]);
    expect(found("firewalld")).toHaveLength(2);
    // What does not come from a policy, or has been opened before, has another cause.
    expect(found("iptables", {})).toHaveLength(2);
    const before = { "firewall-denies": "yes", "firewall-lets-in": "198.18.0.11 198.18.0.12 198.18.0.13" };
    expect(found("ufw", before)).toHaveLength(2);
  });

  it("are tried by all pairs up to twenty hosts, then by neighbours in a ring, group by group", () => {
    const few = Array.from({ length: 20 }, (_, i) => i);
    expect(targetsOf(few, 7)).toHaveLength(19);
    const many = Array.from({ length: 150 }, (_, i) => i);
    const split = groups(many);
    expect(split.map(({ length }) => length)).toEqual([50, 50, 50]);
    expect(targetsOf(split[0] as number[], 147)).toEqual([0, 3, 6]);
    const tried = split.flatMap((group) => group.flatMap((from) => targetsOf(group, from)));
    expect(new Set(tried).size).toBe(150);
    expect(tried).toHaveLength(450);
    expect(targetsOf([1], 1)).toEqual([]);
  });
});

describe("an allow-list that is to come off", () => {
  const list = (letsIn: string) => ({ ...fresh, "firewall-lets-in": letsIn });
  const [, h2] = inventory.hosts;
  it("does so at the deploy's end, and shuts out a new member until then", () => {
    expect(judgeFirewall(inventory, h2 as InventoryHost, list("198.18.0.11 198.18.0.12"))).toMatchObject([
      { check: "firewall", found: expect.stringMatching(/keeps out h3$/), fix: expect.stringContaining("in the next") },
    ]);
    expect(judgeFirewall(inventory, h2 as InventoryHost, list("198.18.0.11 198.18.0.12 198.18.0.13"))).toEqual([]);
    expect(judgeFirewall(inventory, h2 as InventoryHost, fresh)).toEqual([]);
  });
});

describe("packet size", () => {
  const paths = (of: (from: string, to: string) => readonly [number, number]) =>
    links(() => false)
      .filter(({ port }) => port === "6783/udp")
      .map(({ from, to }) => ({ from, to, sent: of(from, to)[0], answered: of(from, to)[1] }));

  it("that the hosts' own interfaces have is right, and silence says nothing", () => {
    expect(judgeSeen({ packetSizes: paths(() => [1500, 1500]) })).toEqual([]);
    expect(judgeSeen({ packetSizes: paths(() => [1500, 0]) })).toEqual([]);
  });

  it("that gets lost counts against the host at the narrow end", () => {
    const narrow = paths((from, to) => (from === "h3" || to === "h3" ? [1500, 1400] : [1500, 1500]));
    expect(judgeSeen({ packetSizes: narrow })).toMatchObject([
      {
        host: "h3",
        check: "mtu",
        found: expect.stringMatching(/^packets of 1500 bytes get lost .*; those of 1400 arrive$/),
      },
    ]);
    const jumbo = paths((from) => (from === "h1" ? [9000, 1500] : [1500, 1500]));
    expect(judgeSeen({ packetSizes: jumbo })).toMatchObject([
      { host: "h1", found: expect.stringContaining("9000 bytes get lost between this host and h2") },
    ]);
  });

  it("has to carry Weave Net's packets", () => {
    const tunnel = paths(() => [1400, 1400]);
    expect(judgeSeen({ packetSizes: tunnel })[0]).toMatchObject({ fix: "set weave.mtu: 1316 in the cluster file" });
    expect(judgeSeen({ packetSizes: tunnel }, weave({ mtu: 1300 }))).toEqual([]);
    expect(judgeSeen({ packetSizes: tunnel }, weave({ fastDatapath: false }))).toEqual([]);
  });
});

describe("pulls from Docker Hub", () => {
  const hub = { ...inventory, sources: ["registry-1.docker.io"] };
  const pulls = (count: number, own: Facts, where: Inventory = hub) => {
    const hosts = Array.from({ length: count }, (_, i) => host(i + 1));
    const facts = new Map(hosts.map(({ name }) => [name, { ...fresh, ...own }]));
    return judgeAllHosts({ ...where, hosts }, facts).filter(({ check }) => check === "pulls");
  };

  it("are a warning when all hosts together pull more than it gives to one address", () => {
    expect(pulls(20, {})).toEqual([]);
    expect(pulls(21, {})).toMatchObject([
      { host: "h1", found: "21 hosts pull 105 images from Docker Hub", warning: true },
    ]);
  });

  it("are none where the images are there, or come from elsewhere", () => {
    expect(pulls(30, { engine: "24.0", "images-missing": "0" })).toEqual([]);
    expect(pulls(30, {}, { ...hub, sources: ["mirror.example"] })).toEqual([]);
  });
});

describe("clocks", () => {
  const clocks = (ahead: readonly number[], uncertain = 0.05) =>
    new Map(ahead.map((seconds, i) => [`h${i + 1}`, { ahead: seconds, uncertain }]));

  it("are compared with each other and not with the operator's", () => {
    expect(judgeSeen({ clocks: clocks([300, 300.5, 301]) })).toEqual([]);
  });

  it("off by a minute are a problem, of that host alone", () => {
    expect(judgeSeen({ clocks: clocks([0.1, -60, 0.2]) })).toEqual([
      expect.objectContaining({ host: "h2", check: "clock", found: "the clock is 60.1 s behind most hosts" }),
    ]);
    expect(judgeSeen({ clocks: clocks([0.1, -60, 0.2]) })[0]).not.toHaveProperty("warning");
  });

  it("off by some seconds are a warning, unless asking took as long", () => {
    expect(judgeSeen({ clocks: clocks([0, 0, 3]) })).toMatchObject([{ host: "h3", warning: true }]);
    expect(judgeSeen({ clocks: clocks([0, 0, 3], 1.5) })).toEqual([]);
  });

  it("of two hosts: the operator's clock decides", () => {
    expect(judgeSeen({ clocks: clocks([60, 0.1]) })).toMatchObject([{ host: "h1" }]);
    expect(median([60, 0.1])).toBe(0.1);
    expect(median([5, 1, 3])).toBe(3);
  });
});

it("a fault is explained once", () => {
  const tried = (failed: (from: string, to: string) => boolean) =>
    ["a", "b", "c", "d"].flatMap((from) =>
      ["a", "b", "c", "d"].filter((to) => to !== from).map((to) => ({ from, to, failed: failed(from, to) })),
    );
  const told = (failed: (from: string, to: string) => boolean) =>
    faults(tried(failed)).map(({ host, kind, failures }) => `${host} ${kind} ${failures.length}`);
  expect(told(() => false)).toEqual([]);
  expect(told((from, to) => from === "b" || to === "b")).toEqual(["b not reached 3", "b does not reach 3"]);
  expect(told((from, to) => from === "a" && to === "b")).toEqual(["b not reached 1"]);
  expect(told(() => true)).toHaveLength(4);
});
