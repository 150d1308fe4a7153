/** One step on one host: a script of scripts/host/steps, run again when something that it depends on has changed. */
import type { FileProvisioner, SSHProvisionerConnection, TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import { uploadsFolder as uploads } from "../cluster/names.js";
import { shellWord } from "../cluster/shell.js";
import { type StepScript, stepHash } from "./step-scripts.js";
import { Task } from "./task.js";
import { literal } from "./text.js";

export interface Upload {
  /** A file of the stack's folder … */
  readonly source?: string;
  /** … or text, which may be a Terraform expression. */
  readonly content?: string;
  /** Path below the folder of uploads. */
  readonly to: string;
}

/** Where a step runs. */
export interface StepHost {
  readonly connection: SSHProvisionerConnection;
  /** What comes before a command that needs root; empty for root. */
  readonly sudo: string;
  /** Triggers of everything that happens on the host. */
  readonly triggers: Readonly<Record<string, string>>;
}

export interface StepProps {
  readonly on: StepHost;
  /** The script in scripts/host/steps, without `.sh`. */
  readonly script: StepScript;
  /** The script's NAME=VALUE arguments. Never a secret: they stand in the plan and in the host's process list. */
  readonly args?: Readonly<Record<string, string | number | boolean>>;
  /** What is sent before the script runs. A secret goes alone in an upload: Terraform hides the output of its provisioner. */
  readonly uploads?: readonly Upload[];
  /** Run again when one of these has changed, and for nothing else: neither for another script nor for another login. */
  readonly onlyFor?: Readonly<Record<string, string | number>>;
  /** Hashes of what the script reads besides its arguments. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly after: readonly TerraformResource[];
}

export class Step extends Task {
  public constructor(scope: Construct, id: string, props: StepProps) {
    const words = Object.entries(props.args ?? {}).map(([name, value]) => `${name}=${shellWord(String(value))}`);
    // Who logs in, and so whether it takes sudo, is nothing that the step would have to be run again for.
    const command = [`sh ${uploads}/scripts/${props.script}.sh`, ...words].join(" ");
    const everything = {
      command: literal(command),
      script: stepHash(props.script),
      ...props.on.triggers,
      ...props.inputs,
    };
    const only = props.onlyFor && Object.entries(props.onlyFor).map(([name, value]) => [name, String(value)]);
    super(scope, id, {
      connection: props.on.connection,
      after: props.after,
      triggers: only ? Object.fromEntries(only) : everything,
      provisioners: [
        ...(props.uploads ?? []).map(
          ({ to, ...what }): FileProvisioner => ({ type: "file", ...what, destination: `${uploads}/${to}` }),
        ),
        // Written once where the trigger has it already.
        { type: "remote-exec", inline: [`${props.on.sudo}${only ? literal(command) : `\${self.triggers.command}`}`] },
      ],
    });
  }
}
