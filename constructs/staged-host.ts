/** A host: reached, given what its steps need, and cleaned up again when the cluster is destroyed. */
import { type SSHProvisionerConnection, TerraformLocal, type TerraformResource } from "cdktf";
import { Construct } from "constructs";
import type { Cluster, Host } from "../cluster/model.js";
import { uploadsFolder as uploads } from "../cluster/names.js";
import { artifactsTable, wantedImages } from "./artifacts.js";
import { connectionFrom, loginFacts, sudoOf } from "./connection.js";
import { once } from "./once.js";
import { Step, type StepHost } from "./step.js";
import { Task } from "./task.js";
import { Teardown } from "./teardown.js";
import { sha256 } from "./text.js";
import { besideUploads, sendUploads, type Uploads } from "./uploads.js";

export interface PushedArtifact {
  /** Path in the stack's folder. */
  readonly source: string;
  readonly sha256: string;
}

export interface StagedHostProps {
  readonly host: Host;
  readonly cluster: Cluster;
  readonly uploads: Uploads;
  /** Artifacts that are sent from the operator's machine. */
  readonly pushed: readonly PushedArtifact[];
  readonly keyFile: (written: string) => string;
  readonly after: readonly TerraformResource[];
}

export class StagedHost extends Construct implements StepHost {
  public readonly host: Host;
  public readonly connection: SSHProvisionerConnection;
  public readonly sudo: string;
  public readonly triggers: Readonly<Record<string, string>>;
  /** The host is reachable and has fetched what it is going to install; nothing has been installed yet. */
  public readonly ready: readonly TerraformResource[];

  public constructor(scope: Construct, id: string, props: StagedHostProps) {
    super(scope, id);
    const { host, uploads: sent } = props;
    this.host = host;
    this.sudo = sudoOf(host);
    this.triggers = host.rebuilt > 0 ? { rebuilt: String(host.rebuilt) } : {};
    const login = loginFacts(host, props.cluster, props.keyFile);
    // Every connection has the key, which is longer than all the rest of it.
    const facts =
      login.host_key === undefined ? login : { ...login, host_key: `\${${this.local("host-key", login.host_key)}}` };
    this.connection = connectionFrom(this, facts);

    // Another login finds another home, in which nothing has been put yet.
    const home = [facts.user, facts.host, facts.port].join(" ");
    const stage = new Task(this, "stage", {
      connection: connectionFrom(this, facts, besideUploads),
      after: props.after,
      triggers: {
        scripts: sent.scripts.assetHash,
        tables: once(this, "hash_tables", sent.tables.hash),
        login: home,
        ...this.triggers,
      },
      provisioners: sendUploads(this, sent, this.sudo),
    });

    const teardown = new Teardown(this, "teardown", {
      cluster: props.cluster,
      facts,
      sudo: this.sudo,
      uploads: sent,
      after: [stage],
    });
    const artifacts = once(this, "artifacts_all", sha256(artifactsTable(props.cluster)));
    // Files from the operator's machine can be large: they go once, not with every changed script.
    const push = () =>
      new Task(this, "push", {
        connection: this.connection,
        after: [teardown],
        triggers: { artifacts, login: home, ...this.triggers },
        provisioners: props.pushed.map(({ source, sha256: hash }) => ({
          type: "file" as const,
          source,
          destination: `${uploads}/artifacts/${hash}`,
        })),
      });
    // A wrong checksum or a dead mirror on one host must stop the deploy before it has changed another.
    const fetch = new Step(this, "fetch", {
      on: this,
      script: "fetch",
      shared: { name: "fetch", args: { images: wantedImages(props.cluster).join(",") } },
      inputs: { artifacts },
      after: [teardown, ...(props.pushed.length > 0 ? [push()] : [])],
    });
    this.ready = [fetch];
  }

  /** A value that is written once; what refers to it. */
  private local(id: string, value: string): string {
    return `local.${new TerraformLocal(this, id, value).friendlyUniqueId}`;
  }
}
