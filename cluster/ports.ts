/**
 * Every port that the cluster opens on a host, in one table. Preflight's probes, the container and provider
 * configuration, the messages, `docs/ports.md` and the constants that host scripts read all come from it.
 */
import type { Cluster, Host } from "./model.js";
import { compareVersions } from "./versions.js";

/**
 * Who listens. `weave-dns` binds to the bridge of the containers, `consul-local` to loopback; the others bind to the host's
 * address or to all.
 */
export type Service = "consul" | "consul-local" | "weave" | "weave-dns" | "swarm";

/** What a host does in the cluster. */
export type Roles = Pick<Host, "consul" | "manager" | "agent">;

export interface Port {
  readonly number: number;
  readonly protocols: readonly ("tcp" | "udp")[];
  readonly service: Service;
  /** What it is for, as documents and messages call it. */
  readonly label: string;
  /** Is it open on a host with these roles and settings? */
  openOn(host: Roles, settings: Cluster["settings"]): boolean;
  /** Does it listen on loopback alone, as `consul-local`, where no other host reaches it? */
  onLoopback?(settings: SecuritySettings): boolean;
  /** Must one host reach it on another? */
  reachedBy(from: Roles, to: Roles): boolean;
  /** Does a host use its own, by its address on the LAN? */
  readonly ofItself?: true;
  /** The two above, in words, for `docs/ports.md`. */
  readonly where: string;
  readonly from: string;
}

/** Of the settings, what decides who is served. */
type SecuritySettings = Pick<Cluster["settings"], "security">;

/** Whoever reaches Consul's HTTP API is served: where the LAN is not trusted, only the host itself reaches it. */
const consulIsLocal = ({ security }: SecuritySettings) => security.consulTls || security.consulAcl;

/** The addresses on which a host's agent serves HTTP and DNS. The last one is what the host's own containers use. */
export const consulClientAddresses = ({ address }: Pick<Host, "address">, settings: SecuritySettings): string[] =>
  consulIsLocal(settings) ? ["127.0.0.1"] : ["127.0.0.1", address];

const always = () => true;
const never = () => false;
const server = ({ consul }: Roles) => consul === "server";
const tcp = ["tcp"] as const;
const udp = ["udp"] as const;
const both = ["tcp", "udp"] as const;

