/** `scripts/plan`: what a deploy is going to do, told in hosts. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { loadCluster } from "../../cluster/load.js";
import { command, UsageError } from "../shared/command.js";
import { painter } from "../shared/progress.js";
import { stackFolder, terraform } from "../shared/terraform.js";
import { markdownPage, textPage } from "./page.js";
import { tell } from "./story.js";
import { TerraformPlan } from "./terraform-plan.js";

const usage = `Usage: scripts/plan [--from FILE] [--no-refresh] [--markdown | --json] [--output DIR] [CLUSTER_FILE]

What a deploy of the synthesised stack is going to do, told in hosts: who joins and leaves, what restarts there and why,
in which order, what loses its network and for how long at most, and what is destroyed. Changes nothing.

  --from FILE    tell a plan that is there already: one that terraform plan -out=FILE has saved, or, as a file or on
                 standard input (-), what terraform show -json printed. That needs neither a host nor the cluster file.
  --no-refresh   plan from the state alone, and ask no host
  --markdown     print the page for a pull request
  --json         print the result as JSON (docs/schemas/plan.schema.json)
  --output DIR   cdktf's output folder, default ./cdktf.out
  --help         print this text
CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

Exit status: 0 told; 2 could not tell; 3 told, and the plan should not be applied: it would take Consul its quorum,
restart routers or servers out of order, destroy what the cluster file does not remove, or be refused by a host.`;

const options = {
  from: { type: "string" },
  "no-refresh": { type: "boolean", default: false },
  markdown: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  output: { type: "string", default: "cdktf.out" },
} as const;

/** The stack of a cluster file. */
const stackOf = (output: string, clusterFile: string): string =>
  stackFolder(
    output,
    loadCluster(clusterFile, { lock: "ignore", hostKeys: "ignore", certificates: "ignore", warn: () => {} }).name,
  );

/** What `terraform show -json` prints of a plan that is made now, and thrown away. */
function freshPlan(stack: string, refresh: boolean): string {
  const folder = mkdtempSync(join(tmpdir(), "multicast-swarm-plan-"));
  try {
    const file = join(folder, "plan");
    terraform(stack, "init", "-input=false");
    terraform(stack, "plan", "-input=false", `-refresh=${refresh}`, `-out=${file}`);
    return terraform(stack, "show", "-json", file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What `terraform show -json` prints of a plan that was saved, unless it is that already. */
function savedPlan(file: string, stack: () => string): string {
  const content = readFileSync(file === "-" ? 0 : file);
  const isArchive = content.subarray(0, 2).toString() === "PK";
  return isArchive ? terraform(stack(), "show", "-json", resolve(file)) : content.toString("utf8");
}

command("plan", { usage, options }, async (clusterFile, { from, "no-refresh": still, markdown, json, output }) => {
  if (markdown && json) {
    throw new UsageError("found both --markdown and --json, expected one of them");
  }
  const stack = () => stackOf(output, clusterFile);
  const text = from === undefined ? freshPlan(stack(), !still) : savedPlan(from, stack);
  const story = tell(new TerraformPlan(text));
  const page = () => (markdown ? markdownPage(story) : textPage(story, painter()));
  console.log(json ? JSON.stringify(story, null, 2) : page().join("\n"));
  return story.result === "dangerous" ? 3 : 0;
});
