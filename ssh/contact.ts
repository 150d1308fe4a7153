/** Runs a script on all hosts at once, and turns every way in which a host cannot be asked into one clear finding. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import type { Inventory } from "../cluster/inventory.js";
import type { Cluster, Host } from "../cluster/model.js";
import { type Finding, label } from "../commands/shared/findings.js";
import { inParallel, type Open, type SshResult, withSsh } from "./ssh.js";

/** Runs a POSIX sh script as root on a host. */
export type RunAsRoot = (
  host: Host,
  script: string,
  args?: readonly string[],
  timeoutSeconds?: number,
) => Promise<SshResult>;

/** Calls `body` with a way to run scripts as root on the hosts of the inventory, whoever logs in. */
export function withHosts<T>(inventory: Inventory, body: (run: RunAsRoot, open: Open) => Promise<T>): Promise<T> {
  // All that ssh needs of a cluster is in its inventory; key files are found from the directory we run in.
  const cluster = { ...inventory, directory: process.cwd() } as unknown as Cluster;
  return withSsh(cluster, (run, open) =>
    body(async (host, script, args, timeoutSeconds) => {
      const result = await run(host, asRoot(script), args, timeoutSeconds);
      if (result.status === 255 && /spawn ssh ENOENT/.test(result.stderr)) {
        throw new Error("this machine has no ssh: apt-get install openssh-client");
      }
      return result;
    }, open),
  );
}

/** Enough to keep a slow network busy, few enough for the operator's machine. */
const atOnce = 64;

/** Does `work` for all hosts, as good as at once; the results are in the order of the hosts. */
export function onAll<H, R>(hosts: readonly H[], work: (host: H) => Promise<R>): Promise<R[]> {
  return inParallel(hosts, work, atOnce);
}

/** The shell that runs this may not have read its own input to the end: the script goes on in a here-document. */
function asRoot(script: string): string {
  return `as_root() { if [ "$(id -u)" = 0 ]; then sh -s -- "$@"; else sudo -n sh -s -- "$@"; fi; }
as_root "$@" <<'END_OF_SCRIPT'
${script}
END_OF_SCRIPT
`;
}

/** Why a host could not be asked, or nothing when the script ran. */
export function explainContact(inventory: Inventory, host: Host, result: SshResult): Finding | undefined {
  const cause =
    result.status === 255
      ? sshCause(inventory, host, result.stderr)
      : result.status === 124
        ? silentCause(inventory, `${host.login.address} port ${host.login.port}`, "no answer in time")
        : sudoCause(host, result);
  return cause && { host: host.name, ...cause };
}

type Cause = Omit<Finding, "host">;

