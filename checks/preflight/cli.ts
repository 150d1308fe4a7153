/** `scripts/preflight [--json] [CLUSTER_FILE]`: the preflight that a deploy begins with, on its own. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { defaultClusterFile, end, inventoryFrom } from "../../hosts/command.js";
import { runPreflight } from "./preflight.js";

const usage = `Usage: scripts/preflight [--json] [CLUSTER_FILE]

Are the hosts fit for the cluster? Looks at all of them at once over ssh and lets them try each other's ports;
all problems of all hosts in one table. Changes nothing. A deploy begins with it.
CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

  --json    the result as JSON on standard output
  --help    this text

Exit status: 0 no problem, 1 problems, 2 could not tell.`;

const text = (name: string) => readFileSync(join(__dirname, "../../scripts/host", name), "utf8");

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const [clusterFile = defaultClusterFile, ...more] = positionals;
  if (more.length > 0) throw new Error(`one cluster file, not also ${more.join(", ")}: scripts/preflight --help`);
  const programs = { host: `${text("preflight-facts.sh")}\n${text("preflight.sh")}`, links: text("port-probe.pl") };
  return runPreflight(inventoryFrom(clusterFile), programs, values);
}

end("preflight", main());
