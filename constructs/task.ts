/** Something that Terraform does, when what it depends on has been done. */
import { Resource, type ResourceConfig } from "@cdktf/provider-null/lib/resource";
import type { TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import { waitFor } from "./order.js";

export interface TaskProps extends Omit<ResourceConfig, "dependsOn"> {
  readonly after: readonly TerraformResource[];
}

export class Task extends Resource {
  public constructor(scope: Construct, id: string, { after, ...config }: TaskProps) {
    super(scope, id, config);
    waitFor(this, after);
  }
}
