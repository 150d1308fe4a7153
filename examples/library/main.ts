/** The cluster, and a container of one's own on each host: they find each other by multicast on the Weave network. */
import { join } from "node:path";
import { Container } from "@cdktf/provider-docker/lib/container";
import { App } from "cdktf";
import { Cluster, loadCluster } from "multicast-swarm";

const facts = loadCluster(join(__dirname, "cluster.yaml"));
const app = new App({ stackTraces: false });
const cluster = new Cluster(app, facts);

for (const { name } of facts.up) {
  new Container(cluster, `bus-${name}`, {
    provider: cluster.dockerProvider(name),
    dependsOn: [...cluster.ready],
    name: `bus-${name}`,
    image: "multicast-swarm/event-bus:1",
    command: ["Member", name],
    restart: "always",
    // Weave's proxy puts its own program in front of the container's, and its DNS into it. To Terraform that is a change.
    lifecycle: { ignoreChanges: ["dns", "dns_search", "domainname", "entrypoint"] },
  });
}
app.synth();
