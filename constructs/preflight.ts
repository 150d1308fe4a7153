/** Nothing is changed on any host before every host has passed the preflight. */
import { File } from "@cdktf/provider-local/lib/file";
import { Resource } from "@cdktf/provider-null/lib/resource";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { Inventory } from "../cluster/inventory.js";
import { preflightAsset } from "./assets.js";
import { gossipKeyConditions } from "./gossip-key.js";
import { deployerHere } from "./hold.js";
import { literal, sha256 } from "./text.js";

export interface PreflightProps {
  readonly inventory: Inventory;
}

export class Preflight extends Construct {
  public readonly ready: readonly ITerraformDependable[];

  public constructor(scope: Construct, id: string, { inventory }: PreflightProps) {
    super(scope, id);
    const program = preflightAsset(this);
    const text = `${JSON.stringify(inventory, null, 2)}\n`;
    const file = new File(this, "inventory", { filename: "rendered/inventory.json", content: literal(text) });
    // It runs on the operator's machine, over ssh: one table of all problems of all hosts needs one place that sees them.
    const command = `deploy_by=\${${deployerHere}} node ${program.path} ${file.filename}`;
    const run = new Resource(this, "hosts", {
      triggers: { program: program.assetHash, inventory: sha256(text) },
      provisioners: [{ type: "local-exec", command }],
      dependsOn: [file],
      lifecycle: gossipKeyConditions,
    });
    this.ready = [run];
  }
}