/** Consul's and Swarm's numbers are the guide's ("Consul", "Create docker swarm"); 6783 and 6784 are Weave Net's own. */
export const ports = {
  consulServer: {
    number: 8300,
    protocols: tcp,
    service: "consul",
    label: "Consul RPC",
    openOn: server,
    reachedBy: always,
    where: "Consul servers",
    from: "every host",
  },
  consulSerfWan: {
    number: 8302,
    protocols: both,
    service: "consul",
    label: "Consul gossip between datacenters",
    openOn: server,
    reachedBy: server,
    where: "Consul servers",
    from: "Consul servers",
  },
  consulSerfLan: {
    number: 8301,
    protocols: both,
    service: "consul",
    label: "Consul gossip",
    openOn: always,
    reachedBy: always,
    where: "every host",
    from: "every host",
  },
  consulHttp: {
    number: 8500,
    protocols: tcp,
    service: "consul",
    label: "Consul HTTP API and UI",
    openOn: always,
    onLoopback: consulIsLocal,
    reachedBy: always,
    ofItself: true,
    where: "every host (with `security.consulTls` or `consulAcl` on loopback)",
    from: "every host (with `security.consulTls` or `consulAcl` nobody)",
  },
  consulDns: {
    number: 8600,
    protocols: both,
    service: "consul",
    label: "Consul DNS",
    openOn: always,
    onLoopback: consulIsLocal,
    reachedBy: never,
    where: "every host (with `security.consulTls` or `consulAcl` on loopback)",
    from: "nobody",
  },
  consulGrpcTls: {
    number: 8503,
    protocols: tcp,
    service: "consul",
    label: "Consul gRPC",
    openOn: (host, { consul }) => server(host) && compareVersions(consul.version, "1.14") >= 0,
    reachedBy: never,
    onLoopback: consulIsLocal,
    where: "Consul servers (1.14 and newer; with `security.consulTls` or `consulAcl` on loopback)",
    from: "nobody",
  },
  weavePeers: {
    number: 6783,
    protocols: both,
    service: "weave",
    label: "Weave Net peers",
    openOn: always,
    reachedBy: always,
    where: "every host",
    from: "every host",
  },
  weaveFastDatapath: {
    number: 6784,
    protocols: udp,
    service: "weave",
    label: "Weave Net fast datapath",
    openOn: (_, { weave }) => weave.fastDatapath,
    reachedBy: always,
    where: "every host (with `weave.fastDatapath`)",
    from: "every host",
  },
  weaveProxy: {
    number: 12375,
    protocols: tcp,
    service: "weave",
    label: "Docker API through Weave's proxy",
    openOn: always,
    reachedBy: (from, to) => from.manager && to.agent,
    ofItself: true,
    where: "every host",
    from: "Swarm managers, and the machine that runs Terraform (with `ssh.bastion`, that one)",
  },
  weaveStatus: {
    number: 6782,
    protocols: tcp,
    service: "weave",
    label: "Weave Net metrics",
    openOn: always,
    reachedBy: never,
    where: "every host, on loopback",
    from: "nobody",
  },
  weaveApi: {
    number: 6784,
    protocols: tcp,
    service: "weave",
    label: "Weave Net control API",
    openOn: always,
    reachedBy: never,
    where: "every host, on loopback",
    from: "nobody",
  },
  weaveDns: {
    number: 53,
    protocols: both,
    service: "weave-dns",
    label: "Weave DNS",
    openOn: (_, { weave }) => weave.dns,
    reachedBy: never,
    where: "every host, on docker0 (with `weave.dns`)",
    from: "its own containers",
  },
  swarmManager: {
    number: 4000,
    protocols: tcp,
    service: "swarm",
    label: "Docker API of the Swarm",
    openOn: ({ manager }) => manager,
    reachedBy: ({ manager }) => manager,
    ofItself: true,
    where: "Swarm managers",
    from: "Swarm managers, and whoever uses the cluster",
  },
} as const satisfies Record<string, Port>;

const all: readonly Port[] = Object.values(ports);

/** `8500/tcp`: how probes and messages name a port. */
const names = ({ number, protocols }: Port) => protocols.map((protocol) => `${number}/${protocol}`);

const local = `/${"consul-local" satisfies Service}`;

/** What is going to listen on a host, as `8500/tcp/consul`. */
export const openPortsOf = (host: Roles, settings: Cluster["settings"]): string[] =>
  all
    .filter((port) => port.openOn(host, settings))
    .flatMap((port) => {
      const service = port.onLoopback?.(settings) ? local : `/${port.service}`;
      return names(port).map((name) => name + service);
    });

/** Does Consul serve HTTP and DNS to the host itself alone? */
export const consulIsLocalOn = ({ ports }: { readonly ports: readonly string[] }): boolean =>
  ports.some((open) => open.endsWith(local));

/** Those of the open ports of `to` that `from`, another host or the same one, has to reach, as `8500/tcp`. */
export function portsBetween(from: Roles, to: Roles & { readonly ports: readonly string[] }): string[] {
  const reached = all.filter((port) => port.reachedBy(from, to) && (from !== to || port.ofItself));
  const needed = new Set(reached.flatMap(names));
  return to.ports
    .filter((open) => !open.endsWith(local))
    .map((open) => open.split("/").slice(0, 2).join("/"))
    .filter((name) => needed.has(name));
}

/** What `firewall.managed` closes to strangers: all but the name server of the containers, who are strangers to a host too. */
export const guardedPorts = (protocol: "tcp" | "udp"): number[] =>
  all
    .filter((port) => port.service !== "weave-dns" && port.protocols.includes(protocol))
    .map(({ number }) => number)
    .sort((a, b) => a - b);

/** The table of `docs/ports.md`. */
export function portsTable(): string {
  const rows = [...all]
    .sort((a, b) => a.number - b.number)
    .map(
      ({ number, protocols, label, where, from }) =>
        `| ${number} | ${protocols.join(", ")} | ${label} | ${where} | ${from} |`,
    );
  return ["| Port | Protocol | What | Open on | Must be reached by |", "| --- | --- | --- | --- | --- |", ...rows].join(
    "\n",
  );
}
