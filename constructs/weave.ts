/** Weave Net on one host: its script and images, then its router and Docker API proxy. */

import type { TerraformResource } from "cdktf";
import { Construct } from "constructs";
import type { Cluster } from "../cluster/model.js";
import { artifactsHash, wantedImages } from "./artifacts.js";
import { DockerEngine } from "./docker-engine.js";
import { reference } from "./order.js";
import type { StagedHost } from "./staged-host.js";
import { Step } from "./step.js";
import { sha256 } from "./text.js";

export interface WeaveProps {
  readonly on: StagedHost;
  readonly cluster: Cluster;
  readonly after: readonly TerraformResource[];
}

/** The stages of Weave Net on a host. The cluster decides in which order the hosts go through them. */
export class Weave extends Construct {
  private readonly install: Step;

  public constructor(
    scope: Construct,
    id: string,
    private readonly props: WeaveProps,
  ) {
    super(scope, id);
    const { on, cluster, after } = props;
    const images = wantedImages(cluster);
    this.install = new Step(this, "install", {
      on,
      script: "weave-install",
      args: { images: images.join(",") },
      inputs: { artifacts: artifactsHash(cluster, "weave", ...images.map((image) => `image:${image}`)) },
      after,
    });
  }

  /** Router and proxy run; peers that were not there before may still be connecting. */
  public launch(after: readonly TerraformResource[]): Step {
    const { on, cluster } = this.props;
    const { weave, gates } = cluster.settings;
    return new Step(this, "launch", {
      on,
      script: "weave-launch",
      args: {
        owner: weave.images,
        version: weave.version,
        address: on.host.address,
        range: weave.range,
        dns: weave.dns,
        fast_datapath: weave.fastDatapath,
        mtu: weave.mtu ?? "default",
        timeout: gates.timeoutSeconds,
      },
      // A hash, not the list: what the file says of a host must not grow with the number of hosts.
      inputs: {
        peers: sha256(cluster.hosts.map(({ address }) => address).join("\n")),
        install: reference(this.install, "id"),
      },
      after: [this.install, ...after],
    });
  }
}

/** Every host's engine and router. Routers start one after the other: a change that breaks one of them stops there. */
export function launchWeave(
  cluster: Cluster,
  hosts: readonly StagedHost[],
  after: readonly TerraformResource[],
): Step[] {
  const weaves = hosts.map((on) => {
    const engine = new DockerEngine(on, "docker", { on, cluster, after });
    return new Weave(on, "weave", { on, cluster, after: [engine] });
  });
  const launched: Step[] = [];
  for (const weave of weaves) {
    launched.push(weave.launch(launched.slice(-1)));
  }
  return launched;
}
