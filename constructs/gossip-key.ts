/** Consul's gossip key: the one secret of the cluster, given to Terraform as the environment variable TF_VAR_gossip_key. */
import { type TerraformStack, TerraformVariable } from "cdktf";

/** The key that the source document prints is public; only its hash stands here. */
const publishedKey = "3052a23951ba23032cb026148634facc97dadc6271231e19f86de8019fa5fb4a";

/**
 * The sensitive variable. It may be absent, so that `destroy` needs no key; what needs it says so.
 * Consul takes base64 of 16, 24 or 32 bytes (https://developer.hashicorp.com/consul/commands/keygen).
 */
export function gossipKeyVariable(stack: TerraformStack): TerraformVariable {
  const key = new TerraformVariable(stack, "gossip_key", {
    type: "string",
    sensitive: true,
    default: null,
    description: "Consul's gossip key, from scripts/keygen",
  });
  const unset = `${key.fqn} == null`;
  key.addValidation({
    condition: `\${${unset} ? true : can(regex("^([A-Za-z0-9+/]{22}==|[A-Za-z0-9+/]{32}|[A-Za-z0-9+/]{43}=)$", ${key.fqn}))}`,
    errorMessage:
      "The gossip key (TF_VAR_gossip_key) is malformed: expected base64 of 16, 24 or 32 bytes. scripts/keygen prints a new one.",
  });
  key.addValidation({
    condition: `\${${unset} ? true : sha256(${key.fqn}) != "${publishedKey}"}`,
    errorMessage:
      "The gossip key (TF_VAR_gossip_key) is the one printed in the source document: it is public. scripts/keygen prints a new one.",
  });
  return key;
}
