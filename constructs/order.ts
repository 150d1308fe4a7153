/** What Terraform does first, and what one resource says of another. Addresses are known, so neither needs cdktf's tokens. */
import type { TerraformResource } from "cdktf";

const addressOf = ({ terraformResourceType, friendlyUniqueId }: TerraformResource): string =>
  `${terraformResourceType}.${friendlyUniqueId}`;

/** The resource waits for all of these. */
export function waitFor(resource: TerraformResource, before: readonly TerraformResource[]): void {
  if (before.length > 0) {
    resource.dependsOn = before.map(addressOf);
  }
}

/** A value that Terraform fills in, as an expression for use inside others. */
export const attribute = (resource: TerraformResource, name: string): string => `${addressOf(resource)}.${name}`;

/** The same as a text of its own. */
export const reference = (resource: TerraformResource, name: string): string => `\${${attribute(resource, name)}}`;
