/** Secrets that a deploy needs, as variables of Terraform's. */
import { type TerraformResourceLifecycle, type TerraformStack, TerraformVariable } from "cdktf";

/**
 * The variable. It may be absent, so that `destroy` needs no secret. Ephemeral: Terraform writes the value of any other
 * variable, sensitive or not, into every plan file (`cdktf diff` leaves one behind).
 */
export function declareSecret(stack: TerraformStack, name: string, description: string): void {
  const variable = new TerraformVariable(stack, name, { type: "string", sensitive: true, description });
  variable.addOverride("ephemeral", true);
  variable.addOverride("default", null);
}

/**
 * What a secret must be, checked in every plan; one that is missing is said to be that alone.
 *
 * These are conditions of a resource and not validations of the variable, because Terraform prints the value of a
 * variable, sensitive or not, when its validation fails.
 *
 * @param secret the variable, as an expression
 * @param missing the error when there is none
 * @param rules a condition that the value has to meet, and the error when it does not
 */
export const secretConditions = (
  secret: string,
  missing: string,
  ...rules: readonly (readonly [condition: string, error: string])[]
): NonNullable<TerraformResourceLifecycle["precondition"]> => [
  { condition: `\${${secret} != null}`, errorMessage: missing },
  ...rules.map(([condition, errorMessage]) => ({
    condition: `\${${secret} == null ? true : ${condition}}`,
    errorMessage,
  })),
];
