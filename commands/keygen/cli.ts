/** `scripts/keygen` */
import { randomBytes } from "node:crypto";
import { program, UsageError } from "../shared/command.js";

const usage = `Usage: scripts/keygen

Prints a new gossip key for Consul: 32 random bytes in base64. Keep it out of git, where the team keeps its secrets, and
hand it to Terraform in the environment variable TF_VAR_gossip_key.

Exit status: 0 printed, 2 an argument that it does not know.`;

program("keygen", { usage, options: {} }, async (_, [word]) => {
  if (word !== undefined) {
    throw new UsageError(`found ${word}, expected no argument`);
  }
  console.log(randomBytes(32).toString("base64"));
  return 0;
});
