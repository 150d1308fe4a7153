/** Classic Swarm on one host, as containers that the docker provider creates through the host's Weave proxy. */
import { Container, type ContainerConfig } from "@cdktf/provider-docker/lib/container";
import { DockerProvider } from "@cdktf/provider-docker/lib/provider";
import type { ITerraformDependable, TerraformStack } from "cdktf";
import { Construct } from "constructs";
import { type Cluster, type Host, images } from "../cluster/model.js";
import { ports } from "../cluster/ports.js";
import type { HostConstruct } from "./host.js";
import { Step } from "./step.js";

export interface SwarmProps {
  readonly cluster: Cluster;
  /** Consul has a leader and Weave's proxies answer. */
  readonly after: readonly ITerraformDependable[];
}

export class Swarm extends Construct {
  /** The containers of this host. */
  public readonly containers: readonly Container[];
  /** Addresses of the containers that went with the machines that this host was before. */
  public readonly forgotten: readonly string[];

  public constructor(stack: TerraformStack, on: HostConstruct, { cluster, after }: SwarmProps) {
    super(on, "swarm");
    const { host } = on;
    const { swarm } = cluster.settings;
    const proxy = `${host.address}:${ports.weaveProxy.number}`;
    const discovery = `consul://${host.address}:${ports.consulHttp.number}`;
    const provider = weaveProxy(stack, host);
    const id = (role: string) => containerId(role, host.rebuilt);
    const cleared = (): Step =>
      new Step(this, "clear", { host: on, script: "swarm-clear", args: { rebuilt: host.rebuilt }, after });
    const common: Omit<ContainerConfig, "name" | "command"> = {
      provider,
      dependsOn: [...on.ready, ...after, ...(host.rebuilt > 0 ? [cleared()] : [])],
      image: images.swarm(cluster.settings),
      restart: "always",
      networkMode: "bridge",
      labels: [{ label: "multicast-swarm", value: cluster.name }],
      // Swarm itself lives on the LAN, as in the guide: it must not wait for an address of the containers' network
      // after a reboot, and what the proxy would add to it would look like drift for ever.
      env: ["WEAVE_CIDR=none"],
      destroyGraceSeconds: 10,
    };
    const manager = (): Container =>
      new Container(this, id("manager"), {
        ...common,
        name: "swarm-manager",
        command: [
          "manage",
          "-H",
          `:${ports.swarmManager.number}`,
          "--strategy",
          swarm.strategy,
          // A replica forwards to the primary's address: the manager's own, not the proxy's as in the guide's form.
          ...(swarm.replication
            ? ["--replication", "--advertise", `${host.address}:${ports.swarmManager.number}`]
            : ["--advertise", proxy]),
          discovery,
        ],
        ports: [{ internal: ports.swarmManager.number, external: ports.swarmManager.number }],
      });
    const agent = (): Container =>
      new Container(this, id("agent"), {
        ...common,
        name: "swarm-agent",
        command: [
          "join",
          "--heartbeat",
          swarm.heartbeat,
          "--ttl",
          tripled(swarm.heartbeat),
          `--advertise=${proxy}`,
          discovery,
        ],
      });
    this.containers = [...(host.manager ? [manager()] : []), ...(host.agent ? [agent()] : [])];
    this.forgotten = containersBefore(host, host.rebuilt);
  }
}

/** The Docker API of a host, by way of its Weave proxy. */
export function weaveProxy(stack: TerraformStack, { name, address }: Host): DockerProvider {
  return new DockerProvider(stack, `docker-${name}`, {
    alias: name,
    host: `tcp://${address}:${ports.weaveProxy.number}`,
    // Else a first plan fails: there is no proxy yet.
    disableDockerDaemonCheck: true,
  });
}

/**
 * The containers of a rebuilt host are new ones to Terraform, which forgets those of the earlier machine unseen: the
 * Docker API that it would have to ask about them is gone.
 */
const containerId = (role: string, rebuilt: number) => (rebuilt > 0 ? `${role}-rebuilt-${rebuilt}` : role);

/** Addresses of all containers that a host had before it was rebuilt for the given time. */
export function containersBefore({ name }: Host, rebuilt: number): string[] {
  return Array.from({ length: rebuilt }, (_, life) => life).flatMap((life) =>
    ["manager", "agent"].map((role) => `docker_container.${name}_swarm_${containerId(role, life)}`),
  );
}

/** A dead agent's entry outlives two missed heartbeats. */
const tripled = (duration: string): string => `${Number.parseInt(duration, 10) * 3}${duration.at(-1)}`;
