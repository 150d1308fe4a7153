/** The preflight's result as people read it. */
import type { Inventory } from "../../cluster/inventory.js";
import { label } from "../../cluster/model.js";
import { ports } from "../../cluster/ports.js";
import { columns, findingsTable, plural } from "../shared/findings.js";
import { type Paint, unpainted } from "../shared/progress.js";
import type { Facts } from "./facts.js";
import type { ExitStatus, PreflightResult } from "./result.js";

export interface PreflightReport {
  readonly lines: string[];
  readonly status: ExitStatus;
}

/** The report and the exit status that belongs to it. */
export function preflightReport(
  inventory: Inventory,
  { findings, facts, undecided, network }: PreflightResult,
  paint: Paint = unpainted,
): PreflightReport {
  const total = plural(inventory.hosts.length, "host");
  const problems = findings.filter(({ warning }) => !warning);
  const warnings = findings.length - problems.length;
  const warned = warnings > 0 ? `, ${plural(warnings, "warning")}` : "";
  const unknown = inventory.hosts.flatMap((host) => {
    const reason = undecided.get(host.name);
    return reason === undefined ? [] : [[label(host), "could not tell", reason]];
  });
  const table = [...findingsTable(inventory, findings, paint), ...columns(unknown)];
  if (problems.length === 0 && unknown.length === 0) {
    const rows = inventory.hosts.map((host) => [label(host), describe(inventory, facts.get(host.name) ?? {})]);
    const { length } = network.connections.filter(({ from, to }) => from !== to);
    const tried = length > 0 ? `, ${plural(length, "connection")} between them tried` : "";
    const summary = `preflight: no problem on ${total}${warned}${tried}`;
    return { lines: [...columns(rows), ...table, ...openly(inventory), paint("green", summary)], status: 0 };
  }
  const bad = new Set(problems.map(({ host }) => host)).size;
  const summary = [
    problems.length > 0 ? `${plural(problems.length, "problem")} on ${bad} of ${total}${warned}` : "",
    unknown.length > 0 ? `could not tell about ${unknown.length} of ${total}` : "",
  ].filter((part) => part !== "");
  return {
    lines: [...table, paint("red", `preflight: ${summary.join("; ")}; nothing was changed`)],
    status: problems.length > 0 ? 1 : 2,
  };
}

/** What the guide's form means, at every deploy: no problem of a host, and nothing to forget. */
const openly = ({ operator }: Inventory): string[] =>
  operator === undefined
    ? [
        `open: whoever reaches ${ports.weaveProxy.number} or ${ports.swarmManager.number} of a host is root on all of them; security: strict ends that (docs/security.md)`,
      ]
    : [];

/** One line about a host that is fit. */
function describe(inventory: Inventory, facts: Facts): string {
  const firewall = facts["firewall-denies"] ? [`${facts.firewall} denies by default`] : [];
  const parts = [facts.os, facts.arch, `kernel ${facts.kernel}`, engine(inventory, facts), datapath(inventory, facts)];
  return [...parts, ...firewall].join(", ");
}

function engine({ settings, artifacts }: Inventory, facts: Facts): string {
  const { "engine-min-api": from, "engine-api": to } = facts;
  if (facts.engine !== "absent") {
    return `Docker Engine ${facts.engine} (${from === undefined ? "not running yet" : `API ${from} to ${to}`})`;
  }
  const { package: name } = settings.docker;
  const version = artifacts.find((artifact) => artifact.name === `package:docker-engine:${name}`)?.version;
  return `no Docker Engine yet; the deploy installs ${name}${version === undefined ? "" : ` ${version}`}`;
}

function datapath({ settings }: Inventory, facts: Facts): string {
  if (!settings.weave.fastDatapath) {
    return "no fast datapath (cluster file)";
  }
  const known = ["openvswitch", "vxlan"].every((feature) => facts[`kernel-${feature}`] === "yes");
  return known ? "fast datapath" : "fast datapath if the kernel has openvswitch, which the host does not reveal";
}
