/** The scripts that steps run, and what each of them reads: an edit of one runs exactly the steps that read it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "./text.js";

export const stepsFolder = join(__dirname, "..", "scripts", "host", "steps");

/** Read by every step. */
const shared = ["names.sh", "lib.sh", "hold.sh"];

/** Each step's script, without `.sh`, and the others that it sources or runs. */
export const stepScripts = {
  "consul-bootstrap": ["consul-agent.sh"],
  "consul-handover": ["consul-start.sh", "consul-agent.sh"],
  "consul-install": [],
  "consul-start": ["consul-agent.sh"],
  "docker-engine": [],
  fetch: [],
  firewall: ["firewall-let-in.sh"],
  "gate-consul": [],
  "gate-swarm": [],
  "gate-weave": [],
  leave: [],
  lost: [],
  release: [],
  "swarm-clear": [],
  uninstall: [],
  "weave-install": ["weave-launch.sh", "weave-prepare.sh"],
  "weave-launch": ["weave-prepare.sh"],
} as const satisfies Record<string, readonly string[]>;

export type StepScript = keyof typeof stepScripts;

const texts = new Map<string, string>();

/** Read once: every host has the same. */
function read(file: string): string {
  const text = texts.get(file) ?? readFileSync(join(stepsFolder, file), "utf8");
  texts.set(file, text);
  return text;
}

/** A hash of all that a step runs. `contents` gives a file's text; tests edit it. */
export const stepHash = (script: StepScript, contents: (file: string) => string = read): string =>
  sha256([`${script}.sh`, ...shared, ...stepScripts[script]].map(contents).join("\n"));
