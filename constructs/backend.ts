/** Where Terraform keeps its state. */
import { TerraformBackend, type TerraformRemoteState } from "cdktf";
import type { Construct } from "constructs";
import type { Cluster } from "../cluster/model.js";

/** Any backend of Terraform's, with the settings that Terraform documents for it, rendered as they are. */
export class Backend extends TerraformBackend {
  private readonly config: Readonly<Record<string, unknown>>;

  public constructor(scope: Construct, id: string, { name, settings: { backend } }: Cluster) {
    super(scope, id, backend?.type ?? "local");
    // Relative to the stack's folder, so that the synthesised JSON is the same on every machine, and outside the output
    // folder, which is made to be thrown away.
    this.config = { ...(backend ? {} : { path: `../../../terraform.${name}.tfstate` }), ...backend?.config };
  }

  protected override synthesizeAttributes(): Record<string, unknown> {
    return { ...this.config };
  }

  public override getRemoteStateDataSource(): TerraformRemoteState {
    throw new Error("the cluster is one stack; nothing reads its state from another");
  }
}
