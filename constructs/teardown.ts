/** What happens on a host when it is to have nothing of the cluster any more. */
import type { ITerraformDependable } from "cdktf";
import type { Construct } from "constructs";
import { uploadsFolder as uploads } from "../cluster/names.js";
import { type LoginFacts, recalledConnection } from "./connection.js";
import { TerraformData } from "./terraform-data.js";

export interface TeardownProps {
  /** The login, which the resource remembers for the day of its destruction. */
  readonly facts: LoginFacts;
  readonly sudo: string;
  readonly after: readonly ITerraformDependable[];
}

// Terraform empties its own script on the host when that has ended: what is left is removed when it has hung up,
// which must not end the remover.
const clean = `trap '' HUP; setsid sh -c 'while kill -0 "$1" 2>/dev/null; do sleep 0.2; done; rm -rf ${uploads} ${uploads}-*' sh "$PPID" </dev/null >/dev/null 2>&1 &`;
const present = `test -e ${uploads}/scripts/uninstall.sh || { echo 'the folder ~/${uploads} is gone: deploy once more, then destroy' >&2; exit 1; }`;
const onHost = (script: string) => `\${self.input.sudo}sh ${uploads}/scripts/${script}.sh || exit 1`;

/** The provisioner of a teardown. Whatever it needs to know comes from the state, not from the configuration. */
const atDestruction = (...scripts: string[]) => ({
  connection: recalledConnection,
  provisioners: [
    { type: "remote-exec", when: "destroy", inline: [present, ...scripts.map(onHost), clean] } as {
      type: "remote-exec";
      inline: string[];
    }, // cdktf's type lacks `when`
  ],
});

/**
 * Uninstalls when it is destroyed. The login is an input, not a trigger: a changed one is taken over, and never
 * destroys anything. A step's own destroy-time provisioner would also run whenever the step is replaced.
 */
export class Teardown extends TerraformData {
  public constructor(scope: Construct, id: string, { facts, sudo, after }: TeardownProps) {
    super(scope, id, { dependsOn: [...after], input: { ...facts, sudo }, ...atDestruction("uninstall") });
  }
}

/** The teardown of a host that leaves a cluster that goes on: there is none any more, and how it ends stays written down. */
export class LastTeardown extends TerraformData {
  public constructor(scope: Construct, id: string) {
    super(scope, id, { count: 0, ...atDestruction("leave", "uninstall") });
  }
}
