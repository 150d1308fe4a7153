/** Nothing is changed on any host before every host has passed the preflight. */
import type { TerraformResource } from "cdktf";
import { Construct } from "constructs";
import { type Inventory, inventoryText } from "../cluster/inventory.js";
import type { Cluster } from "../cluster/model.js";
import { preflightAsset } from "./assets.js";
import { consulTokenConditions } from "./consul-token.js";
import { gossipKeyConditions } from "./gossip-key.js";
import { deployerHere } from "./hold.js";
import { reference } from "./order.js";
import { RenderedFile } from "./rendered-file.js";
import { Task } from "./task.js";
import { sha256 } from "./text.js";
import { weavePasswordConditions } from "./weave-password.js";

export interface PreflightProps {
  readonly cluster: Cluster;
  readonly inventory: Inventory;
  /** What has to be there before a host is asked, for whatever comes after the preflight. */
  readonly after: readonly TerraformResource[];
}

export class Preflight extends Construct {
  public readonly ready: readonly TerraformResource[];

  public constructor(scope: Construct, id: string, { cluster, inventory, after }: PreflightProps) {
    super(scope, id);
    const program = preflightAsset(this);
    const text = inventoryText(inventory);
    const file = new RenderedFile(this, "inventory", { path: "inventory.json", text });
    // It runs on the operator's machine, over ssh: one table of all problems of all hosts needs one place that sees them.
    const run = new Task(this, "hosts", {
      triggers: { program: program.assetHash, inventory: sha256(text) },
      provisioners: [{ type: "local-exec", command: runUnlessOff(`${program.path} ${reference(file, "filename")}`) }],
      lifecycle: {
        precondition: [
          ...gossipKeyConditions,
          ...weavePasswordConditions(cluster.settings),
          ...consulTokenConditions(cluster.settings),
        ],
      },
      after: [file, ...after],
    });
    this.ready = [run];
  }
}

/** Turns the preflight off where a deploy runs: that is up to the machine, not to the cluster. */
export const preflightVariable = "MULTICAST_SWARM_PREFLIGHT";

/** Of a deploy, the preflight alone needs Node.js and an ssh program: Terraform brings its own. */
const runUnlessOff = (program: string): string =>
  [
    `if [ "$${preflightVariable}" = off ]; then`,
    `echo 'preflight: turned off by ${preflightVariable}=off; nobody has looked whether the hosts are fit';`,
    `elif command -v node >/dev/null; then exec env deploy_by=\${${deployerHere}} node ${program};`,
    "else",
    `echo 'preflight: found no Node.js here, which the preflight needs, and nothing else of a deploy does: install it, or set ${preflightVariable}=off to deploy without the preflight' >&2;`,
    "exit 2; fi",
  ].join(" ");
