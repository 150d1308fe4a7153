/** A gate: the cluster as a whole has reached a state, or the deploy stops and says what was seen. */
import type { ITerraformDependable, TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import type { HostConstruct } from "./host.js";
import { Step } from "./step.js";

export interface GateProps {
  /** The host whose view decides. */
  readonly host: HostConstruct;
  /** The state: `consul`, `weave` or `swarm`. */
  readonly of: "consul" | "weave" | "swarm";
  readonly timeoutSeconds: number;
  /** What must have happened before; the gate is passed anew whenever one of these has happened anew. */
  readonly after: readonly (ITerraformDependable & TerraformResource)[];
}

export class Gate extends Step {
  public constructor(scope: Construct, { host, of, timeoutSeconds, after }: GateProps) {
    const ids = after.map((resource) => `${resource.terraformResourceType}.${resource.friendlyUniqueId}.id`);
    super(scope, `gate-${of}`, {
      host,
      script: `gate-${of}`,
      args: { timeout: timeoutSeconds },
      inputs: { after: `\${sha256(join(",", [${ids.join(", ")}]))}` },
      after,
    });
  }
}
