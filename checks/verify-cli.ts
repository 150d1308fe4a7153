/** `scripts/verify [CLUSTER_FILE]` */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defaultClusterFile, end, inventoryFrom } from "./command.js";
import { runVerify } from "./verify.js";

async function main(clusterFile = defaultClusterFile): Promise<number> {
  const script = readFileSync(join(__dirname, "../scripts/host/verify.sh"), "utf8");
  return runVerify(inventoryFrom(clusterFile), script);
}

end("verify", main(process.argv[2]));
