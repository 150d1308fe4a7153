/** How Terraform logs in to a host. */
import type { SSHProvisionerConnection } from "cdktf";
import type { Construct } from "constructs";
import { knownHostsName } from "../cluster/known-hosts.js";
import type { Cluster, Host, Login } from "../cluster/model.js";
import { uploadsFolder as uploads } from "../cluster/names.js";
import { once } from "./once.js";
import { sha256 } from "./text.js";
import { besideUploads } from "./uploads.js";

/** The login of a host as flat facts, so that a resource can remember them for the time of its destruction. */
export type LoginFacts = Readonly<Record<string, string>>;

/**
 * @param keyFile turns a key file's path, as written in the cluster file, into one that is right in the stack's folder.
 */
export function loginFacts(host: Host, cluster: Cluster, keyFile: (written: string) => string): LoginFacts {
  const { login } = host;
  const { bastion } = cluster;
  const facts: Record<string, string | undefined> = {
    host: login.address,
    user: login.user,
    port: String(login.port),
    host_key: hostKeyOf(login, bastion),
    key_file: login.keyFile && keyFile(login.keyFile),
    bastion_host: bastion?.address,
    bastion_user: bastion?.user,
    bastion_port: bastion && String(bastion.port),
    bastion_host_key: bastion?.hostKeys[0],
    bastion_key_file: bastion?.keyFile && keyFile(bastion.keyFile),
    timeout: `${cluster.settings.ssh.timeoutSeconds}s`,
  };
  return Object.fromEntries(Object.entries(facts).filter((fact): fact is [string, string] => fact[1] !== undefined));
}

/**
 * The host's key as Terraform is told it. Terraform before 1.16, and OpenTofu, hold the bastion to this key too, and not
 * to `bastion_host_key` (https://github.com/hashicorp/terraform/pull/38318). They write it behind the name of the machine
 * at hand, as a line of known_hosts that may be followed by more: these say whose each key is. Only the first key of
 * each type counts, so the one that stands behind either name is of a type that Terraform's SSH never negotiates.
 */
function hostKeyOf(login: Login, bastion: Login | undefined): string | undefined {
  const pinned = [login, ...(bastion ? [bastion] : [])].flatMap(({ address, port, hostKeys }) =>
    hostKeys.slice(0, 1).map((key) => `${knownHostsName(address, port)} ${key}`),
  );
  return bastion && pinned.length > 0 ? [nobodysKey, ...pinned].join("\n") : login.hostKeys[0];
}

/** Its 32 bytes are the SHA-256 of the word nobody. */
const nobodysKey =
  "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIGOCs8yIFBK3e/yu7QJgAcANnjAl5mwg9ufpLweYUUYqAAAABHNzaDo=";

/** What comes before a command that needs root. */
export const sudoOf = ({ login }: Host): string => (login.user === "root" ? "" : "sudo -n ");

/** Every fact that a login may have; some have no key file, most have no bastion. */
const factNames = ["host", "user", "port", "host_key", "key_file", "timeout"] as const;
const alwaysThere: ReadonlySet<string> = new Set(["host", "user", "port", "timeout"]);
const bastionFactNames = ["host", "user", "port", "host_key", "key_file"].map((name) => `bastion_${name}`);

/** What need not be said to Terraform. */
const terraformDefaults: LoginFacts = { user: "root", port: "22" };

/**
 * The `connection` block for facts.
 *
 * @param scriptPath where Terraform puts the commands it runs. Its default is a file in /tmp that everybody may write to.
 */
export function connectionFrom(
  scope: Construct,
  facts: LoginFacts,
  scriptPath = `${uploads}/run-%RAND%`,
): SSHProvisionerConnection {
  const told = Object.entries(facts).filter(([name, value]) => terraformDefaults[name] !== value);
  const entries = told.map(([name, value]) =>
    name.endsWith("key_file") ? [keyOf(name), privateKey(scope, value)] : [name, value],
  );
  return connection(facts.key_file === undefined ? {} : { agent: "false" }, scriptPath, entries);
}

/** Most hosts have the same. */
const privateKey = (scope: Construct, file: string): string =>
  once(scope, `private_key_${sha256(file).slice(0, 8)}`, `\${file(pathexpand(${JSON.stringify(file)}))}`);

/**
 * The `connection` block of a destroy-time provisioner: Terraform lets a resource refer to nothing but itself there. What
 * it remembers may be the login of an earlier cluster file, with a key file or without, but by no jump host that the cluster
 * file no longer has.
 */
export function recalledConnection({ bastion }: Pick<Cluster, "bastion">): SSHProvisionerConnection {
  const entries = [...factNames, ...(bastion ? bastionFactNames : [])].map((name) => {
    const value = recalled(name);
    if (name.endsWith("key_file")) {
      return [keyOf(name), `\${can(${value}) ? file(pathexpand(${value})) : null}`];
    }
    return [name, alwaysThere.has(name) ? `\${${value}}` : `\${try(${value}, null)}`];
  });
  return connection({ agent: `\${!can(${recalled("key_file")})}` }, besideUploads, entries);
}

function recalled(fact: string): string {
  return `self.input.${fact}`;
}

function keyOf(keyFile: string): string {
  return keyFile.replace("key_file", "private_key");
}

function connection(agent: object, scriptPath: string, entries: (string | undefined)[][]): SSHProvisionerConnection {
  // The boundary to cdktf's types: a recalled port is a reference, where they expect a number.
  return {
    ...agent,
    script_path: scriptPath,
    ...Object.fromEntries(entries),
  } as unknown as SSHProvisionerConnection;
}
