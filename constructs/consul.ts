/** Consul on one host: installed, configured, started. */
import { File } from "@cdktf/provider-local/lib/file";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { Cluster } from "../cluster/model.js";
import { artifactsHash } from "./artifacts.js";
import { bootstrapConfig, consulConfig } from "./consul-config.js";
import { gossipKey } from "./gossip-key.js";
import type { HostConstruct } from "./host.js";
import { Step, type Upload } from "./step.js";
import { literal, sha256 } from "./text.js";

export interface ConsulProps {
  readonly cluster: Cluster;
  readonly after: readonly ITerraformDependable[];
}

/** The stages of Consul on a host. The cluster decides in which order the hosts go through them. */
export class Consul extends Construct {
  private readonly install: Step;

  public constructor(
    private readonly on: HostConstruct,
    private readonly props: ConsulProps,
  ) {
    super(on, "consul");
    const { cluster } = props;
    this.install = new Step(this, "install", {
      host: on,
      script: "consul-install",
      args: { role: on.host.consul, data_dir: cluster.settings.consul.dataDir },
      inputs: { artifacts: artifactsHash(cluster, "consul", "package:unzip:") },
      after: props.after,
    });
  }

  /** The agent runs as a service with its configuration. Servers wait for each other: one at a time is restarted. */
  public start(after: readonly ITerraformDependable[]): Step {
    return this.agent("start", "config", "consul-start", consulConfig(this.props.cluster, this.on.host), after);
  }

  /** The guide's first server: an agent of its own that bootstraps the cluster … */
  public bootstrap(): Step {
    const { cluster } = this.props;
    const others = cluster.servers.filter(({ name }) => name !== this.on.host.name).map(({ address }) => address);
    const { files, inputs, dependencies } = this.uploads("bootstrap", bootstrapConfig(cluster, this.on.host));
    return new Step(this, "bootstrap", {
      host: this.on,
      script: "consul-bootstrap",
      args: {
        data_dir: cluster.settings.consul.dataDir,
        others: others.join(",") || "-",
        timeout: cluster.settings.gates.timeoutSeconds,
      },
      uploads: files,
      inputs,
      after: [this.install, ...dependencies],
    });
  }

  /** … and gives way to the service once the other servers are there. */
  public handover(after: readonly ITerraformDependable[]): Step {
    return this.agent("start", "config", "consul-handover", consulConfig(this.props.cluster, this.on.host), after);
  }

  private agent(
    id: string,
    file: string,
    script: string,
    config: object,
    after: readonly ITerraformDependable[],
  ): Step {
    const { cluster } = this.props;
    const { files, inputs, dependencies } = this.uploads(file, config);
    return new Step(this, id, {
      host: this.on,
      script,
      args: {
        role: this.on.host.consul,
        data_dir: cluster.settings.consul.dataDir,
        servers: cluster.servers.length,
        timeout: cluster.settings.gates.timeoutSeconds,
      },
      uploads: files,
      // A new binary or unit needs a restart, which this step decides on the host.
      inputs: { ...inputs, install: this.install.id },
      after: [this.install, ...dependencies, ...after],
    });
  }

  /** The reviewable configuration, and the gossip key in a file of its own that no plan, state or log shows. */
  private uploads(name: string, config: object) {
    const text = `${JSON.stringify(config, null, 2)}\n`;
    const rendered = new File(this, `${name}-file`, {
      filename: `rendered/${this.on.host.name}/consul-${name}.json`,
      content: literal(text),
    });
    const files: Upload[] = [
      { source: rendered.filename, to: `consul/${name}.json` },
      { content: `\${jsonencode({ encrypt = ${gossipKey} })}`, to: "consul/encrypt.json" },
    ];
    return {
      files,
      inputs: { config: sha256(text) },
      dependencies: [rendered],
    };
  }
}
