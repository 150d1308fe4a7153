/** What the host side of verify prints, taken apart at its headings `=== NAME STATUS`. */
import { lastLine } from "../../ssh/explain.js";

/** The sections that `observe` of `scripts/host/probes/verify.sh` prints, in that order; `weave-status` only for readers. */
export const sections = [
  "unit-consul",
  "unit-docker",
  "unit-weave",
  "containers",
  "engine-api",
  "engine-hold",
  "consul-members",
  "consul-raft",
  "consul-autopilot",
  "consul-info",
  "weave-report",
  "proxy",
  "swarm-info",
  "certificates",
  "image",
  "firewall",
  "allow-list",
  "weave-status",
  "swept",
] as const;

export type Section = (typeof sections)[number];

/** A command's output and status. */
export interface Said {
  readonly status: number;
  readonly text: string;
}

/** How one host sees the cluster. A section may be absent from a recording that is older than the section. */
export type View = ReadonlyMap<Section, Said>;

/** The views of the hosts that could be asked, by the hosts' names. */
export type Views = ReadonlyMap<string, View>;

export function parseSections(output: string): Map<string, Said> {
  const found = new Map<string, Said>();
  const [, ...parts] = `\n${output.replaceAll("\r", "")}`.split(/\n=== (.+) (\d+)(?=\n|$)/);
  for (let i = 0; i + 2 < parts.length; i += 3) {
    const [name = "", status, text = ""] = parts.slice(i, i + 3);
    found.set(name, { status: Number(status), text: text.replace(/^\n/, "").trimEnd() });
  }
  return found;
}

/** The view in what `observe` printed; nothing when the script did not run to its end. */
export function parseView(output: string): View | undefined {
  const found = parseSections(output);
  if (!found.has("end")) {
    return undefined;
  }
  return new Map(
    sections.flatMap((section) => {
      const said = found.get(section);
      return said === undefined ? [] : [[section, said] as const];
    }),
  );
}

/** What a host printed in a section, also when the command failed; empty when there is no such section. */
export const textOf = (views: Views, host: string, section: Section): string =>
  views.get(host)?.get(section)?.text ?? "";

/** Did the command of a section succeed on a host? */
export const succeeded = (views: Views, host: string, section: Section): boolean =>
  views.get(host)?.get(section)?.status === 0;

/** Why a command that had to succeed did not; nothing when it did. */
export function whyFailed(said: Said | undefined): string | undefined {
  if (said === undefined) {
    return "no answer";
  }
  if (said.status === 0) {
    return undefined;
  }
  if (said.status === 124) {
    return "no answer in time";
  }
  const reason = lastLine(said.text).replace(/^Error: /, "");
  const [, command] = /^timeout: failed to run command '(.*)': No such file/.exec(reason) ?? [];
  return command === undefined ? reason || `status ${said.status}` : `there is no ${command} on the host`;
}
