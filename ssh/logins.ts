/** One login on each machine, which all that is asked there shares, and no more of them at once than an sshd takes. */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../cluster/model.js";
import { aliasOf, type SshTargets, withSshConfig } from "./config.js";
import type { SshResult } from "./ssh.js";

/** Logs in where that has not been done yet: nothing, or what ssh says when there is no way in. */
export type LogIn = (where: Host | "bastion") => Promise<SshResult | undefined>;

/**
 * Calls `body` with a way to log in, and with a configuration by which each `ssh` shares the login of its machine. All
 * logins have ended when it is done.
 */
export function withLogins<T>(
  targets: SshTargets,
  body: (logIn: LogIn, config: string, folder: string) => Promise<T>,
): Promise<T> {
  return withSshConfig(targets, async (config, folder) => {
    const masters = new Set<ChildProcess>();
    const end = () => {
      for (const child of masters) {
        child.kill();
      }
    };
    process.once("exit", end);
    try {
      return await body(sharedLogins(targets, config, masters), config, folder);
    } finally {
      process.off("exit", end);
      end();
    }
  });
}

export const noSsh = () => new Error("this machine has no ssh: apt-get install openssh-client");

/** An sshd hangs up on some, at random, when ten others have not been let in yet (MaxStartups 10:30:100). */
const atOnce = 8;

/** How long to wait before the next attempt: others log in too, and a bastion is everybody's. */
const pausesSeconds = [0.5, 1, 2, 4];

function sharedLogins({ bastion }: SshTargets, config: string, masters: Set<ChildProcess>): LogIn {
  const logins = new Map<string, Promise<SshResult | undefined>>();
  const queues = new Map<string, Queue>();

  const attempt = (alias: string) => {
    const { child, ready } = master(config, alias);
    masters.add(child);
    child.once("close", () => masters.delete(child));
    return ready.then((failed) => {
      // Should the login be lost later, whoever comes then makes another one.
      if (!failed) {
        child.once("close", () => logins.delete(alias));
      }
      return failed;
    });
  };
  const newLogin = async (where: Host | "bastion"): Promise<SshResult | undefined> => {
    // What goes by way of the bastion goes through one login there, however many hosts there are.
    const failed = where !== "bastion" && bastion ? await logIn("bastion") : undefined;
    if (failed) {
      return failed;
    }
    const login = where === "bastion" ? bastion : where.login;
    const sshd = `${login?.address}:${login?.port}`;
    const inTurn = queues.get(sshd) ?? queue(atOnce);
    queues.set(sshd, inTurn);
    for (const pause of pausesSeconds) {
      const failed = await inTurn(() => attempt(aliasOf(where)));
      if (!failed || !hungUp(failed)) {
        return failed;
      }
      await sleep(1000 * pause * (0.5 + Math.random()));
    }
    return inTurn(() => attempt(aliasOf(where)));
  };
  const logIn: LogIn = (where) => {
    const alias = aliasOf(where);
    const login = logins.get(alias) ?? newLogin(where);
    logins.set(alias, login);
    return login;
  };
  return logIn;
}

/** The sshd hung up before it knew who is there. By way of a bastion, that is also how it shows that nobody listens. */
const hungUp = ({ stderr }: SshResult): boolean =>
  /(kex|ssh)_exchange_identification|Connection (closed|reset) by/.test(stderr) && !/stdio forwarding/i.test(stderr);

/** An ssh that does nothing but hold a login for others, in a process group of its own: Ctrl-C is not for it. */
function master(config: string, alias: string): { child: ChildProcess; ready: Promise<SshResult | undefined> } {
  // ssh runs a local command when it has logged in and takes others along. When this process is killed and cannot say
  // so, the end of its pipe says it.
  const localCommand = "echo ready; exec 3<&0; { read -r _ <&3; kill $PPID; } >/dev/null 2>&1 &";
  const options = ["-o", "PermitLocalCommand=yes", "-o", `LocalCommand=${localCommand}`];
  const child = spawn("ssh", ["-F", config, "-M", "-N", ...options, alias], {
    stdio: "pipe",
    detached: true,
    // The local command's, whichever the operator has.
    env: { ...process.env, SHELL: "/bin/sh" },
  });
  child.stdin.on("error", () => {});
  const ready = new Promise<SshResult | undefined>((resolve, reject) => {
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.stdout.once("data", () => resolve(undefined));
    child.once("error", (error: NodeJS.ErrnoException) => reject(error.code === "ENOENT" ? noSsh() : error));
    child.once("close", (status) => resolve({ status: status ?? 255, stdout: "", stderr }));
  });
  return { child, ready };
}

type Queue = <T>(body: () => Promise<T>) => Promise<T>;

/** Calls at most so many bodies at a time, in the order in which they come. */
function queue(limit: number): Queue {
  let free = limit;
  const waiting: (() => void)[] = [];
  return async (body) => {
    if (free > 0) {
      free--;
    } else {
      await new Promise<void>((go) => waiting.push(go));
    }
    try {
      return await body();
    } finally {
      const next = waiting.shift();
      if (next) {
        next();
      } else {
        free++;
      }
    }
  };
}