function sshCause(inventory: Inventory, host: Host, stderr: string): Cause {
  const { bastion } = inventory;
  // ssh names the machine that it failed at, and it comes to the jump host first.
  const atBastion = bastion !== undefined && bastion.address !== host.login.address && names(stderr, bastion.address);
  const login = atBastion ? bastion : host.login;
  const who = atBastion ? `the jump host ${login.address}` : label(host);
  const keyName = atBastion ? login.address : host.name;
  const target = `${atBastion ? "jump host " : ""}${login.address} port ${login.port}`;
  const via = bastion === undefined || atBastion ? "" : ` (by way of ${bastion.address})`;

  if (/REMOTE HOST IDENTIFICATION HAS CHANGED/.test(stderr)) {
    const [, type = "ed25519", fingerprint] =
      /fingerprint for the (\w+) key sent by the remote host is\s+(SHA256:[A-Za-z0-9+/]+)/.exec(stderr) ?? [];
    return {
      check: "host key",
      found: `the host key is not the one in known_hosts${fingerprint ? ` (${type} ${fingerprint})` : ""}`,
      needed: `the key that stands in known_hosts, or proof that ${who} got a new one`,
      fix: `on its console: ssh-keygen -lf /etc/ssh/ssh_host_${type.toLowerCase()}_key.pub; if it shows the same, scripts/hostkeys --replace ${keyName}`,
    };
  }
  if (/Host key verification failed|host key is known for/.test(stderr)) {
    return {
      check: "host key",
      found: `no key of ${who} in known_hosts, or none of a type that it offers`,
      needed: "its keys in known_hosts beside the cluster file",
      fix: `scripts/hostkeys --replace ${keyName}, and compare with its console`,
    };
  }
  const denied = /Permission denied \([^)]*\)|Too many authentication failures/.exec(stderr);
  if (denied) {
    const { keyFile } = login;
    const lost = keyFile !== undefined && !existsSync(keyFile.replace(/^~(?=\/)/, homedir()));
    return {
      check: "login",
      found: `${denied[0].toLowerCase()} for ${login.user}@${login.address}${lost ? `; there is no key file ${keyFile}` : ""}`,
      needed: keyFile ? `the public key of ${keyFile} on the host` : "a key in the SSH agent that the host knows",
      fix: lost
        ? "correct ssh.keyFile in the cluster file"
        : `ssh-copy-id ${keyFile ? `-i ${keyFile} ` : ""}-p ${login.port} ${login.user}@${login.address}`,
    };
  }
  if (/Connection refused/.test(stderr)) {
    return {
      check: "reach",
      found: `connection refused by ${target}${via}`,
      needed: "sshd that listens there",
      fix: "systemctl enable --now ssh (on the host), or correct address and port in the cluster file",
    };
  }
  const silent =
    /(?:connection |operation )?timed out|No route to host|Network is unreachable|Host is down|not responding/i.exec(
      stderr,
    );
  if (silent) return silentCause(inventory, target + via, silent[0].toLowerCase());
  if (bastion && !atBastion && /stdio forwarding failed|kex_exchange_identification: Connection closed/.test(stderr)) {
    return silentCause(inventory, target, `the jump host ${bastion.address} gets no connection to it`);
  }
  return {
    check: "reach",
    found: `ssh failed: ${lastLine(stderr) || "without a word"}`,
    needed: `a login as ${login.user} on ${target}${via}`,
    fix: `ssh -p ${login.port} ${login.user}@${login.address} shows what is in the way`,
  };
}

/** Is this address, and not one that only begins or ends like it, in the text? */
function names(text: string, address: string): boolean {
  return text.split(/[^A-Za-z0-9.-]+/).some((word) => word.replace(/\.$/, "") === address);
}

function silentCause({ settings }: Inventory, target: string, how: string): Cause {
  return {
    check: "reach",
    found: `unreachable: ${target}: ${how}`,
    needed: `an answer within ${settings.ssh.timeoutSeconds} s`,
    fix: "start the host and check its network, or correct its address in the cluster file",
  };
}

function sudoCause({ login }: Host, { status, stderr }: SshResult): Cause | undefined {
  const rule = `${login.user} ALL=(ALL) NOPASSWD: ALL`;
  const cause = (found: string, fix: string): Cause => ({
    check: "sudo",
    found,
    needed: `sudo without a password for ${login.user}, or root as login user`,
    fix,
  });
  if (status === 0) return undefined;
  if (/sudo: (command )?not found|sudo: No such file/i.test(stderr)) {
    return cause("there is no sudo on the host", "apt-get install sudo (as root)");
  }
  const refused =
    /password is required|terminal is required|must have a tty|not in the sudoers|not allowed to|may not run/.exec(
      stderr,
    );
  if (!refused || !/sudo|sudoers/.test(stderr)) return undefined;
  return cause(
    /not in the sudoers|not allowed to|may not run/.test(refused[0])
      ? `sudo refuses ${login.user}: ${lastLine(stderr).replace(/^sudo: /, "")}`
      : `sudo asks ${login.user} for a password`,
    `echo '${rule}' > /etc/sudoers.d/${login.user} (as root on the host)`,
  );
}

/** The last line that says anything; what docker adds to its errors does not. */
export function lastLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  const telling = lines.filter((line) => line !== "" && !/^See 'docker|^errors pretty printing/.test(line));
  return (telling.at(-1) ?? "").replace(/^ERROR: /, "");
}
