/** `scripts/preflight`: the preflight that a deploy begins with, on its own. */
import { command, inventoryFrom } from "../shared/command.js";
import { hostFile, hostScript } from "../shared/host-scripts.js";
import { runPreflight } from "./preflight.js";

const usage = `Usage: scripts/preflight [--json] [CLUSTER_FILE]

Are the hosts fit for the cluster? Looks at all of them at once over ssh, lets them try each other's ports, and
prints all problems of all hosts in one table. Changes nothing. Every deploy begins with it.
CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

  --json    print the result as JSON (docs/schemas/preflight.schema.json)
  --help    print this text

Exit status: 0 no problem, 1 problems, 2 could not tell.`;

command("preflight", { usage, options: { json: { type: "boolean" } } }, async (clusterFile, { json }) => {
  const programs = {
    host: hostScript("steps/tls.sh", "probes/preflight-facts.sh", "probes/preflight.sh"),
    portProbe: hostFile("probes/port-probe.pl"),
  };
  return runPreflight(inventoryFrom(clusterFile), programs, { json });
});
