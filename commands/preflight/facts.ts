/** Reads what `scripts/host/probes/preflight.sh` prints. */
import { architectureOf } from "../../cluster/systems.js";
import type { Finding } from "../shared/findings.js";

/** What a host said of itself: `os`, `arch`, `hostname`, `machine-id`, `engine`, `engine-min-api`, … */
export type Facts = Readonly<Record<string, string>>;

export interface HostReport {
  readonly facts: Facts;
  readonly findings: readonly Finding[];
  /** The script reached its end: without it nothing follows from what is missing. */
  readonly complete: boolean;
}

/** Takes the script's output apart; lines of any other form (a login's greeting, say) are passed over. */
export function parseReport(host: string, output: string): HostReport {
  const facts: Record<string, string> = {};
  const findings: Finding[] = [];
  for (const line of output.split("\n")) {
    const [, name, value] = /^fact ([a-z-]+) (.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) {
      facts[name] = value;
    }
    const [, check, found, needed, fix] =
      /^problem ([a-z-]+) \| found (.*?) \| needed (.*?) \| fix: (.*)$/.exec(line) ?? [];
    if (check !== undefined && found !== undefined && needed !== undefined && fix !== undefined) {
      findings.push({ host, check, found, needed, fix });
    }
  }
  return { facts, findings, complete: facts.end === "ok" };
}

/** The platforms of `artifacts.lock.json` that fit a host, the most general first. */
export function platformsOf(facts: Facts): string[] {
  const arch = architectureOf(facts.arch ?? "unknown");
  return ["any", arch, `${(facts.os ?? "unknown").replaceAll(" ", "-")}-${arch}`];
}

/** The words of a fact that is a list. */
export const wordsOf = (fact: string | undefined): string[] => (fact ?? "").split(" ").filter((word) => word !== "");
