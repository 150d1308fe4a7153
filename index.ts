/**
 * multicast-swarm in a Terraform CDK app of one's own.
 *
 * ```ts
 * import { App } from "cdktf";
 * import { Cluster, loadCluster } from "multicast-swarm";
 *
 * const app = new App({ stackTraces: false });
 * new Cluster(app, loadCluster("cluster.yaml"));
 * app.synth();
 * ```
 *
 * @packageDocumentation
 */
export { ClusterFileError, type LoadOptions, loadCluster } from "./cluster/load.js";
export type { Artifact, Cluster as ClusterFacts, Host, Login, RemovedHost, Settings } from "./cluster/model.js";
export type { Certificates } from "./cluster/pki.js";
export { ClusterStack as Cluster } from "./constructs/cluster-stack.js";
