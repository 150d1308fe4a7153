/** Docker Engine on one host: what is there, else the locked packages. */
import type { TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import { neededApi } from "../cluster/engines.js";
import type { Cluster } from "../cluster/model.js";
import { artifactsHash } from "./artifacts.js";
import { once } from "./once.js";
import type { StagedHost } from "./staged-host.js";
import { Step } from "./step.js";

export interface DockerEngineProps {
  readonly on: StagedHost;
  readonly cluster: Cluster;
  readonly after: readonly TerraformResource[];
}

export class DockerEngine extends Step {
  public constructor(scope: Construct, id: string, { on, cluster, after }: DockerEngineProps) {
    super(scope, id, {
      on,
      script: "docker-engine",
      args: { api: neededApi(cluster.settings), lower: cluster.settings.docker.lowerApiFloor ? "any" : "ours" },
      inputs: { artifacts: once(scope, "artifacts_docker", artifactsHash(cluster, "package:docker-engine:")) },
      after,
    });
  }
}
