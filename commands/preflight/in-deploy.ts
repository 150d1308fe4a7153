/**
 * The preflight with Node alone, as a deploy runs it: `node preflight.cjs INVENTORY`.
 * The environment variable `deploy_by` says who deploys. INVENTORY is a file of `inventoryText`; esbuild makes this file and all it needs into one.
 */
import { readFileSync } from "node:fs";
import { inventoryFromText } from "../../cluster/inventory.js";
import { runPreflight } from "./preflight.js";
import programs from "./programs.js";

async function main(inventoryFile: string | undefined): Promise<number> {
  if (inventoryFile === undefined) {
    throw new Error("usage: preflight INVENTORY");
  }
  return runPreflight(inventoryFromText(readFileSync(inventoryFile, "utf8")), programs, {
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
