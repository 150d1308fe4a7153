/** The whole cluster as one Terraform stack. */
import { join, resolve } from "node:path";
import { File } from "@cdktf/provider-local/lib/file";
import { LocalProvider } from "@cdktf/provider-local/lib/provider";
import { NullProvider } from "@cdktf/provider-null/lib/provider";
import { Resource } from "@cdktf/provider-null/lib/resource";
import { type App, type ITerraformDependable, type TerraformElement, TerraformStack } from "cdktf";
import { Node } from "constructs";
import { inventoryOf } from "../cluster/inventory.js";
import type { Cluster } from "../cluster/model.js";
import { relativeTo } from "../cluster/paths.js";
import { artifactsTable } from "./artifacts.js";
import { hostScriptsAsset } from "./assets.js";
import { Backend } from "./backend.js";
import { Consul } from "./consul.js";
import { DockerEngine } from "./docker-engine.js";
import { Gate } from "./gate.js";
import { declareGossipKey } from "./gossip-key.js";
import { HostConstruct } from "./host.js";
import { Preflight } from "./preflight.js";
import { RemovedHostConstruct } from "./removed-host.js";
import type { Step } from "./step.js";
import { Swarm } from "./swarm.js";
import { literal, sha256 } from "./text.js";
import { Weave } from "./weave.js";

export class ClusterStack extends TerraformStack {
  public constructor(app: App, cluster: Cluster) {
    super(app, cluster.name);
    const { settings } = cluster;
    const folder = join(resolve(app.outdir), "stacks", cluster.name);
    /** A path as written in the cluster file, from the stack's folder, where Terraform runs. */
    const fromStack = relativeTo(folder, cluster.directory);

    new Backend(this, cluster);
    this.addProviders(cluster);
    declareGossipKey(this);

    const preflight = new Preflight(this, "preflight", { inventory: inventoryOf(cluster, fromStack) });
    const scripts = hostScriptsAsset(this);
    const shared = this.sharedFiles(cluster);
    // The event bus's image is no part of the cluster.
    const testImage = `image:${cluster.settings.verify.eventBusImage}`;
    const pushed = cluster.artifacts
      .filter(({ name, source }) => source.startsWith("file:") && name !== testImage)
      .map(({ source }) => fromStack(source.slice("file:".length)));
    const hosts = cluster.hosts.map((host) => {
      const after = preflight.ready;
      return new HostConstruct(this, host.name, { host, cluster, scripts, shared, pushed, keyFile: fromStack, after });
    });
    // Nothing is changed on one host before all of them are reached and have fetched what they need.
    const reached = new Resource(this, "reached", { dependsOn: hosts.flatMap(({ ready }) => [...ready]) });

    const server = find(hosts, ({ host }) => host.consul === "server");
    const removed = cluster.removed.map(
      (gone) => new RemovedHostConstruct(this, { removed: gone, by: server, after: [reached] }),
    );
    // Members do not wait for one that is lost.
    const known = [reached, ...removed.flatMap(({ steps }) => steps)];

    // Consul and Docker with Weave have nothing to do with each other until Swarm needs both.
    const agents = startConsul(cluster, hosts, known);
    const routers = launchWeave(cluster, hosts, known);
    const { timeoutSeconds } = settings.gates;
    const first = find(hosts, () => true);
    const manager = find(hosts, ({ host }) => host.manager);
    const consul = new Gate(this, { of: "consul", host: server, after: agents, timeoutSeconds });
    const weave = new Gate(this, { of: "weave", host: first, after: routers, timeoutSeconds });
    const swarms = hosts.map((host) => new Swarm(this, host, { cluster, after: [consul, weave] }));
    const containers = swarms.flatMap((swarm) => swarm.containers);
    this.forget([...swarms, ...removed].flatMap(({ forgotten }) => forgotten));
    new Gate(this, { of: "swarm", host: manager, after: [consul, weave, ...containers], timeoutSeconds });
  }

