/** Classic Swarm on one host, as containers that the docker provider creates through the host's Weave proxy. */
import { Container, type ContainerConfig } from "@cdktf/provider-docker/lib/container";
import { DockerProvider } from "@cdktf/provider-docker/lib/provider";
import type { TerraformResource } from "cdktf";
import { TerraformStack } from "cdktf";
import { Construct } from "constructs";
import { type Cluster, type Host, images } from "../cluster/model.js";
import { clusterLabel, containers, hostPki } from "../cluster/names.js";
import { privatePki } from "../cluster/pki.js";
import { consulClientAddresses, ports } from "../cluster/ports.js";
import { waitFor } from "./order.js";
import type { StagedHost } from "./staged-host.js";
import { Step } from "./step.js";

export interface SwarmProps {
  readonly on: StagedHost;
  readonly cluster: Cluster;
  /** A path as written in the cluster file, from the stack's folder. */
  readonly fromStack: (written: string) => string;
  /** Consul has a leader and Weave's proxies answer. */
  readonly after: readonly TerraformResource[];
}

export class Swarm extends Construct {
  public readonly on: StagedHost;
  /** The host's Docker API. */
  public readonly proxy: DockerProvider;
  /** The containers of this host. */
  public readonly containers: readonly Container[];
  /** Addresses of the containers that went with the machines that this host was before, or with the other form. */
  public readonly forgotten: readonly string[];

  public constructor(scope: Construct, id: string, props: SwarmProps) {
    super(scope, id);
    const { host } = props.on;
    this.on = props.on;
    const form = formOf(props.cluster);
    this.proxy = new WeaveProxy(TerraformStack.of(this), `docker-${host.name}`, { ...props, host });
    const common = this.commonConfig(props);
    // Which waits for all the rest.
    const before = [this.clear(props)];
    const create = (role: Role, command: string[]): Container => {
      const container = new Container(this, containerId(role, form, host.rebuilt), {
        ...common,
        name: containers[role],
        command,
        ...(role === "manager" && form === "tls" ? readsCertificate : {}),
      });
      waitFor(container, before);
      return container;
    };
    this.containers = [
      ...(host.manager ? [create("manager", managerCommand(props))] : []),
      ...(host.agent ? [create("agent", agentCommand(props))] : []),
    ];
    this.forgotten = [...containersBefore(host, form, host.rebuilt), ...containersOfOther(props.cluster, host)];
  }

  /** Terraform runs it just when it knows of no containers there: on a new host, a rebuilt one, and one that was down. */
  private clear({ on, cluster, after }: SwarmProps): Step {
    const rebuilt = formOf(cluster) === "tls" ? `${on.host.rebuilt}-tls` : on.host.rebuilt;
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

/** How the Docker API is served. */
type Form = "open" | "tls";

const formOf = ({ settings: { security } }: Cluster): Form => (security.dockerTls ? "tls" : "open");

/** The folder, not its files: a certificate that was renewed is another file. */
const readsCertificate = { volumes: [{ hostPath: hostPki, containerPath: hostPki, readOnly: true }] };

/** A manager serves with the host's certificate, and shows it to the proxies, which let in nobody without one. */
const tlsOptions = [
  "--tlsverify",
  ...["ca", "cert", "key"].map((name) => `--tls${name === "ca" ? "cacert" : name}=${hostPki}/${name}.pem`),
];

const proxyOf = ({ address }: Host): string => `${address}:${ports.weaveProxy.number}`;

/** The host's own Consul agent. */
const discoveryOf = ({ on: { host }, cluster: { settings } }: SwarmProps): string =>
  `consul://${consulClientAddresses(host, settings).at(-1)}:${ports.consulHttp.number}`;

function managerCommand(props: SwarmProps): string[] {
  const {
    on: { host },
    cluster,
  } = props;
  const { settings } = cluster;
  const { strategy, replication } = settings.swarm;
  const port = ports.swarmManager.number;
  // A replica forwards to the primary's address: the manager's own, not the proxy's as in the guide's form.
  const advertised = replication
    ? ["--replication", "--advertise", `${host.address}:${port}`]
    : ["--advertise", proxyOf(host)];
  // Loopback too, for `docker -H :PORT` on the host itself, as in the guide.
  const listeners = ["-H", `${host.address}:${port}`, "-H", `127.0.0.1:${port}`];
  const tls = formOf(cluster) === "tls" ? tlsOptions : [];
  return ["manage", ...tls, ...listeners, "--strategy", strategy, ...advertised, discoveryOf(props)];
}

function agentCommand(props: SwarmProps): string[] {
  const { heartbeat } = props.cluster.settings.swarm;
  return [
    "join",
    "--heartbeat",
    heartbeat,
    "--ttl",
    tripled(heartbeat),
    `--advertise=${proxyOf(props.on.host)}`,
    discoveryOf(props),
  ];
}

/** The Docker API of a host, through its Weave proxy. */
export class WeaveProxy extends DockerProvider {
  public constructor(
    scope: Construct,
    id: string,
    { host, cluster, fromStack }: Pick<SwarmProps, "cluster" | "fromStack"> & { readonly host: Host },
  ) {
    super(scope, id, {
      alias: host.name,
      host: `tcp://${proxyOf(host)}`,
      // A first plan would fail otherwise: there is no proxy yet.
      disableDockerDaemonCheck: true,
      ...(formOf(cluster) === "tls" ? { certPath: fromStack(privatePki.operator) } : {}),
    });
  }
}

/**
 * The containers of a rebuilt host are new ones to Terraform, which forgets those of the earlier machine unseen: the
 * Docker API that it would have to ask about them is gone. So it is with the API in its other form: a plan would have to
 * ask a proxy with TLS that is still served without, or the other way round.
 */
const containerId = (role: Role, form: Form, rebuilt: number) =>
  [role, ...(form === "tls" ? ["tls"] : []), ...(rebuilt > 0 ? [`rebuilt-${rebuilt}`] : [])].join("-");

/**
 * Declares that Terraform forgets, unasked, what it knows of a host that it must not contact. Returns the addresses.
 * Terraform wants a provider even for containers that it only forgets.
 */
export function forgetHost(
  stack: TerraformStack,
  props: Pick<SwarmProps, "cluster" | "fromStack"> & { readonly host: Host },
): string[] {
  const { cluster, host } = props;
  new WeaveProxy(stack, `docker-${host.name}`, props);
  return [
    ...containersBefore(host, formOf(cluster), host.rebuilt + 1),
    ...containersOfOther(cluster, host),
    `terraform_data.${host.name}_teardown`,
  ];
}

/** Addresses of all containers that a host had in a form before it was rebuilt for the given time. */
function containersBefore({ name }: Host, form: Form, rebuilt: number): string[] {
  return Array.from({ length: rebuilt }, (_, life) => life).flatMap((life) =>
    (["manager", "agent"] as const).map((role) => `docker_container.${name}_swarm_${containerId(role, form, life)}`),
  );
}

/** Those that a host had, or may have had, in the form that it no longer has. A cluster that says nothing had no other. */
function containersOfOther(cluster: Cluster, host: Host): string[] {
  if (cluster.settings.security.dockerTls === undefined) {
    return [];
  }
  return containersBefore(host, formOf(cluster) === "tls" ? "open" : "tls", host.rebuilt + 1);
}

/** The entry of a dead agent outlives two missed heartbeats. */
const tripled = (duration: string): string => `${Number.parseInt(duration, 10) * 3}${duration.at(-1)}`;
