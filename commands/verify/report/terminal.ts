/** What `scripts/verify` has found, for a person at a terminal. */

import { label } from "../../../cluster/model.js";
import { columns, plural } from "../../shared/findings.js";
import type { Paint } from "../../shared/progress.js";
import { checkNames, checks, type NamedCheck } from "../checks/index.js";
import { succeeded, textOf } from "../sections.js";
import { labelOf, type Verdict } from "../verdicts.js";
import { statusOf, type Verified } from "../verify.js";

/** With more hosts than this the table would be too wide. */
const columnsUpTo = 8;

const marks = { ok: "✓", failed: "✗", follows: "·", unknown: "?" } as const;
const colours = { ok: "green", failed: "red", follows: "dim", unknown: "yellow" } as const;

/** A table of checks and hosts, the faults, and one line that sums them up. */
export function report(verified: Verified, paint: Paint): string[] {
  const { inventory, silent, network } = verified;
  const { hosts } = inventory;
  return [
    ...(hosts.length <= columnsUpTo ? tableOfHosts(verified, paint) : tableOfCounts(verified, paint)),
    ...(statusOf(verified) === 0
      ? []
      : [paint("dim", "✓ ok  ✗ fault  · follows from a fault  ? could not be asked  - not tested")]),
    "",
    ...hosts.flatMap((host) => {
      const why = silent.get(host.name);
      const open = network?.unanswered.get(host.name) ?? [];
      return [
        ...(why === undefined ? [] : [`${paint("yellow", "?")} ${label(host)}: could not be asked: ${why}`]),
        ...(open.length === 0 ? [] : [`${paint("yellow", "?")} ${label(host)}: no answer in time: ${open.join(", ")}`]),
      ];
    }),
    ...faults(verified, paint),
    ...advice(verified, paint),
    `verify: ${summary(verified, paint)}`,
  ];
}

function tableOfHosts({ inventory, verdicts, silent }: Verified, paint: Paint): string[] {
  const { hosts } = inventory;
  const strangers = [...new Set(verdicts.map(({ host }) => host))].filter(
    (name) => !hosts.some((h) => h.name === name),
  );
  const names = [...hosts.map(({ name }) => name), ...(strangers.length > 0 ? ["others"] : [])];
  const wide = Math.max(...checkNames.map(({ length }) => length));
  const width = (name: string) => Math.max(name.length, 1);
  return [
    [" ".repeat(wide), ...names].join("  "),
    ...checks.map((check) => {
      const of = verdicts.filter((verdict) => verdict.check === check.name);
      const cells = names.map((name) => {
        const verdict = of.find(({ host }) => (name === "others" ? strangers.includes(host) : host === name));
        const blank = " ".repeat(width(name) - 1);
        const status = verdict?.status ?? (silent.has(name) ? "unknown" : undefined);
        return (status ? paint(colours[status], marks[status]) : paint("dim", "-")) + blank;
      });
      return [check.name.padEnd(wide), ...cells, seenOrTitle(check, of)].join("  ").trimEnd();
    }),
  ];
}

function tableOfCounts({ inventory, verdicts }: Verified, paint: Paint): string[] {
  const rows = checks.map(({ name, title }) => {
    const of = verdicts.filter(({ check }) => check === name);
    const count = (status: Verdict["status"]) => {
      const { length } = of.filter((verdict) => verdict.status === status);
      return length === 0 ? "" : `${marks[status]} ${length}`;
    };
    return [name, count("ok"), count("failed"), count("follows"), count("unknown"), title];
  });
  const [head = "", ...lines] = columns([
    ["", "ok", "failed", "follows", "unknown", `of ${inventory.hosts.length} hosts`],
    ...rows,
  ]);
  return [paint("dim", head), ...lines.map((line) => line.trimEnd())];
}

/** What was seen on all hosts when all is right, else what the check is about. */
function seenOrTitle({ title }: NamedCheck, of: readonly Verdict[]): string {
  const words = [...new Set(of.map(({ found }) => found))].filter(Boolean).join(" · ");
  const allOk = of.every(({ status }) => status === "ok");
  return allOk && words !== "" && words.length <= 64 ? words : title;
}

