/** What happens on a host when the cluster is destroyed. */
import type { RemoteExecProvisioner, TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import { uploadsFolder as uploads } from "../cluster/names.js";
import { type LoginFacts, recalledConnection } from "./connection.js";
import { asDeployer } from "./hold.js";
import { waitFor } from "./order.js";
import { TerraformData } from "./terraform-data.js";
import { removeUploads, sendUploads, type Uploads } from "./uploads.js";

export interface TeardownProps {
  /** The login, which the resource remembers for the day of its destruction. */
  readonly facts: LoginFacts;
  readonly sudo: string;
  readonly uploads: Uploads;
  /** Who destroys, as an expression without references. */
  readonly deployer: string;
  readonly after: readonly TerraformResource[];
}

/**
 * Uninstalls when it is destroyed. The login is an input, not a trigger: a changed one is taken over, and never
 * destroys anything. A step's own destroy-time provisioner would also run whenever the step is replaced.
 *
 * It brings its own scripts: those that were sent by a deploy may be gone, or be in another user's home.
 */
export class Teardown extends TerraformData {
  public constructor(scope: Construct, id: string, { facts, sudo, uploads: sent, deployer, after }: TeardownProps) {
    const recalledSudo = `\${self.input.sudo}`;
    const uninstall = `${asDeployer(recalledSudo, deployer)}sh ${uploads}/scripts/uninstall.sh || exit 1`;
    const run: RemoteExecProvisioner = { type: "remote-exec", inline: [uninstall, removeUploads] };
    super(scope, id, {
      input: { ...facts, sudo },
      connection: recalledConnection,
      // cdktf's types lack `when`.
      provisioners: [...sendUploads({ scripts: sent.scripts }, recalledSudo, deployer), run].map((one) => ({
        ...one,
        when: "destroy",
      })),
    });
    waitFor(this, after);
  }
}
