/** `terraform_data`, Terraform's built-in resource that remembers its input. */
import { TerraformResource, type TerraformResourceConfig } from "cdktf";
import type { Construct } from "constructs";

export interface TerraformDataConfig extends Omit<TerraformResourceConfig, "terraformResourceType"> {
  readonly input?: Readonly<Record<string, string>>;
}

/**
 * In place of cdktf's DataResource, which starts `terraform version` once for each of them to make sure of a minimum
 * version. The stack's `required_version` says the same, once.
 */
export class TerraformData extends TerraformResource {
  private readonly input?: Readonly<Record<string, string>>;

  public constructor(scope: Construct, id: string, { input, ...config }: TerraformDataConfig) {
    super(scope, id, { ...config, terraformResourceType: "terraform_data" });
    if (input) {
      this.input = input;
    }
  }

  protected override synthesizeAttributes(): Record<string, unknown> {
    return this.input ? { input: this.input } : {};
  }
}
