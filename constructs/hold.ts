/** A host is held by one deploy at a time: who a deploy is, and how it takes a host. */
import { type TerraformAsset, TerraformLocal, type TerraformStack } from "cdktf";
import type { Cluster } from "../cluster/model.js";

/** The folder of the stack that is deployed, as an expression of Terraform's. */
export const stackHere = "abspath(path.root)";

/**
 * Who deploys, as an expression of Terraform's that gives a word of the shell: the same whenever that operator deploys
 * again, and another one for whoever else might at the same time. With Terraform's state in a backend, whoever has that
 * state: Terraform locks it itself.
 *
 * @param here the stack's folder, as an expression of its own in a template, which knows no `path`
 */
export function deployer({ settings: { backend } }: Pick<Cluster, "settings">, here = stackHere): string {
  const local = `format("%s@%s:%s", try(basename(pathexpand("~")), "?"), try(trimspace(file("/etc/hostname")), "?"), ${here})`;
  const who = backend && backend.type !== "local" ? JSON.stringify(`whoever uses the ${backend.type} backend`) : local;
  return `format("'%s'", replace(${who}, "'", "'\\\\''"))`;
}

/** `deployer`, for everything but what runs at a destroy, where Terraform allows no reference. */
const local = "deploy_by";
export const deployerHere = `local.${local}`;
const wordsHere = "as_deployer";

export function declareDeployer(stack: TerraformStack, cluster: Cluster): void {
  new TerraformLocal(stack, local, `\${${deployer(cluster)}}`);
  new TerraformLocal(stack, wordsHere, words(deployerHere));
}

const words = (who: string): string => `env deploy_by=\${${who}} deploy_from="$SSH_CLIENT"`;

/** Words in front of a command that runs as root on a host: who deploys, and from where. `sudo` drops what is set before it. */
export const asDeployer = (sudo: string, who?: string): string =>
  `${sudo}${who === undefined ? `\${local.${wordsHere}}` : words(who)} `;

/** Takes a host to which nothing has been sent yet. */
export const takeHost = (scripts: TerraformAsset, sudo: string, who?: string): string => {
  const text = (name: string) => `\${file("${scripts.path}/${name}.sh")}`;
  return `${asDeployer(sudo, who)}sh -s <<'END_OF_SCRIPT' || exit 1\n${text("names")}\n${text("hold")}\nEND_OF_SCRIPT`;
};
