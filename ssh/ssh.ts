/** Runs scripts on hosts over the operator's `ssh`. Whatever runs on a host shares one login there. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { Host } from "../cluster/model.js";
import { shellWord } from "../cluster/shell.js";
import { aliasOf, type SshTargets } from "./config.js";
import { noSsh, withLogins } from "./logins.js";

export interface SshResult {
  /** The script's exit status; 255 when ssh itself failed, 124 when the time was up. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Feeds `script` (POSIX sh) to `sh -s -- ARGS` on a host, or on the bastion. Never throws for what happens there. */
export type Run = (
  where: Host | "bastion",
  script: string,
  args?: readonly string[],
  timeoutSeconds?: number,
) => Promise<SshResult>;

/** Starts a command on a host, to talk with as long as the connection lasts. Rejects with what ssh says when there is none. */
export type Open = (where: Host, command: string) => Promise<ChildProcessWithoutNullStreams>;

/** Calls `body` with a `run` and an `open` whose logins have ended, and whose files are gone, when it is done. */
export function withSsh<T>(targets: SshTargets, body: (run: Run, open: Open) => Promise<T>): Promise<T> {
  return withLogins(targets, (logIn, config) =>
    body(
      async (where, script, args = [], timeoutSeconds = 300) => {
        const end = performance.now() + 1000 * timeoutSeconds;
        const failed = await inTime(logIn(where), timeoutSeconds);
        const command = ["sh -s --", ...args.map(shellWord)].join(" ");
        return failed ?? ssh(["-F", config, aliasOf(where), command], script, (end - performance.now()) / 1000);
      },
      async (where, command) => {
        const failed = await logIn(where);
        if (failed) {
          throw new Error(failed.stderr);
        }
        return spawn("ssh", ["-F", config, where.name, command], { stdio: "pipe" });
      },
    ),
  );
}

/** What comes of a login, or that it has come to nothing so far. */
async function inTime(login: Promise<SshResult | undefined>, seconds: number): Promise<SshResult | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<SshResult>((resolve) => {
    timer = setTimeout(resolve, 1000 * seconds, { status: 124, stdout: "", stderr: "" });
  });
  return Promise.race([login, over]).finally(() => clearTimeout(timer));
}

/** Runs `body` for all items, at most `limit` at a time: hundreds of ssh processes at once help nobody. */
export async function inParallel<T, R>(items: readonly T[], body: (item: T) => Promise<R>, limit = 16): Promise<R[]> {
  const results: R[] = [];
  const queue = [...items.entries()];
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      results[next[0]] = await body(next[1]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}

function ssh(args: readonly string[], input: string, timeoutSeconds: number): Promise<SshResult> {
  return new Promise((done, fail) => {
    const child = spawn("ssh", args, { stdio: "pipe" });
    let [stdout, stderr, late] = ["", "", false];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, timeoutSeconds * 1000);
    const end = (status: number) => {
      clearTimeout(timer);
      done({ status: late ? 124 : status, stdout, stderr });
    };
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") {
        fail(noSsh());
      }
      stderr += error.message;
      end(255);
    });
    child.on("close", (code) => end(code ?? 255));
    // A host that refuses the login closes the pipe before the script is through.
    child.stdin.on("error", () => {}).end(input);
  });
}