  /**
   * Addresses that an operator can read: `null_resource.h1_consul_start`. No two elements can get the same one, since
   * host names and ids hold no underscore.
   */
  protected override allocateLogicalId(element: TerraformElement | Node): string {
    const node = element instanceof Node ? element : element.node;
    return node.scopes
      .slice(this.node.scopes.length)
      .map(({ node: { id } }) => id)
      .join("_");
  }

  private addProviders({ settings: { providers } }: Cluster): void {
    // Ephemeral variables. OpenTofu has them since 1.11, which this covers too.
    this.addOverride("terraform.required_version", ">= 1.10");
    new NullProvider(this, "null");
    new LocalProvider(this, "local");
    for (const [name, source] of [
      ["null", "hashicorp/null"],
      ["local", "hashicorp/local"],
      ["docker", "kreuzwerker/docker"],
    ] as const) {
      this.addOverride(`terraform.required_providers.${name}`, { source, version: providers[name] });
    }
  }

  /** Takes resources out of the state without touching, or even asking for, what they stand for. */
  private forget(addresses: readonly string[]): void {
    if (addresses.length === 0) return;
    this.addOverride(
      "removed",
      addresses.map((from) => ({ from, lifecycle: { destroy: false } })),
    );
  }

  /** What every host is told of the cluster: one copy for all, however many there are. */
  private sharedFiles(cluster: Cluster) {
    const yes = (flag: boolean) => (flag ? "yes" : "no");
    const hosts = cluster.hosts.map(({ name, address, consul, manager, agent }) =>
      [name, address, consul, yes(manager), yes(agent)].join("\t"),
    );
    const texts = { artifacts: artifactsTable(cluster), hosts: `${hosts.join("\n")}\n` };
    const folder = "rendered/shared";
    const files = Object.entries(texts).map(
      ([name, text]) => new File(this, name, { filename: `${folder}/${name}.tsv`, content: literal(text) }),
    );
    return { folder, files, hash: sha256(JSON.stringify(texts)) };
  }
}

/** Every host's Consul, in the order that keeps a running cluster whole: servers one after the other, then clients. */
function startConsul(cluster: Cluster, hosts: readonly HostConstruct[], after: readonly ITerraformDependable[]) {
  const consuls = hosts.map((on) => ({ on, consul: new Consul(on, { cluster, after }) }));
  const servers = consuls.filter(({ on }) => on.host.consul === "server");
  const clients = consuls.filter(({ on }) => on.host.consul === "client");
  const started: Step[] = [];
  const chain = (members: typeof servers, first: readonly Step[]) => {
    let previous = first;
    for (const { consul } of members) {
      const start = consul.start(previous);
      started.push(start);
      previous = [start];
    }
    return previous;
  };

  let last: readonly Step[];
  const [head, ...others] = servers;
  if (head && cluster.settings.consul.bootstrap === "handover") {
    const previous = chain(others, [head.consul.bootstrap()]);
    const handover = head.consul.handover(previous);
    started.push(handover);
    last = [handover];
  } else {
    last = chain(servers, []);
  }
  for (const { consul } of clients) started.push(consul.start(last));
  return started;
}

/** Every host's engine and router. Routers go one after the other: what one of them cannot live with stops there. */
function launchWeave(cluster: Cluster, hosts: readonly HostConstruct[], after: readonly ITerraformDependable[]) {
  const weaves = hosts.map((host) => new Weave(host, { cluster, after: [new DockerEngine(host, { cluster, after })] }));
  const launched: Step[] = [];
  for (const weave of weaves) launched.push(weave.launch(launched.slice(-1)));
  return launched;
}

/** `loadCluster` has made sure that there is one. */
function find(hosts: readonly HostConstruct[], wanted: (host: HostConstruct) => boolean): HostConstruct {
  const host = hosts.find(wanted);
  if (!host) throw new Error("the cluster has no such host");
  return host;
}
