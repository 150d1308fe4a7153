/** What a check found wrong, and how it is shown. */
import type { Inventory } from "../../cluster/inventory.js";
import { label } from "../../cluster/model.js";
import type { Cause } from "../../ssh/explain.js";
import { type Paint, unpainted } from "./progress.js";

/** Something that is not as it has to be, on one host. */
export interface Finding extends Cause {
  /** Name of the host. */
  readonly host: string;
  /** Worth knowing, but nothing that keeps the cluster from working. */
  readonly warning?: true;
}

/** `1 host`, `2 hosts`. */
export const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** Sets columns of texts to the width of their widest entry; the last column is left as it is. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join("  "),
  );
}

/** The table of findings, in the order of the hosts: three lines each. */
export function findingsTable(inventory: Inventory, findings: readonly Finding[], paint: Paint = unpainted): string[] {
  const own = inventory.hosts.flatMap((host) =>
    findings.filter((finding) => finding.host === host.name).map((finding) => ({ host, finding })),
  );
  const wide = (texts: readonly string[]) => Math.max(0, ...texts.map(({ length }) => length));
  const [hosts, checks] = [wide(own.map(({ host }) => label(host))), wide(own.map(({ finding }) => finding.check))];
  const indent = " ".repeat(hosts + checks + 4);
  return own.flatMap(({ host, finding: { check, found, needed, fix, warning } }) => [
    [
      paint("bold", label(host).padEnd(hosts)),
      paint(warning ? "yellow" : "red", check.padEnd(checks)),
      `${warning ? "warning: " : ""}${found}`,
    ].join("  "),
    `${indent}${paint("dim", "needs:")} ${needed}`,
    `${indent}${paint("dim", "fix:  ")} ${fix}`,
  ]);
}

/** A length of time in the unit that people would use. */
export function showDuration(seconds: number): string {
  if (seconds < 120) {
    return `${seconds.toFixed(1)} s`;
  }
  if (seconds < 7200) {
    return `${Math.round(seconds / 60)} minutes`;
  }
  return seconds < 172800 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86400)} days`;
}
