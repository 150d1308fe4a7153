/** The files that travel with the stack: what runs on hosts and the preflight program. The only place in constructs/ that reads files. */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AssetType, TerraformAsset } from "cdktf";
import type { Construct } from "constructs";
import { buildSync } from "esbuild";
import { sha256 } from "./text.js";

const root = join(__dirname, "..");
const hostScripts = join(root, "scripts", "host", "steps");

/** The folder of scripts that every host gets. */
export const hostScriptsAsset = (scope: Construct) =>
  new TerraformAsset(scope, "host-scripts", { path: hostScripts, type: AssetType.DIRECTORY });

const contents = new Map(
  readdirSync(hostScripts)
    .filter((file) => file.endsWith(".sh"))
    .map((file) => [file, readFileSync(join(hostScripts, file), "utf8")] as const),
);

/** A hash of one step: of its script, of the library, and of every other script that it names. */
export function stepHash(script: string, seen = new Set<string>()): string {
  const text = contents.get(script);
  if (text === undefined) throw new Error(`scripts/host/steps has no ${script}`);
  seen.add(script);
  const used = [...contents.keys()].filter((other) => !seen.has(other) && text.includes(`/${other}"`)).sort();
  return sha256([text, ...used.map((other) => stepHash(other, seen))].join("\n"));
}

/** The preflight as one file that needs nothing but Node, so that applying the stack does not need this checkout. */
export function preflightAsset(scope: Construct): TerraformAsset {
  const folder = join(root, ".build");
  const { outputFiles } = buildSync({
    absWorkingDir: root,
    entryPoints: ["commands/preflight/in-deploy.ts"],
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
