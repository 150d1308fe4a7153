/** `npm run reference`: writes every file that is generated from the sources. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { clusterReference } from "../cluster/reference.js";
import { planReference } from "../commands/plan/reference.js";
import { preflightReference } from "../commands/preflight/reference.js";
import { verifyReference } from "../commands/verify/reference.js";

/** What is generated: path from the repository's root, and content. */
export const generated = (): Record<string, string> => ({
  ...clusterReference(),
  ...planReference(),
  ...preflightReference(),
  ...verifyReference(),
});

if (require.main === module) {
  for (const [path, text] of Object.entries(generated())) {
    writeFileSync(join(__dirname, "..", path), text);
    console.log(`wrote ${path}`);
  }
}
