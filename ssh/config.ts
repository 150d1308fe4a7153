/**
 * The configuration that `ssh` gets: the logins and host keys of the cluster file and nothing of the operator's own SSH
 * configuration, so that what works here works for Terraform too.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostKeyAlgorithms, knownHostsName } from "../cluster/known-hosts.js";
import type { Host, Login, Settings } from "../cluster/model.js";
import { resolveWritten } from "../cluster/paths.js";

/** What ssh has to know of a cluster. Key files are relative to the folder that the command runs in. */
export interface SshTargets {
  readonly hosts: readonly Host[];
  readonly bastion?: Login;
  readonly settings: { readonly ssh: Pick<Settings["ssh"], "hostKeyChecking" | "timeoutSeconds"> };
}

/** Calls `body` with a configuration for ssh, in a folder of this user's alone that is gone when it is done. */
export async function withSshConfig<T>(
  targets: SshTargets,
  body: (config: string, folder: string) => Promise<T>,
): Promise<T> {
  // The name of a socket is short by nature.
  const place = tmpdir().length > 40 ? "/tmp" : tmpdir();
  const folder = mkdtempSync(join(place, "multicast-swarm-ssh-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  // A command that is interrupted does not come to the end of this.
  process.once("exit", remove);
  try {
    const config = join(folder, "config");
    writeFileSync(join(folder, "known_hosts"), knownHosts(targets), { mode: 0o600 });
    writeFileSync(config, sshConfig(targets, folder), { mode: 0o600 });
    return await body(config, folder);
  } finally {
    process.off("exit", remove);
    remove();
  }
}

/** What the configuration calls the bastion. Not a possible host name, so that no host can be called so. */
export const bastionAlias = "_bastion";

export const aliasOf = (where: Host | "bastion"): string => (where === "bastion" ? bastionAlias : where.name);

function sshConfig({ hosts, bastion, settings }: SshTargets, folder: string): string {
  const { hostKeyChecking, timeoutSeconds } = settings.ssh;
  const login = (alias: string, { address, user, port, keyFile }: Login, number: number) => [
    `Host ${alias}`,
    `  HostName ${address}`,
    `  User ${user}`,
    `  Port ${port}`,
    `  ControlPath "${folder}/${number}"`,
    // Without a key file Terraform asks the agent and tries no file of its own: so does this.
    keyFile === undefined ? "  IdentityFile none" : `  IdentityFile "${keyPath(keyFile)}"`,
    ...(keyFile === undefined ? [] : ["  IdentitiesOnly yes"]),
    ...(bastion && alias !== bastionAlias ? [`  ProxyJump ${bastionAlias}`] : []),
  ];
  return [
    ...hosts.flatMap((host, i) => login(host.name, host.login, i + 1)),
    ...(bastion ? login(bastionAlias, bastion, 0) : []),
    "Host *",
    "  BatchMode yes",
    `  ConnectTimeout ${timeoutSeconds}`,
    "  ServerAliveInterval 15",
    `  StrictHostKeyChecking ${hostKeyChecking === "off" ? "no" : "yes"}`,
    `  UserKnownHostsFile ${hostKeyChecking === "off" ? "/dev/null" : `"${folder}/known_hosts"`}`,
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
