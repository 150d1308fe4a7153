/** A host is held by one deploy at a time: who a deploy is, and how it takes a host. */
import { type TerraformAsset, TerraformLocal, type TerraformStack } from "cdktf";
import type { Cluster } from "../cluster/model.js";

/**
 * Who deploys, as an expression of Terraform's that gives a word of the shell: the same whenever that operator deploys
 * again, and another one for whoever else might at the same time. With Terraform's state in a backend, whoever has that
 * state: Terraform locks it itself.
 */
export function deployer({ settings: { backend } }: Pick<Cluster, "settings">): string {
  const local = `format("%s@%s:%s", try(basename(pathexpand("~")), "?"), try(trimspace(file("/etc/hostname")), "?"), abspath(path.root))`;
  const who = backend && backend.type !== "local" ? JSON.stringify(`whoever uses the ${backend.type} backend`) : local;
  return `format("'%s'", replace(${who}, "'", "'\\\\''"))`;
}

/** `deployer`, for everything but what runs at a destroy, where Terraform allows no reference. */
const local = "deploy_by";
export const deployerHere = `local.${local}`;

export function declareDeployer(stack: TerraformStack, cluster: Cluster): void {
  new TerraformLocal(stack, local, `\${${deployer(cluster)}}`);
}

/** Words in front of a command that runs as root on a host: who deploys, and from where. `sudo` drops what is set before it. */
export const asDeployer = (sudo: string, who = deployerHere): string =>
  `${sudo}env deploy_by=\${${who}} deploy_from="$SSH_CLIENT" `;

/** Takes a host to which nothing has been sent yet. */
export const takeHost = (scripts: TerraformAsset, sudo: string, who?: string): string => {
  const text = (name: string) => `\${file("${scripts.path}/${name}.sh")}`;
  return `${asDeployer(sudo, who)}sh -s <<'END_OF_SCRIPT' || exit 1\n${text("names")}\n${text("hold")}\nEND_OF_SCRIPT`;
};
