/** Secrets that a deploy needs, as variables of Terraform's. */
import { type TerraformStack, TerraformVariable } from "cdktf";

/**
 * The variable. It may be absent, so that `destroy` needs no secret. Ephemeral: Terraform writes the value of any other
 * variable, sensitive or not, into every plan file (`cdktf diff` leaves one behind).
 */
export function declareSecret(stack: TerraformStack, name: string, description: string): void {
  const variable = new TerraformVariable(stack, name, { type: "string", sensitive: true, description });
  variable.addOverride("ephemeral", true);
  variable.addOverride("default", null);
}
