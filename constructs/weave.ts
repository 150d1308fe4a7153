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

export class Weave extends Construct {
  /** Router and proxy run; peers may still be connecting. */
  public readonly launched: Step;

  public constructor(host: HostConstruct, { cluster, after }: WeaveProps) {
    super(host, "weave");
    const { settings } = cluster;
    const { weave, gates } = settings;
    const images = wantedImages(cluster);
    const install = new Step(this, "install", {
      host,
      script: "weave-install",
      args: { images: images.join(",") },
      inputs: { artifacts: artifactsHash(cluster, "weave", ...images.map((image) => `image:${image}`)) },
      after,
    });
    this.launched = new Step(this, "launch", {
      host,
      script: "weave-launch",
      args: {
        owner: weave.images,
        version: weave.version,
        address: host.host.address,
        range: weave.range,
        dns: weave.dns,
        fast_datapath: weave.fastDatapath,
        mtu: weave.mtu ?? "default",
        timeout: gates.timeoutSeconds,
      },
      // A hash, not the list: what the file says of a host must not grow with the number of hosts.
      inputs: {
        peers: sha256(cluster.hosts.map(({ address }) => address).join("\n")),
        install: install.id,
      },
      after: [install],
    });
  }
}
