/** The preflight: all problems of all hosts, before anything is changed on one. */

import type { Inventory, InventoryHost } from "../../cluster/inventory.js";
import { explainContact, lastLine, onAll, type RunAsRoot, withHosts } from "../../ssh/contact.js";
import { columns, type Finding, findingsTable, label } from "../shared/findings.js";
import { type Paint, painter, progress, unpainted } from "../shared/progress.js";
import { endOnSignals } from "../shared/signals.js";
import { type Facts, type HostReport, parseReport } from "./facts.js";
import { judge } from "./judge/all-hosts.js";
import { judgeLinks } from "./judge/links.js";
import { judgeHost } from "./judge/one-host.js";
import { type Links, probeLinks } from "./probe-links.js";

/** The texts of what runs on hosts. */
export interface Programs {
  /** `scripts/host/probes/preflight-facts.sh` and `preflight.sh` */
  readonly host: string;
  /** `scripts/host/probes/port-probe.pl` */
  readonly links: string;
}

export interface PreflightResult {
  readonly findings: readonly Finding[];
  /** Hosts that answered, by name. */
  readonly facts: ReadonlyMap<string, Facts>;
  /** Hosts of which nothing can be said, with the reason. */
  readonly undecided: ReadonlyMap<string, string>;
  readonly links: Links;
}

/**
 * Looks at all hosts at once. Changes nothing on any.
 *
 * @param script what each host is asked with
 * @param probe lets the hosts try each other, once all of them have been looked at
 */
export async function preflight(
  inventory: Inventory,
  script: string,
  run: RunAsRoot,
  probe: (looked: Promise<unknown>) => Promise<Links>,
): Promise<PreflightResult> {
  const facts = new Map<string, Facts>();
  const undecided = new Map<string, string>();
  const findings: Finding[] = [];
  const looked = onAll(inventory.hosts, async (host) => ({
    host,
    result: await run(host, script, scriptArguments(inventory, host)),
  }));
  const [answers, links] = await Promise.all([looked, probe(looked)]);
  for (const { host, result } of answers) {
    const report = parseReport(host.name, result.stdout);
    const unreached = report.complete ? undefined : explainContact(inventory, host, result);
    if (unreached) findings.push(unreached);
    else if (report.complete) accept(host, report);
    else undecided.set(host.name, `the checks ended early: ${lastLine(result.stderr) || `status ${result.status}`}`);
  }
  return {
    findings: [...findings, ...judge(inventory, facts), ...judgeLinks(inventory, facts, links)],
    facts,
    undecided,
    links,
  };

  function accept(host: InventoryHost, report: HostReport) {
    facts.set(host.name, report.facts);
    findings.push(...report.findings, ...judgeHost(inventory, host, report.facts));
    const silence = links.silent.get(host.name);
    if (silence === undefined) return;
    if (/perl: (command )?not found|exec: perl/.test(silence)) {
      const fix = "apt-get install perl-base";
      findings.push({ host: host.name, check: "links", found: "there is no perl", needed: "perl-base", fix });
    } else undecided.set(host.name, `could not try the other hosts' ports: ${silence}`);
  }
}

/** Looks at all hosts and prints the report; the result is the exit status: 0 no problem, 1 problems, 2 could not tell. */
export async function runPreflight(
  inventory: Inventory,
  programs: Programs,
  { json = false } = {},
): Promise<0 | 1 | 2> {
  endOnSignals("preflight");
  const { say, done } = progress("preflight");
  const many = inventory.hosts.length > 1;
  say(`looking at ${count(inventory.hosts.length, "host")}${many ? ", which try each other's ports" : ""}`);
  const result = await withHosts(inventory, (run, open) =>
    preflight(inventory, programs.host, run, (looked) => probeLinks(inventory, programs.links, open, looked)),
  ).finally(done);
  const { lines, status } = preflightReport(inventory, result, painter());
  if (json) console.log(JSON.stringify(asJson(inventory, result, status), undefined, 2));
  else for (const line of lines) console.log(line);
  return status;
}

/** For machines: the same names as in the table. */
export function asJson(
  inventory: Inventory,
  { findings, facts, undecided, links }: PreflightResult,
  status: 0 | 1 | 2,
) {
  return {
    cluster: inventory.name,
    result: ["fit", "problems", "could not tell"][status],
    findings,
    hosts: inventory.hosts.map(({ name, address }) => ({
      name,
      address,
      ...(undecided.has(name) ? { undecided: undecided.get(name) } : {}),
      facts: facts.get(name) ?? {},
      ...(links.clocks.has(name) ? { clock: links.clocks.get(name) } : {}),
    })),
    links: links.links,
    paths: links.paths,
  };
}

/** What `preflight.sh` is told. */
function scriptArguments({ settings, required, sources }: Inventory, { address, ports }: InventoryHost): string[] {
  const images = required.filter((name) => name.startsWith("image:")).map((name) => name.slice("image:".length));
  return [
    `address=${address}`,
    `data_dir=${settings.consul.dataDir}`,
    `images=${[...images, settings.verify.image].join(",")}`,
    `ports=${ports.join(",")}`,
    `names=${sources.join(",")}`,
  ];
}

/** The report and the exit status that belongs to it. */
export function preflightReport(
  inventory: Inventory,
  { findings, facts, undecided, links }: PreflightResult,
  paint: Paint = unpainted,
): { readonly lines: string[]; readonly status: 0 | 1 | 2 } {
  const total = count(inventory.hosts.length, "host");
  const problems = findings.filter(({ warning }) => !warning);
  const warnings = findings.length - problems.length;
  const bad = new Set(problems.map(({ host }) => host)).size;
  const unknown = inventory.hosts.flatMap((host) => {
    const reason = undecided.get(host.name);
    return reason === undefined ? [] : [[label(host), "could not tell", reason]];
  });
  const table = [...findingsTable(inventory, findings, paint), ...columns(unknown)];
  const warned = warnings > 0 ? `, ${count(warnings, "warning")}` : "";
  if (problems.length === 0 && unknown.length === 0) {
    const rows = inventory.hosts.map((host) => [label(host), describe(inventory, facts.get(host.name) ?? {})]);
    const tried = links.links.length > 0 ? `, ${count(links.links.length, "connection")} between them tried` : "";
    return {
      lines: [...columns(rows), ...table, paint("green", `preflight: no problem on ${total}${warned}${tried}`)],
      status: 0,
    };
  }
  const summary = [
    problems.length > 0 ? `${count(problems.length, "problem")} on ${bad} of ${total}${warned}` : "",
    unknown.length > 0 ? `could not tell about ${unknown.length} of ${total}` : "",
  ].filter((part) => part !== "");
  return {
    lines: [...table, paint("red", `preflight: ${summary.join("; ")}; nothing was changed`)],
    status: problems.length > 0 ? 1 : 2,
  };
}

function describe({ settings, artifacts }: Inventory, facts: Facts): string {
  return [facts.os, facts.arch, `kernel ${facts.kernel}`, engine(), datapath()].join(", ");

  function datapath(): string {
    if (!settings.weave.fastDatapath) return "no fast datapath (cluster file)";
    const known = ["openvswitch", "vxlan"].every((feature) => facts[`kernel-${feature}`] === "yes");
    return known ? "fast datapath" : "fast datapath if the kernel has openvswitch, which it does not tell";
  }

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
