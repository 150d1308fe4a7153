/** Why a machine could not be asked: the only place that interprets what ssh and sudo say. */
import { existsSync } from "node:fs";
import { type Host, type Login, label } from "../cluster/model.js";
import { resolveWritten } from "../cluster/paths.js";
import type { SshTargets } from "./config.js";
import type { SshResult } from "./ssh.js";

/** What is in the way, and what removes it. */
export interface Cause {
  readonly check: string;
  /** What was found … */
  readonly found: string;
  /** … what is needed … */
  readonly needed: string;
  /** … and the command, or the step, that usually fixes it. */
  readonly fix: string;
}

/** Why a host could not be asked, or nothing when the script ran. */
export function explainContact(
  targets: SshTargets,
  host: Host,
  result: SshResult,
): (Cause & { readonly host: string }) | undefined {
  const cause = explainSsh(targets, host, result) ?? explainSudo(host, result);
  return cause && { host: host.name, ...cause };
}

/** Why a script failed, in one line: which machine, what happened, and the way out where there is one. */
export function explainInOneLine(targets: SshTargets, where: Host | "bastion", result: SshResult): string {
  const cause = explainSsh(targets, where, result);
  const who = where === "bastion" ? `the jump host ${targets.bastion?.address}` : label(where);
  if (cause) {
    return `${who}: ${cause.found}; to fix it: ${cause.fix}`;
  }
  const lines = result.stderr.trim().split(/\r?\n/);
  return `${who}: ${lines.slice(-3).join("; ") || `exit status ${result.status}`}`;
}

// ── ssh ─────────────────────────────────────────────────────────────────────────────────────────────

/** The machine that ssh failed at, and what it said. */
interface Failure {
  readonly stderr: string;
  readonly login: Login;
  readonly who: string;
  /** What `scripts/hostkeys --replace` calls it. */
  readonly name: string;
  /** Address and port. */
  readonly target: string;
  /** The jump host that leads to the machine. */
  readonly by?: Login;
  readonly timeoutSeconds: number;
}

function explainSsh(targets: SshTargets, where: Host | "bastion", { status, stderr }: SshResult): Cause | undefined {
  const failure = failureAt(targets, where, stderr);
  if (status === 124) {
    return silence(failure, failure.target, "no answer in time");
  }
  if (status !== 255) {
    return undefined;
  }
  for (const explain of [changedHostKey, unknownHostKey, refusedLogin, refusedConnection, noAnswer, noWayOn]) {
    const cause = explain(failure);
    if (cause) {
      return cause;
    }
  }
  return anythingElse(failure);
}

function failureAt({ bastion, settings }: SshTargets, where: Host | "bastion", stderr: string): Failure {
  const { timeoutSeconds } = settings.ssh;
  // ssh names the machine that it failed at, and it comes to the jump host first.
  const atBastion =
    where === "bastion" || (bastion && bastion.address !== where.login.address && mentions(stderr, bastion.address));
  if (bastion && atBastion) {
    const { address, port } = bastion;
    const who = `the jump host ${address}`;
    return { stderr, login: bastion, who, name: address, target: `jump host ${address} port ${port}`, timeoutSeconds };
  }
  if (where === "bastion") {
    throw new Error("the cluster has no bastion");
  }
  const { login, name } = where;
  return {
    stderr,
    login,
    who: label(where),
    name,
    target: `${login.address} port ${login.port}`,
    ...(bastion ? { by: bastion } : {}),
    timeoutSeconds,
  };
}

/** Is this address, and not one that only begins or ends like it, in the text? */
function mentions(text: string, address: string): boolean {
  return text.split(/[^A-Za-z0-9.-]+/).some((word) => word.replace(/\.$/, "") === address);
}

const targetWithWay = ({ target, by }: Failure) => (by ? `${target} (by way of ${by.address})` : target);

function changedHostKey({ stderr, who, name }: Failure): Cause | undefined {
  if (!/REMOTE HOST IDENTIFICATION HAS CHANGED/.test(stderr)) {
    return undefined;
  }
  const [, type = "ed25519", fingerprint] =
    /fingerprint for the (\w+) key sent by the remote host is\s+(SHA256:[A-Za-z0-9+/]+)/.exec(stderr) ?? [];
  return {
    check: "host key",
    found: `the host key is not the one in known_hosts${fingerprint ? ` (${type} ${fingerprint})` : ""}`,
    needed: `the key in known_hosts, or proof that ${who} has a new one`,
    fix: `on its console: ssh-keygen -lf /etc/ssh/ssh_host_${type.toLowerCase()}_key.pub; if it shows the same, scripts/hostkeys --replace ${name}`,
  };
}

