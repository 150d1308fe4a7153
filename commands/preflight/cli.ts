/** `scripts/preflight [--json] [CLUSTER_FILE]`: the preflight that a deploy begins with, on its own. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { command, inventoryFrom } from "../shared/command.js";
import { runPreflight } from "./preflight.js";

const usage = `Usage: scripts/preflight [--json] [CLUSTER_FILE]

Are the hosts fit for the cluster? Looks at all of them at once over ssh and lets them try each other's ports;
all problems of all hosts in one table. Changes nothing. A deploy begins with it.
CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

  --json    the result as JSON on standard output
  --help    this text

Exit status: 0 no problem, 1 problems, 2 could not tell.`;

const text = (name: string) => readFileSync(join(__dirname, "../../scripts/host/probes", name), "utf8");

command("preflight", { usage, options: { json: { type: "boolean" } } }, async (clusterFile, { json }) => {
  const programs = { host: `${text("preflight-facts.sh")}\n${text("preflight.sh")}`, links: text("port-probe.pl") };
  return runPreflight(inventoryFrom(clusterFile), programs, { json });
});
