/** The password that Weave's routers know each other by, given to Terraform as the environment variable TF_VAR_weave_password. */
import type { TerraformStack } from "cdktf";
import type { Settings } from "../cluster/model.js";
import { secretUploads } from "../cluster/names.js";
import { declareSecret, secretConditions } from "./secret.js";
import type { Upload } from "./step.js";

const password = "var.weave_password";

type Security = Pick<Settings, "security">;

/** Declared where the cluster has one. */
export function declareWeavePassword(stack: TerraformStack, { security }: Security): void {
  if (security.weaveEncryption) {
    declareSecret(stack, "weave_password", "The password of Weave Net's routers, from scripts/keygen");
  }
}

/** What weave-install.sh is told of the password, and the password, which no plan, state or log shows. */
export function weavePassword({ security }: Security): {
  readonly args: Readonly<Record<string, number>>;
  readonly uploads: readonly Upload[];
} {
  return security.weaveEncryption
    ? {
        args: { password: security.weavePasswordChanged },
        uploads: [{ content: `WEAVE_PASSWORD=\${${password}}\n`, to: `${secretUploads}/weave-password` }],
      }
    : { args: {}, uploads: [] };
}

/**
 * Too long to be guessed, since whoever records a connection can try as many as they like, and of letters that systemd and
 * shells read as they are.
 */
export const weavePasswordConditions = ({ security }: Security) =>
  security.weaveEncryption
    ? secretConditions(
        password,
        "No Weave password: security.weaveEncryption needs the environment variable TF_VAR_weave_password. scripts/keygen prints one; keep it where the team keeps its secrets.",
        [
          `can(regex("^[A-Za-z0-9+/=_-]{32,}$", ${password}))`,
          "The Weave password in TF_VAR_weave_password is malformed: expected 32 or more letters, digits and + / = _ -. scripts/keygen prints one.",
        ],
      )
    : [];
