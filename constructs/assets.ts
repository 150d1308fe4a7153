/** The files that travel with the stack: what runs on hosts and the preflight program. Here and in step-scripts.ts alone, constructs/ reads files. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { AssetType, TerraformAsset } from "cdktf";
import type { Construct } from "constructs";
import { buildSync } from "esbuild";
import { stepsFolder } from "./step-scripts.js";
import { sha256 } from "./text.js";

const root = join(__dirname, "..");
const buildFolder = join(root, ".build");

/** The folder of steps that every host gets. */
export const stepsAsset = (scope: Construct) =>
  new TerraformAsset(scope, "host-scripts", { path: stepsFolder, type: AssetType.DIRECTORY });

/** Texts as files of one folder. */
export function textsAsset(scope: Construct, id: string, texts: Readonly<Record<string, string>>): TerraformAsset {
  const folder = join(buildFolder, `${id}-${sha256(JSON.stringify(texts)).slice(0, 16)}`);
  for (const [name, text] of Object.entries(texts)) {
    writeWhole(join(folder, name), text);
  }
  return new TerraformAsset(scope, id, { path: folder, type: AssetType.DIRECTORY });
}

/** Renamed into place: another synthesis may be reading it. */
function writeWhole(path: string, content: string | Uint8Array): void {
  const fresh = join(buildFolder, `${basename(path)}.${process.pid}`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(fresh, content);
  renameSync(fresh, path);
}

/** The preflight as one file that needs nothing but Node, so that applying the stack does not need this checkout. */
export function preflightAsset(scope: Construct): TerraformAsset {
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
  const path = join(buildFolder, "preflight.cjs");
  writeWhole(path, outputFiles[0]?.contents ?? "");
  return new TerraformAsset(scope, "preflight-program", { path, type: AssetType.FILE });
}
