/** A gate: the cluster as a whole has reached a state, or the deploy stops and says what was seen. */
import type { TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import type { StagedHost } from "./staged-host.js";
import { Step, whenRunAgain } from "./step.js";

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
    super(scope, id, {
      on,
      script: `gate-${of}`,
      args: { timeout: timeoutSeconds, ...args },
      // Which is also what it waits for.
      inputs: { after: whenRunAgain(after) },
      after: [],
    });
  }
}