function unknownHostKey({ stderr, who, name }: Failure): Cause | undefined {
  if (!/Host key verification failed|host key is known for/.test(stderr)) {
    return undefined;
  }
  return {
    check: "host key",
    found: `no key of ${who} in known_hosts, or none of a type that it offers`,
    needed: "its keys in known_hosts beside the cluster file",
    fix: `scripts/hostkeys --replace ${name}, and compare with its console`,
  };
}

function refusedLogin({ stderr, login }: Failure): Cause | undefined {
  const [refusal] = /Permission denied \([^)]*\)|Too many authentication failures/.exec(stderr) ?? [];
  if (refusal === undefined) {
    return undefined;
  }
  const { address, port, user, keyFile } = login;
  const found = `${refusal.toLowerCase()} for ${user}@${address}`;
  if (keyFile === undefined) {
    return {
      check: "login",
      found,
      needed: "a key in the SSH agent that the host knows",
      fix: `ssh-copy-id -p ${port} ${user}@${address}`,
    };
  }
  const needed = `the public key of ${keyFile} on the host`;
  if (!existsSync(resolveWritten(process.cwd(), keyFile))) {
    const fix = "correct ssh.keyFile in the cluster file";
    return { check: "login", found: `${found}; there is no key file ${keyFile}`, needed, fix };
  }
  return { check: "login", found, needed, fix: `ssh-copy-id -i ${keyFile} -p ${port} ${user}@${address}` };
}

function refusedConnection(failure: Failure): Cause | undefined {
  if (!/Connection refused/.test(failure.stderr)) {
    return undefined;
  }
  return {
    check: "reach",
    found: `connection refused by ${targetWithWay(failure)}`,
    needed: "sshd that listens there",
    fix: "systemctl enable --now ssh (on the host), or correct address and port in the cluster file",
  };
}

function noAnswer(failure: Failure): Cause | undefined {
  const [how] =
    /(?:connection |operation )?timed out|No route to host|Network is unreachable|Host is down|not responding/i.exec(
      failure.stderr,
    ) ?? [];
  return how === undefined ? undefined : silence(failure, targetWithWay(failure), how.toLowerCase());
}

/** The jump host can be reached, but not what is behind it. */
function noWayOn(failure: Failure): Cause | undefined {
  const { by, stderr, target } = failure;
  if (!by || !/stdio forwarding failed|kex_exchange_identification: Connection closed/.test(stderr)) {
    return undefined;
  }
  return silence(failure, target, `the jump host ${by.address} gets no connection to it`);
}

function anythingElse(failure: Failure): Cause {
  const { stderr, login } = failure;
  const said = lastLine(stderr);
  return {
    check: "reach",
    found: said === "" ? "ssh failed and gave no reason" : `ssh failed: ${said}`,
    needed: `a login as ${login.user} on ${targetWithWay(failure)}`,
    fix: `ssh -p ${login.port} ${login.user}@${login.address} shows what is in the way`,
  };
}

function silence({ timeoutSeconds }: Failure, target: string, how: string): Cause {
  return {
    check: "reach",
    found: `unreachable: ${target}: ${how}`,
    needed: `an answer within ${timeoutSeconds} s`,
    fix: "start the host and check its network, or correct its address in the cluster file",
  };
}

// ── sudo ────────────────────────────────────────────────────────────────────────────────────────────

function explainSudo({ login: { user } }: Host, { status, stderr }: SshResult): Cause | undefined {
  if (status === 0) {
    return undefined;
  }
  const cause = (found: string, fix: string): Cause => ({
    check: "sudo",
    found,
    needed: `sudo without a password for ${user}, or root as login user`,
    fix,
  });
  if (/sudo: (command )?not found|sudo: No such file/i.test(stderr)) {
    return cause("there is no sudo on the host", "apt-get install sudo (as root)");
  }
  if (!/sudo|sudoers/.test(stderr)) {
    return undefined;
  }
  const allow = `echo '${sudoersLine(user)}' > /etc/sudoers.d/${user} (as root on the host)`;
  const [word] =
    /password is required|terminal is required|must have a tty|not in the sudoers|not allowed to|may not run/.exec(
      stderr,
    ) ?? [];
  if (word === undefined) {
    return undefined;
  }
  if (/password|terminal|tty/.test(word)) {
    return cause(`sudo asks ${user} for a password`, allow);
  }
  return cause(`sudo refuses ${user}: ${lastLine(stderr).replace(/^sudo: /, "")}`, allow);
}

/** All that a login has sudo do: see docs/privileges.md. */
export const sudoersLine = (user: string): string => `${user} ALL=(root) NOPASSWD: /usr/bin/env, /usr/bin/perl`;

/** The last line that says anything; what docker adds to its errors does not. */
export function lastLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  const telling = lines.filter((line) => line !== "" && !/^See 'docker|^errors pretty printing/.test(line));
  return (telling.at(-1) ?? "").replace(/^ERROR: /, "");
}
