/**
 * What the checks need to know of a cluster, as plain JSON: the same whether they are run from the cluster file or,
 * during a deploy, from a file beside them. Nothing here or in what the preflight imports needs more than Node.
 */
import { isIPv4 } from "node:net";
import { type Artifact, type Cluster, type Host, type Login, neededImages, type Settings } from "./model.js";
import { type CertificateFacts, factsOf, privatePki } from "./pki.js";
import { openPortsOf } from "./ports.js";

export interface InventoryHost extends Host {
  /**
   * What is going to listen on the host, as `PORT/PROTOCOL/SERVICE`. The services are consul, weave, swarm, and weave-dns, which
   * binds to the bridge of the containers, and consul-local, which binds to loopback, while the others bind to the host's
   * address or to all.
   */
  readonly ports: readonly string[];
  /** With `security.dockerTls` or `security.consulTls`: what is known of the certificate that lies in git. */
  readonly certificate?: CertificateFacts;
}

export interface Inventory {
  readonly name: string;
  /** The hosts that are asked. */
  readonly hosts: readonly InventoryHost[];
  /** The members that are down: nobody asks them, misses them, or calls them strangers. */
  readonly absent: readonly Pick<Host, "name" | "address">[];
  /** The members that leave in this deploy, or have left in an earlier one, if any. */
  readonly leaving?: readonly Pick<Host, "name" | "address">[];
  readonly bastion?: Login;
  readonly settings: Readonly<ReturnType<typeof settingsOf>>;
  readonly artifacts: readonly Pick<Artifact, "name" | "platform" | "version">[];
  /** Artifacts that every host needs, but for the engine's packages. */
  readonly required: readonly string[];
  /** Names of the machines that artifacts come from. */
  readonly sources: readonly string[];
  /** Images that hosts pull from another registry than Docker Hub, if there are any. */
  readonly pulls?: readonly Pull[];
  /** With `security.dockerTls`: the folder of the operator's certificate. */
  readonly operator?: string;
}

export interface Pull {
  /** How the engine will know it. */
  readonly image: string;
  /** `REGISTRY/NAME@DIGEST` */
  readonly from: string;
}

/**
 * The inventory of a cluster.
 *
 * @param keyFile turns the path of a key file, as written in the cluster file, into one that is right in the directory
 *   where the checks are going to run.
 */
export function inventoryOf(cluster: Cluster, keyFile: (written: string) => string): Inventory {
  const certificate = ({ name }: Host) => cluster.certificates?.hosts.get(name);
  const located = (login: Login): Login =>
    login.keyFile === undefined ? login : { ...login, keyFile: keyFile(login.keyFile) };
  const pulls = cluster.artifacts.flatMap(pullOf);
  const leaving = cluster.removed.filter(({ lost }) => !lost).map(({ name, address }) => ({ name, address }));
  return {
    name: cluster.name,
    hosts: cluster.up.map((host) => ({
      ...host,
      login: located(host.login),
      ports: openPortsOf(host, cluster.settings),
      ...(certificate(host) && { certificate: factsOf(certificate(host) ?? "") }),
    })),
    absent: cluster.hosts.filter(({ down }) => down).map(({ name, address }) => ({ name, address })),
    ...(leaving.length > 0 ? { leaving } : {}),
    ...(cluster.bastion ? { bastion: located(cluster.bastion) } : {}),
    settings: settingsOf(cluster.settings),
    artifacts: cluster.artifacts.map(({ name, platform, version }) => ({ name, platform, version })),
    required: ["consul", "weave", ...neededImages(cluster.settings).map((image) => `image:${image}`)],
    sources: [...new Set(cluster.artifacts.flatMap(({ source }) => nameIn(source)))].sort(),
    ...(pulls.length > 0 ? { pulls } : {}),
    ...(cluster.settings.security.dockerTls && { operator: keyFile(privatePki.operator) }),
  };
}

/** An inventory as a file. Most hosts have the same ports, so each list of them is written once, and a host has its number. */
export function inventoryText({ hosts, ...inventory }: Inventory): string {
  const lists = [...new Set(hosts.map(({ ports }) => ports.join(" ")))];
  const numbered = hosts.map(({ ports, ...host }) => ({ ...host, ports: lists.indexOf(ports.join(" ")) }));
  return `${JSON.stringify({ ...inventory, ports: lists.map((list) => list.split(" ")), hosts: numbered })}\n`;
}

export function inventoryFromText(text: string): Inventory {
  type Numbered = Omit<InventoryHost, "ports"> & { readonly ports: number };
  type Written = Omit<Inventory, "hosts"> & {
    readonly ports: readonly string[][];
    readonly hosts: readonly Numbered[];
  };
  const { ports, hosts, ...inventory } = JSON.parse(text) as Written;
  return { ...inventory, hosts: hosts.map((host) => ({ ...host, ports: ports[host.ports] ?? [] })) };
}

function pullOf({ name, sha256, source }: Artifact): Pull[] {
  const [, image] = /^image:(.*)$/.exec(name) ?? [];
  const [, from] = /^docker:\/\/(?!docker\.io\/)(.*)$/.exec(source) ?? [];
  return image === undefined || from === undefined ? [] : [{ image, from: `${from}@sha256:${sha256}` }];
}

/** The settings that the commands read, and no others: whatever is in the inventory is an input of the deploy. */
function settingsOf({ ssh, consul, docker, weave, swarm, firewall, security, verify }: Settings) {
  const { consulTls, weaveEncryption } = security;
  const on: Partial<Pick<Settings["security"], "consulTls" | "weaveEncryption">> = {
    ...(consulTls && { consulTls }),
    ...(weaveEncryption && { weaveEncryption }),
  };
  return {
    ssh: pick(ssh, "hostKeyChecking", "timeoutSeconds"),
    consul: pick(consul, "datacenter", "dataDir"),
    docker,
    weave: pick(weave, "version", "images", "dockerApi", "iptables", "dns", "range", "fastDatapath", "mtu"),
    swarm: pick(swarm, "version", "replication"),
    ...(firewall.managed || firewall.operators.length > 0 ? { firewall } : {}),
    ...(consulTls || weaveEncryption ? { security: on } : {}),
    verify,
  };
}

const pick = <T extends object, K extends keyof T>(from: T, ...fields: readonly K[]) =>
  Object.fromEntries(fields.map((field) => [field, from[field]])) as Pick<T, K>;

/** The name of the machine in a source, when it has one and not only an address. */
function nameIn(source: string): string[] {
  const [, host] = /^(?:https?|docker):\/\/([^/:]+)/.exec(source) ?? [];
  if (host === undefined || isIPv4(host)) {
    return [];
  }
  return [host === "docker.io" ? "registry-1.docker.io" : host];
}
