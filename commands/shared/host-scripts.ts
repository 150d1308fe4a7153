/** The texts of the programs that commands run on hosts, from `scripts/host`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(__dirname, "../../scripts/host");

/** One file, such as `probes/verify.sh`. */
export const hostFile = (name: string): string => readFileSync(join(folder, name), "utf8");

/** A shell program of one or more files, which knows the project's names and ports. */
export const hostScript = (...names: readonly string[]): string =>
  ["steps/names.sh", ...names].map(hostFile).join("\n");
