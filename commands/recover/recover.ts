/** `scripts/recover`: after a deploy whose Terraform was killed, makes the next deploy run all of its steps again. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Inventory } from "../../cluster/inventory.js";
import { label } from "../../cluster/model.js";
import { explainContact, lastLine, onAll, withHosts } from "../../ssh/contact.js";
import { inventoryFrom } from "../shared/command.js";
import { hostScript } from "../shared/host-scripts.js";

/** How long a step may go on after its deploy has ended: as long as packages take to install. */
const stepSeconds = 600;

/** The part of Terraform's state that matters here, as `terraform state pull` prints it. */
interface State {
  readonly resources?: readonly {
    readonly mode: string;
    readonly type: string;
    readonly name: string;
    readonly instances: readonly { readonly attributes: { readonly id?: string } }[];
  }[];
}

/** Steps by their addresses, and the ids of containers, that a state knows. */
export function known({ resources = [] }: State): { readonly steps: string[]; readonly containers: string[] } {
  const managed = resources.filter(({ mode }) => mode === "managed");
  return {
    // Where that step ran again, containers would go that the state has.
    steps: managed
      .filter(({ type, name }) => type === "null_resource" && !name.endsWith("_swarm_clear"))
      .map(({ name }) => `null_resource.${name}`),
    containers: managed
      .filter(({ type }) => type === "docker_container")
      .flatMap(({ instances }) => instances.flatMap(({ attributes: { id } }) => id ?? [])),
  };
}

/** Runs Terraform in the stack's folder; `TERRAFORM_BINARY_NAME` names another program, as for cdktf. */
function terraform(stack: string, ...args: string[]): string {
  const program = process.env.TERRAFORM_BINARY_NAME ?? "terraform";
  const { status, stdout, stderr, error } = spawnSync(program, [`-chdir=${stack}`, ...args], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`${program} ${args.slice(0, 2).join(" ")}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}

async function tidyHosts(inventory: Inventory, containers: readonly string[]): Promise<void> {
  const script = hostScript("probes/recover.sh");
  const args = [inventory.name, String(stepSeconds), ...containers];
  const results = await withHosts(inventory, (run) =>
    onAll(inventory.hosts, async (host) => ({ host, result: await run(host, script, args, stepSeconds + 60) })),
  );
  for (const { result } of results) process.stdout.write(result.stdout);
  const failed = results.flatMap(({ host, result }) => {
    if (result.status === 0) return [];
    return `${label(host)}: ${explainContact(inventory, host, result)?.found ?? lastLine(result.stderr)}`;
  });
  if (failed.length > 0) throw new Error(`${failed.join("; ")}; the state was not changed`);
}

export async function recover(clusterFile: string, output: string): Promise<number> {
  const inventory = inventoryFrom(clusterFile);
  const stack = join(output, "stacks", inventory.name);
  if (!existsSync(join(stack, "cdk.tf.json"))) {
    throw new Error(`found no ${stack}/cdk.tf.json, expected the stack that was deployed: run npx cdktf synth`);
  }

  terraform(stack, "init", "-input=false");
  const { steps, containers } = known(JSON.parse(terraform(stack, "state", "pull") || "{}") as State);
  await tidyHosts(inventory, containers);
  if (steps.length > 0) terraform(stack, "state", "rm", ...steps);
  console.log(`recover: ${steps.length} steps run again with the next deploy: npx cdktf deploy`);
  return 0;
}
