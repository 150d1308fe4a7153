/** `firewall.managed`: on every host, an allow-list of who reaches the cluster's ports. */
import type { TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import type { Cluster } from "../cluster/model.js";
import { artifactsHash } from "./artifacts.js";
import { once } from "./once.js";
import type { StagedHost } from "./staged-host.js";
import { Step } from "./step.js";
import { Task } from "./task.js";
import { sha256 } from "./text.js";

export interface FirewallProps {
  readonly on: StagedHost;
  readonly cluster: Cluster;
  readonly after: readonly TerraformResource[];
}

export class Firewall extends Step {
  public constructor(scope: Construct, id: string, { on, cluster, after }: FirewallProps) {
    super(scope, id, {
      on,
      script: "firewall",
      args: { operators: cluster.settings.firewall.operators.join(",") || "-" },
      inputs: {
        artifacts: once(scope, "artifacts_nftables", artifactsHash(cluster, "package:nftables:")),
        // A hash, not the list: what the file says of a host must not grow with the number of hosts.
        peers: once(scope, "hash_peers", sha256(cluster.hosts.map(({ address }) => address).join("\n"))),
      },
      after,
    });
  }
}

/** The allow-list of every host, before a service starts or a new member knocks. What then to wait for. */
export function guardHosts(
  scope: Construct,
  cluster: Cluster,
  hosts: readonly StagedHost[],
  after: readonly TerraformResource[],
): readonly TerraformResource[] {
  if (!cluster.settings.firewall.managed) {
    return after;
  }
  const firewalls = hosts.map((on) => new Firewall(on, "firewall", { on, cluster, after }));
  return [new Task(scope, "guarded", { after: firewalls })];
}
