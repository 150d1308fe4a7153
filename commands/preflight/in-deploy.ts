/**
 * The preflight with Node alone, as a deploy runs it: `node preflight.cjs INVENTORY`.
 * The environment variable `deploy_by` says who deploys. INVENTORY is `inventoryOf(…)` as JSON; esbuild makes this file and all it needs into one.
 */
import { readFileSync } from "node:fs";
import type { Inventory } from "../../cluster/inventory.js";
import { runPreflight } from "./preflight.js";
import programs from "./programs.js";

async function main(inventoryFile: string | undefined): Promise<number> {
  if (inventoryFile === undefined) {
    throw new Error("usage: preflight INVENTORY");
  }
  return runPreflight(JSON.parse(readFileSync(inventoryFile, "utf8")) as Inventory, programs, {
    deployer: process.env.deploy_by,
  });
}

main(process.argv[2]).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    console.error(`preflight: could not tell: ${(error as Error).message}`);
    process.exitCode = 2;
  },
);
