/** Consul's gossip key, given to Terraform as the environment variable TF_VAR_gossip_key. */
import type { TerraformStack } from "cdktf";
import { declareSecret, secretConditions } from "./secret.js";

/** The variable, as an expression of Terraform's. */
export const gossipKey = "var.gossip_key";

/** The key that the guide prints is public; only its hash stands here. */
const publishedKey = "3052a23951ba23032cb026148634facc97dadc6271231e19f86de8019fa5fb4a";

export const declareGossipKey = (stack: TerraformStack): void =>
  declareSecret(stack, "gossip_key", "Consul's gossip key, from scripts/keygen");

/** Base64 of 16, 24 or 32 bytes (https://developer.hashicorp.com/consul/commands/keygen), and not the published one. */
export const gossipKeyConditions = secretConditions(
  gossipKey,
  "No gossip key: set the environment variable TF_VAR_gossip_key. scripts/keygen prints a new one; keep it where the team keeps its secrets.",
  [
    `can(regex("^([A-Za-z0-9+/]{22}==|[A-Za-z0-9+/]{32}|[A-Za-z0-9+/]{43}=)$", ${gossipKey}))`,
    "The gossip key in TF_VAR_gossip_key is malformed: expected base64 of 16, 24 or 32 bytes. scripts/keygen prints a new one.",
  ],
  [
    `sha256(${gossipKey}) != "${publishedKey}"`,
    "The gossip key in TF_VAR_gossip_key is the one that the guide prints: it is public. scripts/keygen prints a new one.",
  ],
);
