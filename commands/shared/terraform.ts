/** Terraform, as the commands run it. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Runs Terraform in the stack's folder; `TERRAFORM_BINARY_NAME` names another program, as for cdktf. */
export function terraform(stack: string, ...args: string[]): string {
  const program = process.env.TERRAFORM_BINARY_NAME ?? "terraform";
  const { status, stdout, stderr, error } = spawnSync(program, [`-chdir=${stack}`, ...args], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) {
    throw new Error(`${program} ${args.slice(0, 2).join(" ")}: ${error?.message ?? stderr.trim()}`);
  }
  return stdout;
}

/** The folder of a cluster's stack in cdktf's output folder. */
export function stackFolder(output: string, cluster: string): string {
  const stack = join(output, "stacks", cluster);
  if (!existsSync(join(stack, "cdk.tf.json"))) {
    throw new Error(`found no ${stack}/cdk.tf.json, expected the stack that was deployed: run npx cdktf synth`);
  }
  return stack;
}
