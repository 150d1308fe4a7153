/** The scripts that steps run, and what each of them reads: an edit of one runs exactly the steps that read it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "./text.js";

export const stepsFolder = join(__dirname, "..", "scripts", "host", "steps");

/** Read by every step. */
const shared = ["names.sh", "tls.sh", "http.sh", "lib.sh", "hold.sh"];

/** Each step's script, without `.sh`, and the others that it sources or runs. */
export const stepScripts = {
  certificate: [],
  "consul-bootstrap": ["artifacts.sh", "consul.sh", "consul-agent.sh"],
  "consul-handover": ["consul-start.sh", "artifacts.sh", "consul.sh", "consul-agent.sh"],
  "consul-install": ["artifacts.sh", "packages.sh", "consul.sh", "consul-start.sh", "consul-agent.sh"],
  "consul-start": ["artifacts.sh", "consul.sh", "consul-agent.sh"],
  "consul-tokens": ["consul.sh"],
  "docker-engine": ["artifacts.sh", "packages.sh", "engine.sh"],
  fetch: ["artifacts.sh", "packages.sh", "engine.sh", "images.sh", "consul.sh", "weave.sh"],
  firewall: ["artifacts.sh", "packages.sh", "firewall-let-in.sh"],
  "gate-consul": ["consul.sh"],
  "gate-swarm": [],
  "gate-weave": ["images.sh", "weave.sh"],
  leave: ["images.sh", "weave.sh", "swarm.sh", "consul.sh"],
  lost: ["images.sh", "weave.sh", "swarm.sh"],
  release: [],
  "remove-uploads": [],
  "swarm-certificate": [],
  "swarm-clear": ["swarm.sh"],
  uninstall: [
    "packages.sh",
    "engine.sh",
    "images.sh",
    "weave.sh",
    "swarm.sh",
    "uninstall-containers.sh",
    "uninstall-engine.sh",
    "uninstall-rules.sh",
    "uninstall-packages.sh",
    "uninstall-files.sh",
  ],
  "weave-install": ["artifacts.sh", "images.sh", "weave.sh", "weave-launch.sh", "weave-prepare.sh"],
  "weave-launch": ["images.sh", "weave.sh", "weave-prepare.sh"],
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
