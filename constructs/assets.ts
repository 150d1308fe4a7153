/** The files that travel with the stack: what runs on hosts and the preflight program. Here and in step-scripts.ts alone, constructs/ reads files. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AssetType, TerraformAsset } from "cdktf";
import type { Construct } from "constructs";
import { buildSync } from "esbuild";
import { stepsFolder } from "./step-scripts.js";

const root = join(__dirname, "..");

/** The folder of steps that every host gets. */
export const stepsAsset = (scope: Construct) =>
  new TerraformAsset(scope, "host-scripts", { path: stepsFolder, type: AssetType.DIRECTORY });

/** The preflight as one file that needs nothing but Node, so that applying the stack does not need this checkout. */
export function preflightAsset(scope: Construct): TerraformAsset {
  const folder = join(root, ".build");
  const { outputFiles } = buildSync({
    absWorkingDir: root,
    // Without its ending: in the package it is JavaScript.
    entryPoints: ["./commands/preflight/in-deploy"],
    write: false,
    bundle: true,
    platform: "node",
    target: "node20",
    logLevel: "error",
  });
  // Renamed into place: another synthesis may be reading it.
  const path = join(folder, "preflight.cjs");
  const fresh = `${path}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(fresh, outputFiles[0]?.contents ?? "");
  renameSync(fresh, path);
  return new TerraformAsset(scope, "preflight-program", { path, type: AssetType.FILE });
}
