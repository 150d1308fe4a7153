/** `scripts/preflight [CLUSTER_FILE]`: the preflight that a deploy begins with, on its own. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defaultClusterFile, end, inventoryFrom } from "./command.js";
import { runPreflight } from "./preflight.js";

async function main(clusterFile = defaultClusterFile): Promise<number> {
  const script = readFileSync(join(__dirname, "../scripts/host/preflight.sh"), "utf8");
  return runPreflight(inventoryFrom(clusterFile), script);
}

end("preflight", main(process.argv[2]));
