/**
 * Paths as people write them in the cluster file: absolute, `~/…`, or relative to the cluster file. This is the only
 * place that says where they lead.
 */
import { homedir } from "node:os";
import { join, relative, resolve } from "node:path";

/** The absolute path on this machine. `directory` is the cluster file's folder. */
export const resolveWritten = (directory: string, written: string): string =>
  resolve(directory, written.replace(/^~(?=\/|$)/, homedir()));

/**
 * The same path as seen from another folder, for programs that run there. Absolute paths and `~/…` stay as written, so
 * that a stack does not depend on whose machine it was synthesised on.
 */
export const relativeTo =
  (folder: string, directory: string) =>
  (written: string): string =>
    /^(\/|~(\/|$))/.test(written) ? written : relative(folder, join(directory, written));
