/** The hosts of the cluster before the deploy and after it, as the plan knows them: from the tables that hosts are sent. */
import type { TerraformPlan, Turn } from "./terraform-plan.js";

/** One line of `hosts.tsv`, which `constructs/hosts-table.ts` writes. */
export interface Row {
  readonly name: string;
  readonly address: string;
  readonly roles: readonly string[];
}

export interface Member extends Turn<Row> {
  readonly name: string;
  readonly address: string;
  /** It leaves by a step of its own: by itself, or, lost, by another's hand. */
  readonly departs?: "leaves" | "is lost";
}

const rows = (table: string | undefined): Row[] =>
  (table ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [name = "", address = "", roles = ""] = line.split("\t");
      return { name, address, roles: roles.split(",") };
    });

/** Does the host do something in the cluster, and is not just off? */
export const isUp = (row: Row | undefined): row is Row => row !== undefined && !row.roles.includes("down");
export const isServer = (row: Row | undefined): boolean => row?.roles.includes("server") ?? false;

/** Every host of the cluster, those that come and those that go. */
export function membersOf(plan: TerraformPlan): Member[] {
  const table = plan.file("hosts");
  const [before, after] = [rows(table.before), rows(table.after)];
  const named = [...new Set([...before, ...after].map(({ name }) => name))];
  return named
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .map((name) => {
      const was = before.find((row) => row.name === name);
      const is = after.find((row) => row.name === name);
      const departs = departureOf(plan, name);
      const { address } = (is ?? was) as Row;
      return { name, address, before: was, after: is, ...(departs && { departs }) };
    });
}

function departureOf(plan: TerraformPlan, name: string): Member["departs"] {
  const created = (step: string) => plan.changes.get(`null_resource.${name}_${step}`)?.actions.includes("create");
  if (created("lost")) {
    return "is lost";
  }
  return created("leave") ? "leaves" : undefined;
}
