/** How Terraform logs in to a host. */
import type { SSHProvisionerConnection } from "cdktf";
import type { Cluster, Host } from "../cluster/model.js";

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
    host_key: login.hostKeys[0],
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

/** Where steps put what they upload, below the login user's home; only that user can look inside. */
export const uploads = ".multicast-swarm";

/**
 * The `connection` block for facts.
 *
 * @param recalled `true` for a destroy-time provisioner: Terraform then lets a resource refer to nothing but itself.
 * @param scriptPath where Terraform puts the commands it runs. Its default is a file in /tmp that everybody may write to.
 */
export function connectionFrom(
  facts: LoginFacts,
  { recalled = false, scriptPath = `${uploads}/run-%RAND%` } = {},
): SSHProvisionerConnection {
  const expression = (fact: string) => (recalled ? `self.input.${fact}` : JSON.stringify(facts[fact]));
  const value = (fact: string) => (recalled ? `\${self.input.${fact}}` : facts[fact]);
  const key = (fact: string) => `\${file(pathexpand(${expression(fact)}))}`;
  const connection = Object.entries(facts).map(([fact]) =>
    fact.endsWith("key_file") ? [fact.replace("key_file", "private_key"), key(fact)] : [fact, value(fact)],
  );
  // The boundary to cdktf's types: a recalled port is a reference, where they expect a number.
  return {
    type: "ssh",
    agent: facts.key_file === undefined ? "true" : "false",
    script_path: scriptPath,
    ...Object.fromEntries(connection),
  } as unknown as SSHProvisionerConnection;
}
