/** Weave Net on one host: its script and images, then its router and Docker API proxy. */

import type { TerraformResource } from "cdktf";
import { Construct } from "constructs";
import type { Cluster } from "../cluster/model.js";
import { artifactsHash, wantedImages } from "./artifacts.js";
import { dockerCertificate } from "./certificate.js";
import { DockerEngine } from "./docker-engine.js";
import { once } from "./once.js";
import type { StagedHost } from "./staged-host.js";
import { Step } from "./step.js";
import { Task } from "./task.js";
import { sha256 } from "./text.js";
import { weavePassword } from "./weave-password.js";

export interface WeaveProps {
  readonly on: StagedHost;
  readonly cluster: Cluster;
  readonly after: readonly TerraformResource[];
}

/** The stages of Weave Net on a host. The cluster decides in which order the hosts go through them. */
export class Weave extends Construct {
  /**
   * Script and images are there, a router runs where none ran, and one that runs knows its peers: nothing for which
   * hosts would have to wait for each other.
   */
  public readonly installed: Step;

  public constructor(
    scope: Construct,
    id: string,
    private readonly props: WeaveProps,
  ) {
    super(scope, id);
    const { on, cluster, after } = props;
    this.installed = new Step(this, "install", {
      on,
      script: "weave-install",
      args: { images: wantedImages(cluster).join(","), ...this.options() },
      shared: this.shared(),
      uploads: weavePassword(cluster.settings).uploads,
      inputs: {
        artifacts: this.artifacts(),
        // A hash, not the list: what the file says of a host must not grow with the number of hosts.
        peers: once(this, "hash_peers", sha256(cluster.hosts.map(({ address }) => address).join("\n"))),
      },
      after,
    });
  }

  /** A router that runs with something else than what is wanted is restarted. */
  public launch(after: readonly TerraformResource[]): Step {
    return new Step(this, "launch", {
      on: this.props.on,
      script: "weave-launch",
      args: { ...this.options(), turn: "yes" },
      shared: this.shared(),
      inputs: { artifacts: this.artifacts() },
      after: [this.installed, ...after],
    });
  }

  private options() {
    const { on, cluster } = this.props;
    return { address: on.host.address, ...dockerCertificate(cluster, on.host) };
  }

  private shared() {
    const { settings } = this.props.cluster;
    const { weave, gates } = settings;
    const args = {
      owner: weave.images,
      version: weave.version,
      range: weave.range,
      dns: weave.dns,
      fast_datapath: weave.fastDatapath,
      mtu: weave.mtu ?? "default",
      ...(weave.connectionLimit === undefined ? {} : { connections: weave.connectionLimit }),
      timeout: gates.timeoutSeconds,
      ...weavePassword(settings).args,
    };
    return { name: "weave", args };
  }

  private artifacts(): string {
    const { cluster } = this.props;
    const hash = artifactsHash(cluster, "weave", ...wantedImages(cluster).map((image) => `image:${image}`));
    return once(this, "artifacts_weave", hash);
  }
}

/**
 * Every host's engine and router. Routers that run are restarted a few at a time, and the next ones when these are
 * connected again: a change that breaks one of them stops there.
 */
export function launchWeave(
  scope: Construct,
  cluster: Cluster,
  hosts: readonly StagedHost[],
  after: readonly TerraformResource[],
): Step[] {
  const weaves = hosts.map((on) => {
    const engine = new DockerEngine(on, "docker", { on, cluster, after });
    return new Weave(on, "weave", { on, cluster, after: [engine] });
  });
  const together = cluster.settings.weave.restartTogether ?? Math.ceil(hosts.length / 10);
  const steps: Step[] = weaves.map(({ installed }) => installed);
  let before: readonly Task[] = [];
  for (let first = 0; first < weaves.length; first += together) {
    const wave = weaves.slice(first, first + together).map((weave) => weave.launch(before));
    steps.push(...wave);
    // What the file says of a host must not grow with the number of those that it waits for.
    before = together === 1 ? wave : [new Task(scope, `weave-restarted-${first + wave.length}`, { after: wave })];
  }
  return steps;
}
