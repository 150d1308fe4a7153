/** Ports, paths and names of containers have one home each: nothing else that runs spells them out. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { containers, multicast, stateFolder, verifyPorts } from "../../cluster/names.js";
import { type Port, ports } from "../../cluster/ports.js";

const homes = ["cluster/ports.ts", "cluster/names.ts", "scripts/host/steps/names.sh"];
const generated = ["cluster/cluster.schema.json"];

/** Everything that runs on the operator's machine or on hosts; new files too. */
const sources = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" })
  .split("\n")
  .filter((file) => /^(main\.ts|cluster\/|constructs\/|ssh\/|commands\/|scripts\/(?!lab$|test$))/.test(file))
  .filter((file) => !file.endsWith(".md") && ![...homes, ...generated].includes(file))
  .map((file) => [file, readFileSync(file, "utf8")] as const);

/** Lines that spell one of the words out, as `FILE: LINE`. */
const spelling = (words: readonly (string | number)[]): string[] => {
  const pattern = new RegExp(
    `(?<![\\w.-])(${words.map((word) => String(word).replaceAll(".", "\\.")).join("|")})(?![\\w-])`,
  );
  return sources.flatMap(([file, text]) =>
    text.split("\n").flatMap((line) => (pattern.test(line) ? [`${file}: ${line.trim()}`] : [])),
  );
};

describe("nothing else spells out", () => {
  test("a port", () => {
    const all = Object.values<Port>(ports).map(({ number }) => number);
    // Port 53 is too common a number, and so is nothing else here.
    const telling = [...all, multicast.port, ...Object.values(verifyPorts)].filter((port) => port > 1000);
    const sizes = /port-probe\.pl: my @sizes =/; // one of them is 4000 bytes
    expect(spelling(telling).filter((line) => !sizes.test(line))).toEqual([]);
  });

  test("the folder that holds what the project knows of a host", () => expect(spelling([stateFolder])).toEqual([]));

  test("a container of Swarm's", () => {
    expect(spelling([containers.manager, containers.agent])).toEqual([]);
  });

  test("the multicast group", () => expect(spelling([multicast.group])).toEqual([]));
});

test("the search finds what it looks for", () => {
  expect(sources.length).toBeGreaterThan(80);
  expect(spelling(["hosts.tsv"]).length).toBeGreaterThan(0);
});
