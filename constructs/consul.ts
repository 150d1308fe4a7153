/** Consul on one host: installed, configured, started. */
import type { TerraformResource } from "cdktf";
import { Construct } from "constructs";
import type { Cluster } from "../cluster/model.js";
import { secretUploads } from "../cluster/names.js";
import { artifactsHash } from "./artifacts.js";
import { consulCertificate } from "./certificate.js";
import { bootstrapConfig, consulConfig } from "./consul-config.js";
import { agentTokens, managementToken, tokensArgument } from "./consul-token.js";
import { gossipKey } from "./gossip-key.js";
import { once } from "./once.js";
import { reference } from "./order.js";
import { RenderedFile } from "./rendered-file.js";
import type { StagedHost } from "./staged-host.js";
import { Step, type Upload } from "./step.js";
import type { StepScript } from "./step-scripts.js";
import { sha256 } from "./text.js";

export interface ConsulProps {
  readonly on: StagedHost;
  readonly cluster: Cluster;
  readonly after: readonly TerraformResource[];
}

/** The stages of Consul on a host. The cluster decides in which order the hosts go through them. */
export class Consul extends Construct {
  /** Everything is there, and an agent runs where none ran: nothing for which hosts would have to wait for each other. */
  public readonly installed: Step;

  public constructor(
    scope: Construct,
    id: string,
    private readonly props: ConsulProps,
  ) {
    super(scope, id);
    const { cluster, on } = props;
    const { role, data_dir, ...rest } = this.options();
    const { files, inputs } = inOrder(cluster) ? nothingSent : this.config();
    this.installed = new Step(this, "install", {
      on,
      script: "consul-install",
      args: { role, data_dir, ...(inOrder(cluster) ? {} : rest) },
      uploads: files,
      inputs: {
        artifacts: once(this, "artifacts_consul", artifactsHash(cluster, "consul", "package:unzip:")),
        ...consulCertificate(cluster, on.host),
        ...inputs,
      },
      after: props.after,
    });
  }

  /**
   * Consul knows the agents' token, and no management token but the present one. For servers: the one that leads does it,
   * which no other host can, where an earlier management token has to be replaced.
   */
  public authorize(after: readonly TerraformResource[]): Step {
    const { cluster, on } = this.props;
    return new Step(this, "tokens", {
      on,
      script: "consul-tokens",
      args: {
        data_dir: cluster.settings.consul.dataDir,
        timeout: cluster.settings.gates.timeoutSeconds,
        ...tokensArgument(cluster.settings),
      },
      uploads: [managementToken],
      after,
    });
  }

  /** An agent that runs with something else than what is wanted is restarted. Servers wait for each other. */
  public start(after: readonly TerraformResource[]): Step {
    return this.agent("consul-start", after);
  }

  /** The guide's first server: an agent of its own that bootstraps the cluster … */
  public bootstrap(): Step {
    const { cluster } = this.props;
    const others = cluster.servers.filter(({ name }) => name !== this.props.on.host.name).map(({ address }) => address);
    const { files, inputs } = this.sent("bootstrap", bootstrapConfig(cluster, this.props.on.host));
    return new Step(this, "bootstrap", {
      on: this.props.on,
      script: "consul-bootstrap",
      args: {
        data_dir: cluster.settings.consul.dataDir,
        datacenter: cluster.settings.consul.datacenter,
        others: others.join(",") || "-",
        timeout: cluster.settings.gates.timeoutSeconds,
      },
      uploads: files,
      inputs,
      after: [this.installed],
    });
  }

  /** … and gives way to the service once the other servers are there. */
  public handover(after: readonly TerraformResource[]): Step {
    return this.agent("consul-handover", after);
  }

  private agent(script: StepScript, after: readonly TerraformResource[]): Step {
    const { files, inputs } = inOrder(this.props.cluster) ? this.config() : nothingSent;
    return new Step(this, "start", {
      on: this.props.on,
      script,
      args: { ...this.options(), turn: "yes" },
      uploads: files,
      // A new binary, unit or configuration needs a restart, which this step decides on the host.
      inputs: { ...inputs, install: reference(this.installed, "id") },
      // And for what is referred to, the installation and the configuration.
      after,
    });
  }

  private options() {
    const { cluster, on } = this.props;
    return {
      role: on.host.consul,
      data_dir: cluster.settings.consul.dataDir,
      datacenter: cluster.settings.consul.datacenter,
      servers: cluster.servers.filter(({ down }) => !down).length,
      timeout: cluster.settings.gates.timeoutSeconds,
      ...tokensArgument(cluster.settings),
    };
  }

  private config() {
    return this.sent("config", consulConfig(this.props.cluster, this.props.on.host));
  }

  /** The reviewable configuration, and the secrets in a file of their own that no plan, state or log shows. */
  private sent(name: string, config: object) {
    const text = `${JSON.stringify(config, null, 2)}\n`;
    const rendered = new RenderedFile(this, `${name}-file`, {
      path: `${this.props.on.host.name}/consul-${name}.json`,
      text,
    });
    const files: Upload[] = [
      { source: reference(rendered, "filename"), to: `consul/${name}.json` },
      {
        content: `\${jsonencode({ encrypt = ${gossipKey}${agentTokens(this.props.cluster.settings)} })}`,
        to: `${secretUploads}/consul-encrypt.json`,
      },
    ];
    return {
      files,
      inputs: { config: sha256(text) },
    };
  }
}

/** In the guide's own procedure the servers start one after the other, first ones too. */
const inOrder = ({ settings }: Cluster): boolean => settings.consul.bootstrap === "handover";
const nothingSent = { files: undefined, inputs: {} };

/**
 * Every host's Consul. What does not run yet starts on all hosts at once; what runs is restarted in the order that keeps a
 * running cluster whole: servers one after the other, then clients.
 */
export function startConsul(
  cluster: Cluster,
  hosts: readonly StagedHost[],
  after: readonly TerraformResource[],
): Step[] {
  const consuls = hosts.map((on) => ({ on, consul: new Consul(on, "consul", { on, cluster, after }) }));
  const servers = consuls.filter(({ on }) => on.host.consul === "server");
  const clients = consuls.filter(({ on }) => on.host.consul === "client");
  const authorized = cluster.settings.security.consulAcl
    ? servers.map(({ consul }) => consul.authorize(servers.map((one) => one.consul.installed)))
    : [];
  const started: Step[] = [];
  const chain = (members: typeof servers, first: readonly Step[]) => {
    let previous = first;
    for (const { consul } of members) {
      const start = consul.start(previous);
      started.push(start);
      previous = [start];
    }
    return previous;
  };

  let last: readonly Step[];
  const [head, ...others] = servers;
  // With the first server down, the cluster has been bootstrapped before: no other one must do that again.
  if (head && head.on.host === cluster.servers[0] && inOrder(cluster)) {
    const previous = chain(others, [head.consul.bootstrap()]);
    const handover = head.consul.handover(previous);
    started.push(handover);
    last = [handover];
  } else {
    last = chain(servers, authorized);
  }
  for (const { consul } of clients) {
    started.push(consul.start(last));
  }
  return started;
}
