/** `scripts/recover [--output DIR] [CLUSTER_FILE]` */
import { command } from "../shared/command.js";
import { recover } from "./recover.js";

const usage = `Usage: scripts/recover [--output DIR] [CLUSTER_FILE]

For use when Terraform cannot go on: its deploy was killed (kill -9, a power cut, a lost terminal), or every plan, deploy
and destroy fails because a host, or the Docker API through its Weave proxy, does not answer.

On each host it waits for steps that a killed deploy has left running, starts what the deploy has set up and does not
run (Consul, Docker, Weave), waits for Weave's proxy to answer, and removes the cluster's own Swarm containers that the
state does not know. The containers of a host that cannot be reached, or whose proxy stays dead, are taken out of the
state, so that Terraform no longer asks for them. All steps are taken out too, since Terraform records a step before it
has run. Then deploy again: steps change only what is not yet as it should be.

Once a host is back that could not be reached: run this again, then deploy. If it is gone for good, move it to \`removed\`
in the cluster file, with lost: true, and deploy.

DIR: cdktf's output folder, default ./cdktf.out. CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

Exit status: 0 the state is ready for the next deploy or destroy, though hosts may be named that are not; 2 recovery
failed, and the state was not changed.`;

const options = { output: { type: "string", default: "cdktf.out" } } as const;

command("recover", { usage, options }, (clusterFile, { output }) => recover(clusterFile, output));
