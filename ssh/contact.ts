/** Runs scripts as root on the hosts, all of them at once. */
import type { Host } from "../cluster/model.js";
import type { SshTargets } from "./config.js";
import { inParallel, type Open, type SshResult, withSsh } from "./ssh.js";

/** Runs a POSIX sh script as root on a host. */
export type RunAsRoot = (
  host: Host,
  script: string,
  args?: readonly string[],
  timeoutSeconds?: number,
) => Promise<SshResult>;

/** Calls `body` with a way to run scripts as root, whoever logs in. */
export function withHosts<T>(targets: SshTargets, body: (run: RunAsRoot, open: Open) => Promise<T>): Promise<T> {
  return withSsh(targets, (run, open) =>
    body((host, script, args, timeoutSeconds) => run(host, asRoot(script), args, timeoutSeconds), open),
  );
}

/** Enough to keep a slow network busy, few enough for the operator's machine. */
const atOnce = 64;

/** Does `work` for all hosts, as good as at once; the results are in the order of the hosts. */
export function onAll<H, R>(hosts: readonly H[], work: (host: H) => Promise<R>): Promise<R[]> {
  return inParallel(hosts, work, atOnce);
}

/**
 * What sudo and the host's tools say is read, and has to be English on a host that speaks another language.
 *
 * The shell that runs this may not have read its own input to the end: the script goes on in a here-document.
 */
function asRoot(script: string): string {
  return `export LC_ALL=C
as_root() { if [ "$(id -u)" = 0 ]; then sh -s -- "$@"; else sudo -n env SSH_CLIENT="$SSH_CLIENT" sh -s -- "$@"; fi; }
as_root "$@" <<'END_OF_SCRIPT'
${script}
END_OF_SCRIPT
`;
}
