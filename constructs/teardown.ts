/** What happens on a host when the cluster is destroyed. */
import type { RemoteExecProvisioner, TerraformAsset, TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import type { Cluster } from "../cluster/model.js";
import { uploadsFolder as uploads } from "../cluster/names.js";
import { textsAsset } from "./assets.js";
import { type LoginFacts, recalledConnection } from "./connection.js";
import { asDeployer, deployer, stackHere } from "./hold.js";
import { waitFor } from "./order.js";
import { TerraformData } from "./terraform-data.js";
import { receiveUploads, removeUploads, sendScripts, type Uploads } from "./uploads.js";

export interface TeardownProps {
  readonly cluster: Cluster;
  /** The login, which the resource remembers for the day of its destruction. */
  readonly facts: LoginFacts;
  readonly sudo: string;
  readonly uploads: Uploads;
  readonly after: readonly TerraformResource[];
}

/**
 * Uninstalls when it is destroyed. The login is an input, not a trigger: a changed one is taken over, and never
 * destroys anything. A step's own destroy-time provisioner would also run whenever the step is replaced.
 *
 * It brings its own scripts: those that were sent by a deploy may be gone, or be in another user's home.
 */
export class Teardown extends TerraformData {
  public constructor(scope: Construct, id: string, { cluster, facts, sudo, uploads: sent, after }: TeardownProps) {
    const run = (command: keyof typeof commandFiles): RemoteExecProvisioner => ({
      type: "remote-exec",
      inline: [
        `\${templatefile("${sent.teardown.path}/${commandFiles[command]}", { sudo = self.input.sudo, here = ${stackHere} })}`,
      ],
    });
    super(scope, id, {
      input: { ...facts, sudo },
      connection: recalledConnection(cluster),
      // cdktf's types lack `when`.
      provisioners: [run("receive"), sendScripts(sent.scripts), run("uninstall")].map((one) => ({
        ...one,
        when: "destroy",
      })),
    });
    waitFor(this, after);
  }
}

const commandFiles = { receive: "receive.tftpl", uninstall: "uninstall.tftpl" } as const;

/** The commands, as templates that every host fills in: where they run, Terraform allows no reference to a common value. */
export function teardownAsset(scope: Construct, cluster: Cluster, scripts: TerraformAsset): TerraformAsset {
  const sudo = `\${sudo}`;
  const who = deployer(cluster, "here");
  const uninstall = `${asDeployer(sudo, who)}sh ${uploads}/scripts/uninstall.sh || exit 1`;
  return textsAsset(scope, "teardown", {
    [commandFiles.receive]: `${receiveUploads(scripts, sudo, who)}\n`,
    [commandFiles.uninstall]: `${uninstall}\n${removeUploads}\n`,
  });
}
