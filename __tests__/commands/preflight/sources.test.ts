/** What the preflight's sources have to agree on. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { containers, stateFolder } from "../../../cluster/names.js";
import { ports } from "../../../cluster/ports.js";
import { checkGroups } from "../../../commands/preflight/checks.js";

const probes = ["preflight.sh", "preflight-facts.sh", "port-probe.pl"].map((name) => `scripts/host/probes/${name}`);
const programs = readdirSync("commands/preflight", { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name));

it.each([...programs, ...probes])("%s takes ports, paths and names from their tables", (path) => {
  // The sizes of packets are no ports.
  const text = readFileSync(path, "utf8").replace(/^my @sizes = .*$/m, "");

  const numbers = Object.values(ports).flatMap(({ number }) => (number > 1000 ? [number] : []));
  const literal = new RegExp(`\\b(${[...numbers, containers.manager, containers.agent].join("|")})\\b|${stateFolder}`);
  expect(text.split("\n").filter((line) => literal.test(line))).toEqual([]);
});

it("every check that the hosts' script reports is in the list of checks", () => {
  const known: readonly string[] = checkGroups.flatMap(({ checks }) => checks);
  const script = readFileSync("scripts/host/probes/preflight.sh", "utf8");
  const reported = [...script.matchAll(/\bproblem ([a-z-]+) ["|]/g)].map(([, check]) => check);
  expect(new Set(reported)).toEqual(new Set(["ports", "foreign"]));
  expect(known).toEqual(expect.arrayContaining(reported));
});
