/** `npm run reference`: writes every file that is generated from the sources. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadCluster } from "../cluster/load.js";
import { clusterReference } from "../cluster/reference.js";
import { benchReference } from "../commands/bench/reference.js";
import { planReference } from "../commands/plan/reference.js";
import { preflightReference } from "../commands/preflight/reference.js";
import { verifyReference } from "../commands/verify/reference.js";
import { synthesise } from "../constructs/synthesise.js";

/** What is generated: path from the repository's root, and content. */
export const generated = (): Record<string, string> => ({
  ...clusterReference(),
  ...benchReference(),
  ...planReference(),
  ...preflightReference(),
  ...verifyReference(),
});

/** Writes the stack that an example has checked in, as scripts/synth does, in the example's folder or a copy of it. */
export function synthesiseExample(folder: string): void {
  rmSync(join(folder, "cdktf.out"), { recursive: true, force: true });
  // Its checksums are placeholders, of which there is a warning.
  synthesise(loadCluster(join(folder, "cluster.yaml"), { warn: () => {} }), join(folder, "cdktf.out"));
}

if (require.main === module) {
  for (const [path, text] of Object.entries(generated())) {
    writeFileSync(join(__dirname, "..", path), text);
    console.log(`wrote ${path}`);
  }
  synthesiseExample(join(__dirname, "../examples/gitops"));
  console.log("wrote examples/gitops/cdktf.out");
}
