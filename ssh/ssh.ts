/**
 * Runs scripts on hosts over the operator's `ssh`, with the logins and host keys of the cluster file and nothing
 * of the operator's own SSH configuration, so that what works here works for Terraform too.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostKeyAlgorithms, knownHostsName } from "../cluster/known-hosts.js";
import type { Host, Login, Settings } from "../cluster/model.js";
import { resolveWritten } from "../cluster/paths.js";
import { shellWord } from "../cluster/shell.js";

/** What ssh has to know of a cluster. Key files are relative to the folder that the command runs in. */
export interface SshTargets {
  readonly hosts: readonly Host[];
  readonly bastion?: Login;
  readonly settings: { readonly ssh: Pick<Settings["ssh"], "hostKeyChecking" | "timeoutSeconds"> };
}

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

/** Starts a command on a host, to talk with as long as the connection lasts. */
export type Open = (where: Host, command: string) => ChildProcessWithoutNullStreams;

/** Calls `body` with a `run` and an `open` whose temporary files are gone when it is done. */
export function withSsh<T>(targets: SshTargets, body: (run: Run, open: Open) => Promise<T>): Promise<T> {
  return withSshConfig(targets, (config) =>
    body(
      (where, script, args = [], timeoutSeconds = 300) => {
        const alias = where === "bastion" ? bastionAlias : where.name;
        return ssh(["-F", config, alias, ["sh -s --", ...args.map(shellWord)].join(" ")], script, timeoutSeconds);
      },
      (where, command) => spawn("ssh", ["-F", config, where.name, command], { stdio: "pipe" }),
    ),
  );
}

/** Calls `body` with a configuration for ssh, in a folder of this user's alone that is gone when it is done. */
export async function withSshConfig<T>(
  targets: SshTargets,
  body: (config: string, folder: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "multicast-swarm-ssh-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  // A command that is interrupted does not come to the end of this.
  process.once("exit", remove);
  try {
    const config = join(folder, "config");
    writeFileSync(join(folder, "known_hosts"), knownHosts(targets), { mode: 0o600 });
    writeFileSync(config, sshConfig(targets, join(folder, "known_hosts")), { mode: 0o600 });
    return await body(config, folder);
  } finally {
    process.off("exit", remove);
    remove();
  }
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

/** What the configuration calls the bastion. Not a possible host name, so that no host can be called so. */
export const bastionAlias = "_bastion";

function sshConfig({ hosts, bastion, settings }: SshTargets, knownHostsFile: string): string {
  const { hostKeyChecking, timeoutSeconds } = settings.ssh;
  const login = (alias: string, { address, user, port, keyFile }: Login) => [
    `Host ${alias}`,
    `  HostName ${address}`,
    `  User ${user}`,
    `  Port ${port}`,
    // Without a key file Terraform asks the agent and tries no file of its own: so does this.
    keyFile === undefined ? "  IdentityFile none" : `  IdentityFile "${keyPath(keyFile)}"`,
    ...(keyFile === undefined ? [] : ["  IdentitiesOnly yes"]),
    ...(bastion && alias !== bastionAlias ? [`  ProxyJump ${bastionAlias}`] : []),
  ];
  return [
    ...hosts.flatMap((host) => login(host.name, host.login)),
    ...(bastion ? login(bastionAlias, bastion) : []),
    "Host *",
    "  BatchMode yes",
    `  ConnectTimeout ${timeoutSeconds}`,
    "  ServerAliveInterval 15",
    `  StrictHostKeyChecking ${hostKeyChecking === "off" ? "no" : "yes"}`,
    `  UserKnownHostsFile ${hostKeyChecking === "off" ? "/dev/null" : `"${knownHostsFile}"`}`,
    "  GlobalKnownHostsFile /dev/null",
    `  HostKeyAlgorithms ${hostKeyAlgorithms.join(",")}`,
    "  UpdateHostKeys no",
    "  LogLevel ERROR",
    "",
  ].join("\n");
}

function knownHosts({ hosts, bastion }: SshTargets): string {
  const logins = [...hosts.map(({ login }) => login), ...(bastion ? [bastion] : [])];
  // No more than Terraform, which pins the first one.
  const lines = logins.flatMap(({ address, port, hostKeys }) =>
    hostKeys.slice(0, 1).map((key) => `${knownHostsName(address, port)} ${key}\n`),
  );
  return lines.join("");
}

/** ssh expands percent signs in the names of key files. */
function keyPath(keyFile: string): string {
  const path = resolveWritten(process.cwd(), keyFile);
  // ssh itself would go on without it, and be refused.
  if (!existsSync(path)) {
    throw new Error(`keyFile: found no file ${path}, expected a private key`);
  }
  return path.replaceAll("%", "%%");
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
        fail(new Error("this machine has no ssh: apt-get install openssh-client"));
      }
      stderr += error.message;
      end(255);
    });
    child.on("close", (code) => end(code ?? 255));
    // A host that refuses the login closes the pipe before the script is through.
    child.stdin.on("error", () => {}).end(input);
  });
}
