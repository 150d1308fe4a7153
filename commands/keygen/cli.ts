/** `scripts/keygen` */
import { randomBytes, randomUUID } from "node:crypto";
import { program, UsageError } from "../shared/command.js";

const usage = `Usage: scripts/keygen [--token]

Prints a new secret: 32 random bytes in base64, for the environment variables TF_VAR_gossip_key and TF_VAR_weave_password.
Keep it out of git, where the team keeps its secrets, and hand it to Terraform in that variable.

  --token  a random UUID instead, for TF_VAR_consul_token

Exit status: 0 printed, 2 an argument that it does not know.`;

program("keygen", { usage, options: { token: { type: "boolean" } } }, async ({ token }, [word]) => {
  if (word !== undefined) {
    throw new UsageError(`found ${word}, expected no argument`);
  }
  console.log(token ? randomUUID() : randomBytes(32).toString("base64"));
  return 0;
});
