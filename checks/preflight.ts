/** The preflight: all problems of all hosts, before anything is changed on one. */
import { explainContact, lastLine, onAll, type RunAsRoot, withHosts } from "./contact.js";
import { type Facts, type HostReport, parseReport } from "./facts.js";
import { columns, type Finding, findingsTable, label } from "./findings.js";
import type { Inventory, InventoryHost } from "./inventory.js";
import { judge } from "./judge.js";

export interface PreflightResult {
  readonly findings: readonly Finding[];
  /** Hosts that answered, by name. */
  readonly facts: ReadonlyMap<string, Facts>;
  /** Hosts of which nothing can be said, with the reason. */
  readonly undecided: ReadonlyMap<string, string>;
}

/**
 * Looks at all hosts at once. Changes nothing on any.
 *
 * @param script the text of `scripts/host/preflight.sh`
 */
export async function preflight(inventory: Inventory, script: string, run: RunAsRoot): Promise<PreflightResult> {
  const facts = new Map<string, Facts>();
  const undecided = new Map<string, string>();
  const findings: Finding[] = [];
  const answers = await onAll(inventory.hosts, async (host) => ({
    host,
    result: await run(host, script, scriptArguments(inventory, host)),
  }));
  for (const { host, result } of answers) {
    const report = parseReport(host.name, result.stdout);
    const unreached = report.complete ? undefined : explainContact(inventory, host, result);
    if (unreached) findings.push(unreached);
    else if (report.complete) accept(host, report);
    else undecided.set(host.name, `the checks ended early: ${lastLine(result.stderr) || `status ${result.status}`}`);
  }
  return { findings: [...findings, ...judge(inventory, facts)], facts, undecided };

  function accept(host: InventoryHost, report: HostReport) {
    facts.set(host.name, report.facts);
    findings.push(...report.findings);
  }
}

/** Looks at all hosts and prints the report; the result is the exit status: 0 no problem, 1 problems, 2 could not tell. */
export async function runPreflight(inventory: Inventory, script: string): Promise<0 | 1 | 2> {
  const result = await withHosts(inventory, (run) => preflight(inventory, script, run));
  const { lines, status } = preflightReport(inventory, result);
  for (const line of lines) console.log(line);
  return status;
}

/** What `preflight.sh` is told. */
function scriptArguments({ settings, required }: Inventory, { address, ports }: InventoryHost): string[] {
  const images = required.filter((name) => name.startsWith("image:")).map((name) => name.slice("image:".length));
  return [
    `address=${address}`,
    `data_dir=${settings.consul.dataDir}`,
    `images=${[...images, settings.verify.image].join(",")}`,
    `ports=${ports.join(",")}`,
  ];
}

/** The report and the exit status that belongs to it. */
export function preflightReport(
  inventory: Inventory,
  { findings, facts, undecided }: PreflightResult,
): { readonly lines: string[]; readonly status: 0 | 1 | 2 } {
  const total = inventory.hosts.length;
  const bad = new Set(findings.map(({ host }) => host)).size;
  const unknown = inventory.hosts.flatMap((host) => {
    const reason = undecided.get(host.name);
    return reason === undefined ? [] : [[label(host), "could not tell", reason]];
  });
  if (findings.length === 0 && unknown.length === 0) {
    const rows = inventory.hosts.map((host) => [label(host), describe(inventory, facts.get(host.name) ?? {})]);
    return { lines: [...columns(rows), `preflight: no problem on ${count(total, "host")}`], status: 0 };
  }
  const summary = [
    findings.length > 0 ? `${count(findings.length, "problem")} on ${bad} of ${count(total, "host")}` : "",
    unknown.length > 0 ? `could not tell about ${unknown.length} of ${count(total, "host")}` : "",
  ].filter((part) => part !== "");
  return {
    lines: [
      ...findingsTable(inventory, findings),
      ...columns(unknown),
      `preflight: ${summary.join("; ")}; nothing was changed`,
    ],
    status: findings.length > 0 ? 1 : 2,
  };
}

function describe({ settings, artifacts }: Inventory, facts: Facts): string {
  return [facts.os, facts.arch, engine()].join(", ");

  function engine(): string {
    const { "engine-min-api": from, "engine-api": to } = facts;
    if (facts.engine !== "absent") {
      return `Docker Engine ${facts.engine} (${from === undefined ? "not running yet" : `API ${from} to ${to}`})`;
    }
    const { package: name } = settings.docker;
    const version = artifacts.find((artifact) => artifact.name === `package:docker-engine:${name}`)?.version;
    return `no Docker Engine yet; ${name}${version === undefined ? "" : ` ${version}`} is going to be installed`;
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
