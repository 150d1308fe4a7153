/** A gate: the cluster as a whole has reached a state, or the deploy stops and says what was seen. */
import type { TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import { attribute } from "./order.js";
import type { StagedHost } from "./staged-host.js";
import { Step } from "./step.js";

export interface GateProps {
  /** The host whose view decides. */
  readonly on: StagedHost;
  /** The state: `consul`, `weave` or `swarm`. */
  readonly of: "consul" | "weave" | "swarm";
  readonly timeoutSeconds: number;
  /** What the gate's script needs to know besides. */
  readonly args?: Readonly<Record<string, string | boolean>>;
  /** What must have happened before; the gate runs again whenever one of these has run again. */
  readonly after: readonly TerraformResource[];
}

export class Gate extends Step {
  public constructor(scope: Construct, id: string, { on, of, timeoutSeconds, args, after }: GateProps) {
    const ids = after.map((resource) => attribute(resource, "id"));
    super(scope, id, {
      on,
      script: `gate-${of}`,
      args: { timeout: timeoutSeconds, ...args },
      inputs: { after: `\${sha256(join(",", [${ids.join(", ")}]))}` },
      after,
    });
  }
}
