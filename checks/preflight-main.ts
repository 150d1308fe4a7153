/**
 * The preflight with Node alone, as a deploy runs it: `node preflight-main.mjs INVENTORY [SCRIPT]`.
 * INVENTORY is `inventoryOf(…)` as JSON; SCRIPT is `preflight.sh`, by default beside it.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Inventory } from "./inventory.js";
import { runPreflight } from "./preflight.js";

async function main([inventoryFile, scriptFile]: readonly string[]): Promise<number> {
  if (inventoryFile === undefined) throw new Error("usage: preflight INVENTORY [SCRIPT]");
  const script = readFileSync(scriptFile ?? join(dirname(inventoryFile), "preflight.sh"), "utf8");
  return runPreflight(JSON.parse(readFileSync(inventoryFile, "utf8")) as Inventory, script);
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    console.error(`preflight: could not tell: ${(error as Error).message}`);
    process.exitCode = 2;
  },
);
