/** What a check found wrong, and how it is shown. */
import type { Inventory } from "./inventory.js";

/** Something that is not as it has to be, on one host. */
export interface Finding {
  /** Name of the host. */
  readonly host: string;
  readonly check: string;
  /** What was found … */
  readonly found: string;
  /** … what is needed … */
  readonly needed: string;
  /** … and the command, or the step, that usually mends it. */
  readonly mend: string;
}

/** `h2 (198.18.0.12)`. */
export function label({ name, address }: { readonly name: string; readonly address: string }): string {
  return `${name} (${address})`;
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
export function findingsTable(inventory: Inventory, findings: readonly Finding[]): string[] {
  const rows = inventory.hosts.flatMap((host) =>
    findings
      .filter((finding) => finding.host === host.name)
      .flatMap(({ check, found, needed, mend }) => [
        [label(host), check, found],
        ["", "", `needs: ${needed}`],
        ["", "", `mend:  ${mend}`],
      ]),
  );
  return columns(rows);
}
