/**
 * What the checks need to know of a cluster, as plain JSON: the same whether they are run from the cluster file or,
 * during a deploy, from a file beside them. Nothing here or in what the preflight imports needs more than Node.
 */
import { isIPv4 } from "node:net";
import { type Artifact, type Cluster, type Host, images, type Login } from "./model.js";
import { openPortsOf } from "./ports.js";

export interface InventoryHost extends Host {
  /**
   * What is going to listen on the host: `8500/tcp/consul`. The services are consul, weave, swarm, and weave-dns, which
   * binds to the bridge of the containers, while the others bind to the host's address or to all.
   */
  readonly ports: readonly string[];
}

export interface Inventory {
  readonly name: string;
  readonly hosts: readonly InventoryHost[];
  readonly bastion?: Login;
  readonly settings: {
    readonly ssh: Pick<Cluster["settings"]["ssh"], "hostKeyChecking" | "timeoutSeconds">;
    readonly consul: Pick<Cluster["settings"]["consul"], "dataDir">;
    readonly docker: Cluster["settings"]["docker"];
    readonly weave: Pick<Cluster["settings"]["weave"], "version" | "images" | "dns" | "range" | "fastDatapath" | "mtu">;
    readonly swarm: Pick<Cluster["settings"]["swarm"], "version" | "replication">;
    readonly verify: Cluster["settings"]["verify"];
  };
  readonly artifacts: readonly Pick<Artifact, "name" | "platform" | "version">[];
  /** Artifacts that every host needs, but for the engine's packages. */
  readonly required: readonly string[];
  /** Names of the machines that artifacts come from. */
  readonly sources: readonly string[];
}

/**
 * The inventory of a cluster.
 *
 * @param keyFile turns the path of a key file, as written in the cluster file, into one that is right in the directory
 *   where the checks are going to run.
 */
export function inventoryOf(cluster: Cluster, keyFile: (written: string) => string): Inventory {
  const { ssh, consul, docker, weave, swarm, verify } = cluster.settings;
  const located = (login: Login): Login =>
    login.keyFile === undefined ? login : { ...login, keyFile: keyFile(login.keyFile) };
  return {
    name: cluster.name,
    hosts: cluster.hosts.map((host) => ({
      ...host,
      login: located(host.login),
      ports: openPortsOf(host, cluster.settings),
    })),
    ...(cluster.bastion ? { bastion: located(cluster.bastion) } : {}),
    settings: {
      ssh: { hostKeyChecking: ssh.hostKeyChecking, timeoutSeconds: ssh.timeoutSeconds },
      consul: { dataDir: consul.dataDir },
      docker: { install: docker.install, package: docker.package },
      weave: {
        version: weave.version,
        images: weave.images,
        dns: weave.dns,
        range: weave.range,
        fastDatapath: weave.fastDatapath,
        mtu: weave.mtu,
      },
      swarm: { version: swarm.version, replication: swarm.replication },
      verify,
    },
    artifacts: cluster.artifacts.map(({ name, platform, version }) => ({ name, platform, version })),
    required: [
      "consul",
      "weave",
      ...[images.weave, images.weaveexec, images.weavedb, images.swarm].map(
        (image) => `image:${image(cluster.settings)}`,
      ),
    ],
    sources: [...new Set(cluster.artifacts.flatMap(({ source }) => nameIn(source)))].sort(),
  };
}

/** The name of the machine in a source, when it has one and not only an address. */
function nameIn(source: string): string[] {
  const [, host] = /^(?:https?|docker):\/\/([^/:]+)/.exec(source) ?? [];
  if (host === undefined || isIPv4(host)) return [];
  return [host === "docker.io" ? "registry-1.docker.io" : host];
}
