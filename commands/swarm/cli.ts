/** `scripts/swarm DOCKER-COMMAND…` */
import { ClusterFileError, loadCluster } from "../../cluster/load.js";
import { withTunnel } from "../../ssh/tunnel.js";
import { inventoryHere } from "../shared/command.js";
import { answeringManager, docker, managerSocket, managerUrl, operatorFolder, wayTo } from "./docker.js";

const usage = `Usage: scripts/swarm DOCKER-COMMAND [ARGUMENT…]

Runs this machine's docker command against a Swarm manager of the cluster, the first one that answers, by way of
ssh.bastion where there is one:
scripts/swarm info, scripts/swarm run -it alpine, scripts/swarm logs -f NAME, …
Sets DOCKER_HOST, and DOCKER_API_VERSION to what the command takes through Weave's proxy (docs/using.md). With
security.dockerTls it shows the operator's certificate of .pki/operator.

The cluster file is $CLUSTER_FILE, else ./cluster.yaml.

Exit status: docker's own; 2 without a command; 125 when docker cannot be run, or there is no cluster file or no
manager that answers.`;

const words = process.argv.slice(2);

async function main(): Promise<number> {
  if (words[0] === "--help" || words[0] === "-h") {
    console.log(usage);
    return 0;
  }
  if (words.length === 0) {
    console.error("swarm: found nothing, expected a command of docker's: scripts/swarm --help");
    return 2;
  }
  const cluster = loadCluster(process.env.CLUSTER_FILE ?? "cluster.yaml", {
    lock: "ignore",
    hostKeys: "ignore",
    certificates: "ignore",
  });
  const certificate = operatorFolder(cluster);
  if (!cluster.bastion) {
    const url = managerUrl(await answeringManager(cluster, wayTo(certificate)));
    return docker({ url, certificate }, words);
  }
  return withTunnel(inventoryHere(cluster), async (connect, folder) => {
    const way = wayTo(certificate, connect);
    const url = await managerSocket(await answeringManager(cluster, way, "the jump host"), way, folder);
    return docker({ url }, words);
  });
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: Error) => {
    for (const line of error instanceof ClusterFileError ? error.problems : [`swarm: ${error.message}`]) {
      console.error(line);
    }
    process.exitCode = 125;
  },
);
