/** Docker Engine on one host: what is there, else the locked packages. */
import type { ITerraformDependable } from "cdktf";
import type { Cluster } from "../cluster/model.js";
import { artifactsHash } from "./artifacts.js";
import type { HostConstruct } from "./host.js";
import { Step } from "./step.js";

export interface DockerEngineProps {
  readonly cluster: Cluster;
  readonly after: readonly ITerraformDependable[];
}

export class DockerEngine extends Step {
  public constructor(host: HostConstruct, { cluster, after }: DockerEngineProps) {
    super(host, "docker", {
      host,
      script: "docker-engine",
      inputs: { artifacts: artifactsHash(cluster, "package:docker-engine:") },
      after,
    });
  }
}
