/** The token that may do everything in Consul, given to Terraform as the environment variable TF_VAR_consul_token. */
import type { TerraformStack } from "cdktf";
import type { Settings } from "../cluster/model.js";
import { secretUploads } from "../cluster/names.js";
import { declareSecret, secretConditions } from "./secret.js";
import type { Upload } from "./step.js";

const token = "var.consul_token";

type Security = Pick<Settings, "security">;

/**
 * A token that follows from the management token and does not lead back to it (RFC 9562, version 5): the operator keeps
 * one secret, and only servers ever see that one.
 */
const derived = (what: string): string => `uuidv5(${token}, "${what}")`;

/** What every agent says for requests without a token: Swarm's, and its own. */
const agentsToken = derived("agents");

/** What an agent obeys on its own host alone: root there tells it to leave. */
const recoveryToken = derived("recovery");

/** Declared where the cluster has one. */
export function declareConsulToken(stack: TerraformStack, { security }: Security): void {
  if (security.consulAcl) {
    declareSecret(stack, "consul_token", "The token that may do everything in Consul, from scripts/keygen --token");
  }
}

/** What an agent's steps are told of its tokens: the count alone, since Terraform does not see a changed secret. */
export const tokensArgument = ({ security }: Security): { readonly tokens?: number } =>
  security.consulAcl ? { tokens: security.consulTokenChanged } : {};

/** An agent's tokens, as a key and its value in the file that has the gossip key. */
export const agentTokens = ({ security }: Security): string =>
  security.consulAcl ? `, acl = { tokens = { default = ${agentsToken}, agent_recovery = ${recoveryToken} } }` : "";

/** For servers alone, and for no longer than a step runs there: the management token, and behind it the agents'. */
export const managementToken: Upload = {
  content: `\${${token}}\n\${${agentsToken}}\n`,
  to: `${secretUploads}/consul-tokens`,
};

/** A token of Consul's is a UUID; those that begin with zeros are its own. */
export const consulTokenConditions = ({ security }: Security) =>
  security.consulAcl
    ? secretConditions(
        token,
        "No Consul token: security.consulAcl needs the environment variable TF_VAR_consul_token. scripts/keygen --token prints one; keep it where the team keeps its secrets.",
        [
          `can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", ${token})) && !startswith(${token}, "00000000-")`,
          "The Consul token in TF_VAR_consul_token is malformed: expected a UUID in lower case, as scripts/keygen --token prints it.",
        ],
      )
    : [];
