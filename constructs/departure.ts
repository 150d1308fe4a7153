/** A host that leaves a cluster that goes on without it. */
import { type TerraformResource, TerraformStack } from "cdktf";
import { Construct } from "constructs";
import type { Cluster, RemovedHost } from "../cluster/model.js";
import { uploadsFolder as uploads } from "../cluster/names.js";
import { connectionFrom, loginFacts, sudoOf } from "./connection.js";
import { managementToken } from "./consul-token.js";
import { asDeployer } from "./hold.js";
import type { StagedHost } from "./staged-host.js";
import { Step, type Upload } from "./step.js";
import { forgetHost } from "./swarm.js";
import { Task } from "./task.js";
import { besideUploads, removeUploads, sendUploads, type Uploads } from "./uploads.js";

export interface DepartureProps {
  readonly removed: RemovedHost;
  readonly cluster: Cluster;
  readonly uploads: Uploads;
  /** A path as written in the cluster file, from the stack's folder. */
  readonly fromStack: (written: string) => string;
  /** The member that clears up after a host that can no longer leave by itself. */
  readonly by: StagedHost;
  readonly after: readonly TerraformResource[];
}

export class Departure extends Construct {
  /** What Terraform takes out of its state without asking for it. */
  public readonly forgotten: readonly string[];
  /** The host has left, and its addresses are the others'. */
  public readonly left: Task;

  public constructor(scope: Construct, id: string, props: DepartureProps) {
    super(scope, id);
    const { removed, by, after } = props;
    const { name, address, lost } = removed;
    // Uninstalling removes the containers. The teardown is for the day on which the cluster is destroyed: its
    // provisioners would run before anything else.
    this.forgotten = forgetHost(TerraformStack.of(this), { ...props, host: removed });
    this.left = lost
      ? new Step(this, "lost", { on: by, script: "lost", args: { name, address }, uploads: this.uploads(props), after })
      : this.leave(props);
  }

  /** Members have no right to put another one out. */
  private uploads({ cluster }: DepartureProps): readonly Upload[] {
    return cluster.settings.security.consulAcl ? [managementToken] : [];
  }

  /**
   * The host gives back what it holds, leaves, and is uninstalled. Once: its triggers name nothing that changes, so that
   * a host that has left is never asked again.
   */
  private leave({ removed, cluster, uploads: sent, fromStack, after }: DepartureProps): Task {
    const run = (script: string) => `${asDeployer(sudoOf(removed))}sh ${uploads}/scripts/${script} || exit 1`;
    return new Task(this, "leave", {
      connection: connectionFrom(this, loginFacts(removed, cluster, fromStack), besideUploads),
      after,
      triggers: { address: removed.address },
      provisioners: [
        ...sendUploads(this, sent, sudoOf(removed)),
        {
          type: "remote-exec",
          inline: [
            run(`leave.sh address=${removed.address} timeout=${cluster.settings.gates.timeoutSeconds}`),
            run("uninstall.sh"),
            removeUploads,
          ],
        },
      ],
    });
  }
}
