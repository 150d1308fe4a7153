/** The whole cluster as one Terraform stack: the ordered list of what a deploy does. */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { DockerProvider } from "@cdktf/provider-docker/lib/provider";
import { LocalProvider } from "@cdktf/provider-local/lib/provider";
import { NullProvider } from "@cdktf/provider-null/lib/provider";
import { type App, TerraformOutput, type TerraformResource } from "cdktf";
import { inventoryOf } from "../cluster/inventory.js";
import { type Cluster, images } from "../cluster/model.js";
import { providerLockName } from "../cluster/names.js";
import { relativeTo } from "../cluster/paths.js";
import { consulClientAddresses, ports } from "../cluster/ports.js";
import { providerSources } from "../cluster/providers.js";
import { artifactsTable } from "./artifacts.js";
import { stepsAsset } from "./assets.js";
import { Backend } from "./backend.js";
import { certifyHosts, renewManagers } from "./certificate.js";
import { startConsul } from "./consul.js";
import { declareConsulToken } from "./consul-token.js";
import { Departure } from "./departure.js";
import { guardHosts } from "./firewall.js";
import { Gate, type GateProps } from "./gate.js";
import { declareGossipKey } from "./gossip-key.js";
import { hclOf, type JsonObject } from "./hcl.js";
import { declareDeployer } from "./hold.js";
import { hostsTable } from "./hosts-table.js";
import { Block, PlainStack, Unnamed } from "./plain-stack.js";
import { Preflight } from "./preflight.js";
import { Release } from "./release.js";
import { RenderedFile, writeRenderedFiles } from "./rendered-file.js";
import { StagedHost } from "./staged-host.js";
import { Step } from "./step.js";
import { forgetHost, Swarm } from "./swarm.js";
import { Task } from "./task.js";
import { teardownAsset } from "./teardown.js";
import { sha256 } from "./text.js";
import type { Uploads } from "./uploads.js";
import { launchWeave } from "./weave.js";
import { declareWeavePassword } from "./weave-password.js";

/**
 * A stack of Terraform's that makes the hosts of a cluster file a cluster. Elements of one's own may stand in it, as
 * long as their ids hold no underscore.
 */
export class ClusterStack extends PlainStack {
  /** What has to be there before a container of one's own is created: every gate has been passed. */
  public readonly ready: readonly TerraformResource[];
  /** Host name → its Docker API. */
  private readonly proxies: ReadonlyMap<string, DockerProvider>;
  /** A path as written in the cluster file, from the stack's folder, where Terraform runs. */
  private readonly fromStack: (written: string) => string;

  /**
   * @param app Its output folder decides how paths of the cluster file are written in the JSON. Create it with
   *   `stackTraces: false`, or this machine's paths stand in the output.
   * @param cluster What `loadCluster` returns; its name becomes the stack's.
   */
  public constructor(app: App, cluster: Cluster) {
    super(app, cluster.name);
    const folder = join(resolve(app.outdir), "stacks", cluster.name);
    this.fromStack = relativeTo(folder, cluster.directory);
    new Backend(this, "backend", cluster);
    new NullProvider(this, "null");
    new LocalProvider(this, "local");
    declareGossipKey(this);
    declareConsulToken(this, cluster.settings);
    declareWeavePassword(this, cluster.settings);
    declareDeployer(this, cluster);

    // Nothing is changed on one host before all of them are fit, reached, and have fetched what they need.
    const scripts = stepsAsset(this);
    const uploads = { scripts, teardown: teardownAsset(this, cluster, scripts), tables: this.tables(cluster) };
    const inventory = inventoryOf(cluster, this.fromStack);
    const preflight = new Preflight(this, "preflight", { cluster, inventory, after: uploads.tables.files });
    const hosts = this.stageHosts(cluster, uploads, preflight.ready);
    const reached = new Task(this, "reached", { after: hosts.flatMap(({ ready }) => ready) });

    const server = find(hosts, ({ host }) => host.consul === "server");
    const departures = this.departures(cluster, uploads, server, [reached]);
    const ready = guardHosts(this, cluster, hosts, [reached, ...departures.map(({ left }) => left)]);

    // Consul and Docker with Weave have nothing to do with each other until Swarm needs both.
    const certified = certifyHosts(this, cluster, hosts, ready);
    const { consulTls, dockerTls } = cluster.settings.security;
    const agents = startConsul(cluster, hosts, consulTls ? certified : ready);
    const routers = launchWeave(this, cluster, hosts, dockerTls ? certified : ready);
    const { timeoutSeconds } = cluster.settings.gates;
    const gate = (of: GateProps["of"], on: StagedHost, after: readonly TerraformResource[]) =>
      new Gate(this, `gate-${of}`, { of, on, after, timeoutSeconds });
    const gates = [gate("consul", server, agents), gate("weave", find(hosts), routers)];

    const { fromStack } = this;
    const swarms = hosts.map((on) => new Swarm(on, "swarm", { on, cluster, fromStack, after: gates }));
    const containers = swarms.flatMap((swarm) => swarm.containers);
    this.proxies = new Map(swarms.map(({ proxy, on }) => [on.host.name, proxy]));
    const manager = find(hosts, ({ host }) => host.manager);
    const end = new Gate(this, "gate-swarm", {
      of: "swarm",
      on: manager,
      after: [...gates, ...containers, ...renewManagers(cluster, swarms)],
      timeoutSeconds,
      args: { replication: cluster.settings.swarm.replication, image: images.swarm(cluster.settings) },
    });

    const forAll = [...gates, end];
    for (const on of hosts) {
      const others = forAll.filter((step) => step instanceof Step && step.on === on);
      new Release(on, "release", { on, others, last: end, firewall: cluster.settings.firewall.managed });
    }
    this.ready = [end];

    // A provider whose host does not answer fails every plan, as long as the state has one of its containers.
    const unasked = cluster.hosts
      .filter(({ down }) => down)
      .flatMap((host) => forgetHost(this, { host, cluster, fromStack }));
    this.forget([...[...swarms, ...departures].flatMap(({ forgotten }) => forgotten), ...unasked]);
    this.addOutputs(cluster);
    this.require(cluster);

    const { synthesizer } = this;
    this.synthesizer = {
      synthesize: (session) => {
        synthesizer.synthesize(session);
        writeRenderedFiles(this, folder);
        if (cluster.providerLock !== undefined) {
          writeFileSync(join(folder, providerLockName), cluster.providerLock);
        }
      },
    };
  }