/** The failed verdicts. What all hosts that were asked say in the same words is one fault, not one of each. */
function grouped({ verdicts, views }: Verified): (readonly Verdict[])[] {
  const groups = new Map<string, Verdict[]>();
  for (const verdict of verdicts.filter(({ status }) => status === "failed")) {
    const key = JSON.stringify([verdict.check, verdict.found]);
    groups.set(key, [...(groups.get(key) ?? []), verdict]);
  }
  return [...groups.values()].flatMap((group) =>
    group.length > 1 && group.length === views.size ? [group] : group.map((one) => [one]),
  );
}

function faults(verified: Verified, paint: Paint): string[] {
  const { inventory, verdicts } = verified;
  return grouped(verified).flatMap((group) => {
    const [{ check, found, needed } = { check: "", found: "" }] = group;
    const hosts = group.map(({ host }) => host);
    const also = verdicts.filter(
      (other) => hosts.includes(other.host) && other.status === "follows" && other.because === check,
    );
    const line = (head: string, text: string | undefined) => (text ? [`  ${paint("dim", head)} ${text}`] : []);
    return [
      `${paint("red", "✗")} ${paint("bold", hosts.map((host) => labelOf(inventory, host)).join(", "))} ${check}: ${found}`,
      ...line("needed:", needed),
      ...group.flatMap(({ fix }) => line("fix:   ", fix)),
      ...line("causes:", [...new Set(also.map((other) => other.check))].join(", ")),
    ];
  });
}

/** What is right, but not for long. */
function advice({ inventory, verdicts }: Verified, paint: Paint): string[] {
  const lines = new Map<string, string[]>();
  for (const { host, check, found, advice: todo } of verdicts) {
    if (todo !== undefined) {
      const line = `${check}: ${found}: ${todo}`;
      lines.set(line, [...(lines.get(line) ?? []), labelOf(inventory, host)]);
    }
  }
  return [...lines].map(([line, hosts]) => `${paint("yellow", "!")} ${paint("bold", hosts.join(", "))} ${line}`);
}

/** The one line that sums up. */
export function summary(verified: Verified, paint: Paint): string {
  const { inventory, verdicts, silent, seconds } = verified;
  const { length } = inventory.hosts;
  const failed = verdicts.filter(({ status }) => status === "failed");
  const sick = [...new Set(failed.map(({ host }) => host))];
  const time = `${seconds.toFixed(1)} s`;
  switch (statusOf(verified)) {
    case 0:
      return `${paint("green", "healthy")}: ${verdicts.length} checks on ${plural(length, "host")} in ${time}`;
    case 1:
      return `${paint("red", "unhealthy")}: ${plural(grouped(verified).length, "fault")} on ${sick.join(", ")} in ${time}`;
    case 2:
      if (silent.size === 0) {
        const open = verified.network?.unanswered.size ?? 0;
        return `${paint("yellow", "could not tell")}: ${open} of ${length} hosts left questions unanswered in ${time}`;
      }
      return `${paint("yellow", "could not tell")}: ${silent.size} of ${length} hosts could not be asked in ${time}`;
  }
}

/** The components' own output, for a person who knows them. */
export function transcript({ inventory, views, eventBus }: Verified): string[] {
  const own = checks.flatMap(({ transcript: shown }) => {
    if (shown === undefined) {
      return [];
    }
    const { section, command } = shown;
    const host = inventory.hosts.find(({ name }) => succeeded(views, name, section));
    return host ? [`${host.name}> ${command}`, ...shortened(textOf(views, host.name, section)).split("\n"), ""] : [];
  });
  return [...own, ...(eventBus?.transcript ?? [])];
}

/** Without what `docker info` prints before and after Swarm's own part: it is about the client, or empty. */
function shortened(text: string): string {
  return text.replace(/^Client:[\s\S]*?\nServer:\n/, "").replace(/\n Plugins:\n[\s\S]*$/, "\n …");
}
