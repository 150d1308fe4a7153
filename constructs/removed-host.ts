/** A host that leaves a cluster that goes on without it. */
import type { ITerraformDependable, TerraformStack } from "cdktf";
import { Construct } from "constructs";
import type { RemovedHost } from "../cluster/model.js";
import type { HostConstruct } from "./host.js";
import { Step } from "./step.js";
import { containersBefore, weaveProxy } from "./swarm.js";
import { LastTeardown } from "./teardown.js";

export interface RemovedHostProps {
  readonly removed: RemovedHost;
  /** The member that clears up after a host that can no longer leave by itself. */
  readonly by: HostConstruct;
  readonly after: readonly ITerraformDependable[];
}

export class RemovedHostConstruct extends Construct {
  /** What Terraform takes out of its state without asking for it. */
  public readonly forgotten: readonly string[];
  /** What a member does in its place. */
  public readonly steps: readonly Step[];

  public constructor(stack: TerraformStack, { removed, by, after }: RemovedHostProps) {
    super(stack, removed.name);
    const { name, address, lost, rebuilt } = removed;
    // Terraform wants a provider even for containers that it only forgets; uninstalling removes them.
    weaveProxy(stack, removed);
    const containers = containersBefore(removed, rebuilt + 1);
    if (lost) {
      this.forgotten = [...containers, `terraform_data.${name}_teardown`];
      this.steps = [new Step(this, "lost", { host: by, script: "lost", args: { name, address }, after })];
    } else {
      this.forgotten = containers;
      this.steps = [];
      new LastTeardown(this);
    }
  }
}