  /**
   * The Docker API of a host through its Weave proxy, which attaches containers to the Weave network. They are on this
   * host and no other, and Swarm shows them too.
   *
   * @param host A host's name in the cluster file.
   * @throws Error when the cluster has no such host, or it is down.
   */
  public dockerProvider(host: string): DockerProvider {
    const provider = this.proxies.get(host);
    if (!provider) {
      throw new Error(`no host of the cluster that is up is called ${host}: ${[...this.proxies.keys()].join(", ")}`);
    }
    return provider;
  }

  /** For `cdktf synth --hcl`. */
  public override toHclTerraform() {
    // What JSON leaves out is left out here too.
    const json = JSON.parse(JSON.stringify(this.toTerraform())) as JsonObject;
    return { hcl: hclOf(json), metadata: { "//": json["//"], terraform: json.terraform } };
  }

  /** Which Terraform, and which providers. Declared last: a provider's package has a version of its own in mind. */
  private require({ settings: { providers } }: Cluster): void {
    const required = (["null", "local", "docker"] as const).map((name) => [
      name,
      { source: providerSources[name], version: providers[name] },
    ]);
    new Block(this, "terraform_settings", {
      terraform: {
        // Ephemeral variables. OpenTofu has them since 1.11, which this covers too.
        required_version: ">= 1.10",
        required_providers: Object.fromEntries(required),
      },
    });
  }

  /** Every host that is up, given what its steps need. */
  private stageHosts(cluster: Cluster, uploads: Uploads, after: readonly TerraformResource[]): StagedHost[] {
    // The event bus's image is no part of the cluster.
    const testImage = `image:${cluster.settings.verify.eventBusImage}`;
    const pushed = cluster.artifacts
      .filter(({ name, source }) => source.startsWith("file:") && name !== testImage)
      .map(({ source, sha256: hash }) => ({ source: this.fromStack(source.slice("file:".length)), sha256: hash }));
    const scope = new Unnamed(this, "members");
    return cluster.up.map(
      (host) => new StagedHost(scope, host.name, { host, cluster, uploads, pushed, keyFile: this.fromStack, after }),
    );
  }

  /** The hosts that leave, one after the other; first those that are lost, which would make the rest look unhealthy. */
  private departures(cluster: Cluster, uploads: Uploads, by: StagedHost, after: readonly TerraformResource[]) {
    const scope = new Unnamed(this, "leavers");
    const departures: Departure[] = [];
    for (const removed of [...cluster.removed].sort((a, b) => Number(b.lost) - Number(a.lost))) {
      const previous = departures.slice(-1).map(({ left }) => left);
      const props = { removed, cluster, uploads, by, fromStack: this.fromStack, after: [...after, ...previous] };
      departures.push(new Departure(scope, removed.name, props));
    }
    return departures;
  }

  /** What every host is told of the cluster: one copy for all, however many there are. */
  private tables(cluster: Cluster): Uploads["tables"] {
    const texts = { artifacts: artifactsTable(cluster), hosts: hostsTable(cluster), cluster: `${cluster.name}\n` };
    const files = Object.entries(texts).map(
      ([name, text]) => new RenderedFile(this, name, { path: `shared/${name}.tsv`, text }),
    );
    return { folder: "rendered/shared", files, hash: sha256(JSON.stringify(texts)) };
  }

  /** Takes resources out of the state without touching, or even asking for, what they stand for. */
  private forget(addresses: readonly string[]): void {
    if (addresses.length === 0) {
      return;
    }
    new Block(this, "forgotten_resources", {
      removed: addresses.map((from) => ({ from, lifecycle: { destroy: false } })),
    });
  }

  /** What an operator wants to know when a deploy has ended. */
  private addOutputs({ up, settings }: Cluster): void {
    const managers = up.filter(({ manager }) => manager).map(({ address }) => address);
    const [server] = up.filter(({ consul }) => consul === "server");
    const output = (id: string, description: string, value: unknown) =>
      new TerraformOutput(this, id, { description, value });
    output(
      "swarm_managers",
      "The cluster's Docker API: docker -H one of these",
      managers.map((address) => `tcp://${address}:${ports.swarmManager.number}`),
    );
    if (settings.consul.ui && server) {
      const [address] = consulClientAddresses(server, settings).slice(-1);
      output("consul_ui", "Consul's web page", `http://${address}:${ports.consulHttp.number}/ui`);
    }
    output("verify", "The command that verifies the cluster", "scripts/verify");
  }
}

/** The first such host; `loadCluster` has made sure that there is one. */
function find(hosts: readonly StagedHost[], wanted: (host: StagedHost) => boolean = () => true): StagedHost {
  const host = hosts.find(wanted);
  if (!host) {
    throw new Error("the cluster has no such host");
  }
  return host;
}
