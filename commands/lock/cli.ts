/** `scripts/lock [CLUSTER_FILE]` */
import { command } from "../shared/command.js";
import { lock } from "./lock.js";
import { lockProviders } from "./providers.js";

const usage = `Usage: scripts/lock [CLUSTER_FILE]

Writes artifacts.lock.json beside the cluster file: what hosts may install, each with version, source and SHA-256.
Nothing is written unless everything was found. Then lets Terraform ($TERRAFORM_BINARY_NAME, default terraform) write
.terraform.lock.hcl there: the checksums of its providers, for every platform that the cluster file names.
Review what changed, and commit it.
CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

Exit status: 0 written, 1 not written, or not both, 2 an argument that it does not know.`;

command("lock", { usage, options: {}, failed: 1 }, async (clusterFile) => {
  const say = (line: string) => console.log(line);
  lockProviders(await lock(clusterFile, say), clusterFile, say);
  return 0;
});
