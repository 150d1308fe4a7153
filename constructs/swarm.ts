/** Classic Swarm on one host, as containers that the docker provider creates through the host's Weave proxy. */
import { Container, type ContainerConfig } from "@cdktf/provider-docker/lib/container";
import { DockerProvider } from "@cdktf/provider-docker/lib/provider";
import type { TerraformResource } from "cdktf";
import { TerraformStack } from "cdktf";
import { Construct } from "constructs";
import { type Cluster, type Host, images } from "../cluster/model.js";
import { clusterLabel, containers } from "../cluster/names.js";
import { ports } from "../cluster/ports.js";
import { waitFor } from "./order.js";
import type { StagedHost } from "./staged-host.js";
import { Step } from "./step.js";

export interface SwarmProps {
  readonly on: StagedHost;
  readonly cluster: Cluster;
  /** Consul has a leader and Weave's proxies answer. */
  readonly after: readonly TerraformResource[];
}

export class Swarm extends Construct {
  /** The host's name. */
  public readonly host: string;
  /** The host's Docker API. */
  public readonly proxy: DockerProvider;
  /** The containers of this host. */
  public readonly containers: readonly Container[];
  /** Addresses of the containers that went with the machines that this host was before. */
  public readonly forgotten: readonly string[];

  public constructor(scope: Construct, id: string, props: SwarmProps) {
    super(scope, id);
    const { host } = props.on;
    this.host = host.name;
    this.proxy = new WeaveProxy(TerraformStack.of(this), `docker-${host.name}`, props.on);
    const common = this.commonConfig(props);
    // Which waits for all the rest.
    const before = [this.clear(props)];
    const create = (role: Role, command: string[]): Container => {
      const container = new Container(this, containerId(role, host.rebuilt), {
        ...common,
        name: containers[role],
        command,
      });
      waitFor(container, before);
      return container;
    };
    this.containers = [
      ...(host.manager ? [create("manager", managerCommand(props))] : []),
      ...(host.agent ? [create("agent", agentCommand(props))] : []),
    ];
    this.forgotten = containersBefore(host, host.rebuilt);
  }

  /** Terraform runs it just when it knows of no containers there: on a new host, a rebuilt one, and one that was down. */
  private clear({ on, after }: SwarmProps): Step {
    const { rebuilt } = on.host;
    return new Step(this, "clear", {
      on,
      script: "swarm-clear",
      args: { rebuilt },
      onlyFor: { rebuilt },
      after,
    });
  }

  /** What manager and agent have in common. */
  private commonConfig({ cluster }: SwarmProps): Omit<ContainerConfig, "name" | "command"> {
    return {
      provider: this.proxy,
      image: images.swarm(cluster.settings),
      restart: "always",
      // Swarm itself lives on the LAN, as in the guide. A port published from a bridge would listen on every interface
      // and pass the host's firewall by DNAT, and the bridge reaches its own host's ports only where that firewall lets
      // containers in. Weave's proxy leaves the host's network alone, so nothing is read back changed.
      networkMode: "host",
      labels: [{ label: clusterLabel, value: cluster.name }],
      destroyGraceSeconds: 10,
    };
  }
}

type Role = "manager" | "agent";

const proxyOf = ({ address }: Host): string => `${address}:${ports.weaveProxy.number}`;

/** The host's own Consul agent. */
const discoveryOf = ({ address }: Host): string => `consul://${address}:${ports.consulHttp.number}`;

function managerCommand({ on: { host }, cluster: { settings } }: SwarmProps): string[] {
  const { strategy, replication } = settings.swarm;
  const port = ports.swarmManager.number;
  // A replica forwards to the primary's address: the manager's own, not the proxy's as in the guide's form.
  const advertised = replication
    ? ["--replication", "--advertise", `${host.address}:${port}`]
    : ["--advertise", proxyOf(host)];
  // Loopback too, for `docker -H :PORT` on the host itself, as in the guide.
  const listeners = ["-H", `${host.address}:${port}`, "-H", `127.0.0.1:${port}`];
  return ["manage", ...listeners, "--strategy", strategy, ...advertised, discoveryOf(host)];
}

function agentCommand({ on: { host }, cluster: { settings } }: SwarmProps): string[] {
  const { heartbeat } = settings.swarm;
  return [
    "join",
    "--heartbeat",
    heartbeat,
    "--ttl",
    tripled(heartbeat),
    `--advertise=${proxyOf(host)}`,
    discoveryOf(host),
  ];
}

/** The Docker API of a host, through its Weave proxy. */
export class WeaveProxy extends DockerProvider {
  public constructor(scope: Construct, id: string, { host }: { readonly host: Host }) {
    super(scope, id, {
      alias: host.name,
      host: `tcp://${proxyOf(host)}`,
      // A first plan would fail otherwise: there is no proxy yet.
      disableDockerDaemonCheck: true,
    });
  }
}

/**
 * The containers of a rebuilt host are new ones to Terraform, which forgets those of the earlier machine unseen: the
 * Docker API that it would have to ask about them is gone.
 */
const containerId = (role: Role, rebuilt: number) => (rebuilt > 0 ? `${role}-rebuilt-${rebuilt}` : role);

/**
 * Declares that Terraform forgets, unasked, what it knows of a host that it must not contact. Returns the addresses.
 * Terraform wants a provider even for containers that it only forgets.
 */
export function forgetHost(stack: TerraformStack, host: Host): string[] {
  new WeaveProxy(stack, `docker-${host.name}`, { host });
  return [...containersBefore(host, host.rebuilt + 1), `terraform_data.${host.name}_teardown`];
}

/** Addresses of all containers that a host had before it was rebuilt for the given time. */
function containersBefore({ name }: Host, rebuilt: number): string[] {
  return Array.from({ length: rebuilt }, (_, life) => life).flatMap((life) =>
    (["manager", "agent"] as const).map((role) => `docker_container.${name}_swarm_${containerId(role, life)}`),
  );
}

/** The entry of a dead agent outlives two missed heartbeats. */
const tripled = (duration: string): string => `${Number.parseInt(duration, 10) * 3}${duration.at(-1)}`;
