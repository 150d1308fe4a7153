/** Names that the deploy, the commands and the scripts on hosts agree on. Host scripts read them from `names.sh`. */
import { proxyApis } from "./engines.js";
import { guardedPorts, ports } from "./ports.js";

/** What the project knows about a host, on that host: the record of what it created, notes, downloads. */
export const stateFolder = "/var/lib/multicast-swarm";

/** Which deploy has a host at present: who it is, since when, and from where. Gone with a reboot. */
export const holdFile = "/run/multicast-swarm.deploy";

/** The host's own key, its certificate, and what it trusts, as programs of Docker's name them. For root alone. */
export const hostPki = "/etc/multicast-swarm";

/** Copies of these that Consul's own user can read. */
export const consulPki = "/etc/consul.d/tls";

/** Where steps put what they upload, below the login user's home; only that user can look inside. */
export const uploadsFolder = ".multicast-swarm";

/** The folder in there for secrets. The end of a deploy empties it, in case a step was killed. */
export const secretUploads = "secrets";

/** Terraform's lock file of its providers: beside the cluster file, and in the stack's folder, where Terraform reads it. */
export const providerLockName = ".terraform.lock.hcl";

/** Swarm's containers, and Weave's. */
export const containers = { manager: "swarm-manager", agent: "swarm-agent", weave: "weave" } as const;

/** Where an engine is told to answer older clients, below the units' folder. */
export const engineDropIn = "docker.service.d/multicast-swarm.conf";

/** The allow-list of `firewall.managed`: its nftables table, its chain of iptables, and the unit that loads both at boot. */
export const firewall = {
  table: "multicast_swarm",
  chain: "MULTICAST-SWARM",
  unit: "multicast-swarm-firewall.service",
} as const;

/** On Swarm's containers; its value is the cluster's name. */
export const clusterLabel = "multicast-swarm";

/** On containers that `scripts/verify` starts; its value is the run. */
export const verifyLabel = "multicast-swarm.verify";

/** Verify's multicast test: the group and port that Hazelcast, and so Vert.x, uses by default. */
export const multicast = {
  group: "224.2.2.3",
  port: 54327,
  /** Datagrams that each host sends; in tens, as the script does. */
  datagrams: 300,
  /** A larger share lost is a fault. A busy host may drop a few of a burst. */
  toleratedLoss: 0.05,
} as const;

/** Where verify's containers answer TCP, and tell the size of a datagram. */
export const verifyPorts = { tcp: 54328, mtu: 54329 } as const;

/** `scripts/host/steps/names.sh`: the same for shell scripts. */
export function namesScript(): string {
  const values: Record<string, string | number> = {
    state: stateFolder,
    hold: holdFile,
    pki: hostPki,
    consul_pki: consulPki,
    uploads: uploadsFolder,
    manager_container: containers.manager,
    agent_container: containers.agent,
    weave_container: containers.weave,
    cluster_label: clusterLabel,
    verify_label: verifyLabel,
    multicast_group: multicast.group,
    multicast_port: multicast.port,
    verify_tcp_port: verifyPorts.tcp,
    verify_mtu_port: verifyPorts.mtu,
    api_streams: proxyApis.streams,
    api_logs: proxyApis.logs,
    engine_drop_in: engineDropIn,
    firewall_table: firewall.table,
    firewall_chain: firewall.chain,
    firewall_unit: firewall.unit,
    ...Object.fromEntries(Object.entries(ports).map(([name, { number }]) => [`port_${snake(name)}`, number])),
    guarded_tcp: guardedPorts("tcp").join(","),
    guarded_udp: guardedPorts("udp").join(","),
  };
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}`);
  return `# Names and ports that scripts on hosts share with the rest of the project.
# Written by \`npm run reference\` from cluster/names.ts, cluster/ports.ts and cluster/engines.ts. Change them there.
# shellcheck shell=sh disable=SC2034

${lines.join("\n")}
`;
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
