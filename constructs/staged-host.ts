/** A host: reached, given what its steps need, and cleaned up again when the cluster is destroyed. */
import { Resource } from "@cdktf/provider-null/lib/resource";
import type { ITerraformDependable, SSHProvisionerConnection, TerraformAsset } from "cdktf";
import { Construct } from "constructs";
import type { Cluster, Host } from "../cluster/model.js";
import { uploadsFolder as uploads } from "../cluster/names.js";
import { artifactsTable, wantedImages } from "./artifacts.js";
import { connectionFrom, loginFacts } from "./connection.js";
import { Step, type StepHost } from "./step.js";
import { Teardown } from "./teardown.js";
import { sha256 } from "./text.js";

export interface StagedHostProps {
  readonly host: Host;
  readonly cluster: Cluster;
  readonly scripts: TerraformAsset;
  /** Folder, in the stack's, with the files that every host gets; and a hash of them. */
  readonly shared: { readonly folder: string; readonly hash: string; readonly files: readonly ITerraformDependable[] };
  /** Artifacts that are sent from the operator's machine: paths in the stack's folder. */
  readonly pushed: readonly string[];
  readonly keyFile: (written: string) => string;
  readonly after: readonly ITerraformDependable[];
}

export class StagedHost extends Construct implements StepHost {
  public readonly host: Host;
  public readonly connection: SSHProvisionerConnection;
  public readonly sudo: string;
  public readonly triggers: Readonly<Record<string, string>>;
  /** The host is reachable and has fetched what it is going to install; nothing has been installed yet. */
  public readonly ready: readonly ITerraformDependable[];

  public constructor(scope: Construct, id: string, props: StagedHostProps) {
    super(scope, id);
    const { host, scripts, shared } = props;
    this.host = host;
    this.sudo = host.login.user === "root" ? "" : "sudo -n ";
    this.triggers = host.rebuilt > 0 ? { rebuilt: String(host.rebuilt) } : {};
    const facts = loginFacts(host, props.cluster, props.keyFile);
    this.connection = connectionFrom(facts);

    const stage = new Resource(this, "stage", {
      // The folder is made by the first of these commands, so they themselves run from beside it.
      connection: connectionFrom(facts, `./${uploads}-%RAND%`),
      dependsOn: [...props.after, ...shared.files],
      triggers: { scripts: scripts.assetHash, shared: shared.hash, ...this.triggers },
      provisioners: [
        {
          type: "remote-exec",
          inline: [
            `umask 077 && rm -rf ${uploads}/scripts && mkdir -p ${uploads}/consul ${uploads}/artifacts ${uploads}/scripts`,
          ],
        },
        { type: "file", source: `${scripts.path}/`, destination: `${uploads}/scripts` },
        { type: "file", source: `${shared.folder}/`, destination: uploads },
      ],
    });

    const teardown = new Teardown(this, "teardown", { facts, sudo: this.sudo, after: [stage] });
    const artifacts = sha256(artifactsTable(props.cluster));
    // Files from the operator's machine can be large: they go once, not with every changed script.
    const push = () =>
      new Resource(this, "push", {
        connection: this.connection,
        dependsOn: [teardown],
        triggers: { artifacts, ...this.triggers },
        provisioners: props.pushed.map((source) => ({
          type: "file" as const,
          source,
          destination: `${uploads}/artifacts/${source.split("/").at(-1)}`,
        })),
      });
    // A wrong checksum or a dead mirror on one host must stop the deploy before it has changed another.
    const fetch = new Step(this, "fetch", {
      on: this,
      script: "fetch",
      args: { images: wantedImages(props.cluster).join(",") },
      inputs: { artifacts },
      after: [teardown, ...(props.pushed.length > 0 ? [push()] : [])],
    });
    this.ready = [teardown, fetch];
  }
}
