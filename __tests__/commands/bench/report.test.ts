import { describe, expect, test } from "vitest";
import { benchSchema, type Machine, type Measured } from "../../../commands/bench/json-schema.js";
import { processorSeconds } from "../../../commands/bench/lab.js";
import { section, table, withSection } from "../../../commands/bench/report.js";

const machine: Machine = { processors: "2 × fast", memory: "24 GiB", system: "Linux 6", load: 0 };
const runs = (...seconds: number[]) => seconds.map((one) => ({ seconds: one, processorSeconds: 1, megabytes: 100 }));
const deploy: Measured[] = [
  { what: "cdktf deploy", hosts: 3, runs: runs(31, 29, 30), floor: runs(24, 20, 21) },
  { what: "terraform apply", hosts: 3, runs: runs(22, 21, 24), floor: runs(24, 20, 21) },
];

test("what is measured with a floor, and without, has the published form", () => {
  const result = { version: 1, command: "deploy", machine, measured: deploy };
  expect(benchSchema.parse(result)).toEqual(result);
  const bare = { ...result, command: "verify", measured: [{ what: "scripts/verify", hosts: 3, runs: runs(6) }] };
  expect(benchSchema.parse(bare)).toEqual(bare);
});

describe("the table", () => {
  test("has the floor, and how many times as long the others take", () => {
    expect(table("deploy", deploy).slice(2)).toEqual([
      "| bare ssh script (the floor) | 21.0 (20.0–24.0) | 1.00 | 1.0 (1.0–1.0) | 100 (100–100) |",
      "| `cdktf deploy` | 30.0 (29.0–31.0) | 1.43 | 1.0 (1.0–1.0) | 100 (100–100) |",
      "| `terraform apply` | 22.0 (21.0–24.0) | 1.05 | 1.0 (1.0–1.0) | 100 (100–100) |",
    ]);
  });

  test("has none of it where nothing was compared", () => {
    const lines = table("verify", [{ what: "scripts/verify", hosts: 3, runs: runs(6, 5, 7) }]);
    expect(lines.join("\n")).not.toMatch(/floor/i);
    expect(lines.at(-1)).toBe("| `scripts/verify` | 6.0 (5.0–7.0) | 1.0 (1.0–1.0) | 100 (100–100) |");
  });
});

describe("docs/performance.md", () => {
  const verify = (...seconds: number[]) =>
    section("verify", machine, [{ what: "scripts/verify", hosts: 3, runs: runs(...seconds) }]);
  const page = withSection(withSection("", "verify", verify(9)), "deploy", section("deploy", machine, deploy));

  test("has a section for each command that was measured, in one order", () => {
    expect(page.match(/^#.*/gm)).toEqual(["# Performance", "## Deploy", "## Verify"]);
  });

  test("keeps what was not measured now", () => {
    const later = withSection(page, "verify", verify(6));
    expect(later).toContain("| 6.0 (6.0–6.0) |");
    expect(later.split("## Verify")[0]).toBe(page.split("## Verify")[0]);
    const byHand = "## By hand\n\nOf a kind that no command measures.\n";
    expect(withSection(`${page}\n${byHand}`, "verify", verify(6))).toBe(`${later}\n${byHand}`);
  });

  test("says when the machine was busy", () => {
    expect(verify(9)).not.toContain("busy");
    expect(section("deploy", { ...machine, load: 1000 }, deploy)).toContain("The machine was busy");
  });
});

test("processor seconds are those of all processes that a shell has waited for", () => {
  expect(processorSeconds("0m9.000s 0m9.000s\n1m2.500s 0m0,250s\n")).toBe(62.75);
});
