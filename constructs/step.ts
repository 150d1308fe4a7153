/** One step on one host: a script of scripts/host/steps, run again when something that it depends on has changed. */
import type { FileProvisioner, RemoteExecProvisioner, SSHProvisionerConnection, TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import { uploadsFolder as uploads } from "../cluster/names.js";
import { shellWord } from "../cluster/shell.js";
import { asDeployer } from "./hold.js";
import { once } from "./once.js";
import { attribute } from "./order.js";
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

type Arguments = Readonly<Record<string, string | number | boolean>>;

const wordsOf = (args: Arguments): string[] =>
  Object.entries(args).map(([name, value]) => `${name}=${shellWord(String(value))}`);

export interface StepProps {
  readonly on: StepHost;
  /** The script in scripts/host/steps, without `.sh`. */
  readonly script: StepScript;
  /** The script's NAME=VALUE arguments. Never a secret: they stand in the plan and in the host's process list. */
  readonly args?: Arguments;
  /** Arguments that are the same on all hosts, and stand in the stack once, under this name. */
  readonly shared?: { readonly name: string; readonly args: Arguments };
  /** What is sent before the script runs. A secret goes alone in an upload: Terraform hides the output of its provisioner. */
  readonly uploads?: readonly Upload[];
  /** Run again when one of these has changed, and for nothing else: neither for another script nor for another login. */
  readonly onlyFor?: Readonly<Record<string, string | number>>;
  /** Hashes of what the script reads besides its arguments. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly after: readonly TerraformResource[];
}

export class Step extends Task {
  public readonly on: StepHost;

  public constructor(scope: Construct, id: string, props: StepProps) {
    const { shared } = props;
    // Who logs in, and so whether it takes sudo, is nothing that the step would have to be run again for.
    const command = [
      literal([`sh ${uploads}/scripts/${props.script}.sh`, ...wordsOf(props.args ?? {})].join(" ")),
      ...(shared ? [once(scope, `arguments_${shared.name}`, literal(wordsOf(shared.args).join(" ")))] : []),
    ].join(" ");
    const everything = {
      command,
      ...(props.onlyFor ? {} : { script: scriptTrigger(scope, props) }),
      ...props.on.triggers,
      ...props.inputs,
    };
    const runAs = (line: string): RemoteExecProvisioner => ({
      type: "remote-exec",
      inline: [`${asDeployer(props.on.sudo)}${line}`],
    });
    const only = props.onlyFor && Object.entries(props.onlyFor).map(([name, value]) => [name, String(value)]);
    super(scope, id, {
      connection: props.on.connection,
      after: props.after,
      triggers: only ? Object.fromEntries(only) : everything,
      provisioners: [
        // Another deploy's step may be about to read what lies there.
        ...(props.uploads?.length ? [runAs(`sh ${uploads}/scripts/hold.sh`)] : []),
        ...(props.uploads ?? []).map(
          ({ to, ...what }): FileProvisioner => ({ type: "file", ...what, destination: `${uploads}/${to}` }),
        ),
        // Written once where the trigger has it already.
        only ? runAs(command) : runAs(`\${self.triggers.command}`),
      ],
    });
    this.on = props.on;
  }
}

/**
 * The hash of a step's script, which all hosts have. Where another trigger is known to the deploy alone, the null provider
 * says nothing of any before that (not below 3.2), and `scripts/plan` reads them where they are written.
 */
function scriptTrigger(scope: Construct, { script, inputs = {} }: StepProps): string {
  const hash = stepHash(script);
  const knownLate = Object.values(inputs).some((value) => /\$\{(?!local\.)/.test(value));
  return knownLate ? hash : once(scope, `script_${script}`, hash);
}

/** An input that changes whenever one of these has run again. */
export function whenRunAgain(resources: readonly TerraformResource[]): string {
  const ids = resources.map((one) => attribute(one, "id"));
  return `\${sha256(join(",", [${ids.join(", ")}]))}`;
}
