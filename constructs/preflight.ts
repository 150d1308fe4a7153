/** Nothing is changed on any host before every host has passed the preflight. */
import { File } from "@cdktf/provider-local/lib/file";
import type { TerraformResource } from "cdktf";
import { Construct } from "constructs";
import type { Inventory } from "../cluster/inventory.js";
import { preflightAsset } from "./assets.js";
import { gossipKeyConditions } from "./gossip-key.js";
import { reference } from "./order.js";
import { Task } from "./task.js";
import { literal, sha256 } from "./text.js";

export interface PreflightProps {
  readonly inventory: Inventory;
}

export class Preflight extends Construct {
  public readonly ready: readonly TerraformResource[];

  public constructor(scope: Construct, id: string, { inventory }: PreflightProps) {
    super(scope, id);
    const program = preflightAsset(this);
    const text = `${JSON.stringify(inventory)}\n`;
    const file = new File(this, "inventory", { filename: "rendered/inventory.json", content: literal(text) });
    // It runs on the operator's machine, over ssh: one table of all problems of all hosts needs one place that sees them.
    const run = new Task(this, "hosts", {
      triggers: { program: program.assetHash, inventory: sha256(text) },
      provisioners: [{ type: "local-exec", command: `node ${program.path} ${reference(file, "filename")}` }],
      lifecycle: gossipKeyConditions,
      after: [file],
    });
    this.ready = [run];
  }
}
