/** A host that leaves a cluster that goes on without it. */
import { type ITerraformDependable, TerraformStack } from "cdktf";
import { Construct } from "constructs";
import type { RemovedHost } from "../cluster/model.js";
import type { StagedHost } from "./staged-host.js";
import { Step } from "./step.js";
import { containersBefore, WeaveProxy } from "./swarm.js";
import { LastTeardown } from "./teardown.js";

export interface DepartureProps {
  readonly removed: RemovedHost;
  /** The member that clears up after a host that can no longer leave by itself. */
  readonly by: StagedHost;
  readonly after: readonly ITerraformDependable[];
}

export class Departure extends Construct {
  /** What Terraform takes out of its state without asking for it. */
  public readonly forgotten: readonly string[];
  /** What a member does in its place. */
  public readonly steps: readonly Step[];

  public constructor(scope: Construct, id: string, { removed, by, after }: DepartureProps) {
    super(scope, id);
    const { name, address, lost, rebuilt } = removed;
    // Terraform wants a provider even for containers that it only forgets; uninstalling removes them.
    new WeaveProxy(TerraformStack.of(this), `docker-${name}`, { host: removed });
    const containers = containersBefore(removed, rebuilt + 1);
    if (lost) {
      this.forgotten = [...containers, `terraform_data.${name}_teardown`];
      this.steps = [new Step(this, "lost", { on: by, script: "lost", args: { name, address }, after })];
    } else {
      this.forgotten = containers;
      this.steps = [];
      new LastTeardown(this, "teardown");
    }
  }
}
