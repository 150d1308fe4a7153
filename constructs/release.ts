/** The deploy lets go of a host that it has held. */
import { Resource } from "@cdktf/provider-null/lib/resource";
import type { Construct } from "constructs";
import type { StagedHost } from "./staged-host.js";
import { Step, whenRunAgain } from "./step.js";

export interface ReleaseProps {
  readonly on: StagedHost;
  /** Steps that run on this host for the cluster as a whole. */
  readonly others: readonly Resource[];
  /** What the deploy ends with. */
  readonly last: Resource;
  /** Does the cluster file ask for the allow-list? Otherwise it comes off. */
  readonly firewall: boolean;
}

/** Runs again whenever anything has run on the host again. */
export class Release extends Step {
  public constructor(scope: Construct, id: string, { on, others, last, firewall }: ReleaseProps) {
    const own = on.node.findAll().filter((construct) => construct instanceof Resource);
    const all = [...own, ...others];
    super(scope, id, {
      on,
      script: "release",
      args: firewall ? { firewall: "managed" } : {},
      inputs: { after: whenRunAgain(all) },
      after: [last],
    });
  }
}
