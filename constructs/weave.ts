/** Weave Net on one host: its script and images, then its router and Docker API proxy. */

import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { Cluster } from "../cluster/model.js";
import { artifactsHash, wantedImages } from "./artifacts.js";
import type { HostConstruct } from "./host.js";
import { Step } from "./step.js";
import { sha256 } from "./text.js";

export interface WeaveProps {
  readonly cluster: Cluster;
  readonly after: readonly ITerraformDependable[];
}

/** The stages of Weave Net on a host. The cluster decides in which order the hosts go through them. */
export class Weave extends Construct {
  private readonly install: Step;

  public constructor(
    private readonly on: HostConstruct,
    private readonly props: WeaveProps,
  ) {
    super(on, "weave");
    const { cluster, after } = props;
    const images = wantedImages(cluster);
    this.install = new Step(this, "install", {
      host: on,
      script: "weave-install",
      args: { images: images.join(",") },
      inputs: { artifacts: artifactsHash(cluster, "weave", ...images.map((image) => `image:${image}`)) },
      after,
    });
  }

  /** Router and proxy run; peers that were not there before may still be connecting. */
  public launch(after: readonly ITerraformDependable[]): Step {
    const { cluster } = this.props;
    const { weave, gates } = cluster.settings;
    return new Step(this, "launch", {
      host: this.on,
      script: "weave-launch",
      args: {
        owner: weave.images,
        version: weave.version,
        address: this.on.host.address,
        range: weave.range,
        dns: weave.dns,
        fast_datapath: weave.fastDatapath,
        mtu: weave.mtu ?? "default",
        timeout: gates.timeoutSeconds,
      },
      // A hash, not the list: what the file says of a host must not grow with the number of hosts.
      inputs: {
        peers: sha256(cluster.hosts.map(({ address }) => address).join("\n")),
        install: this.install.id,
      },
      after: [this.install, ...after],
    });
  }
}
