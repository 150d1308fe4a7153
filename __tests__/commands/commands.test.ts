/** What all programs of `scripts/` have in common: they explain themselves, and refuse what they do not know. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { temporaryFolder } from "../fixtures/clusters.js";

const scripts = join(__dirname, "../../scripts");
const programs = readdirSync(scripts, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? entry.name : []));

const run = (name: string, ...args: string[]) =>
  new Promise<{ status: number | null; stdout: string; stderr: string }>((done) => {
    const { CLUSTER_FILE: _, ...env } = process.env;
    const child = spawn(join(scripts, name), args, { cwd: temporaryFolder(), env });
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (text) => {
      said.stdout += text;
    });
    child.stderr.on("data", (text) => {
      said.stderr += text;
    });
    child.once("close", (status) => done({ status, ...said }));
  });

/** The schema of what a program prints with --json. Those of plan, preflight and verify are tested beside these. */
const published = (name: string) =>
  z.fromJSONSchema(JSON.parse(readFileSync(join(scripts, `../docs/schemas/${name}.schema.json`), "utf8")));

test("scripts/bench prints what its schema describes", async () => {
  const { status, stdout } = await run("bench", "synth", "--hosts", "1,2", "--rounds", "1", "--json");
  expect(status).toBe(0);
  const json = JSON.parse(stdout);
  expect(published("bench").parse(json)).toEqual(json);
  expect(json).toMatchObject({ command: "synth", measured: [{ hosts: 1 }, { hosts: 2 }] });
});

test.each(["deploy", "no-change", "verify"])("scripts/bench %s has no sizes to choose from", async (name) => {
  expect(await run("bench", name, "--hosts", "3")).toMatchObject({
    status: 2,
    stdout: "",
    stderr: `bench: found --hosts with ${name}, expected it with synth or plan: scripts/bench --help\n`,
  });
});

const except = (...names: string[]) => programs.filter((name) => !names.includes(name));

describe.concurrent("every program", () => {
  test.each(programs)("%s says how it is used, and what its exit status means", async (name) => {
    const { status, stdout, stderr } = await run(name, "--help");
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(new RegExp(`^Usage: scripts/${name}\\b`));
    expect(stdout).toMatch(/\n\nExit status: (0|docker's own|the command's own).*\.\n$/s);
    if (stdout.includes("--json")) {
      expect(stdout).toContain(`docs/schemas/${name}.schema.json`);
      expect(() => published(name)).not.toThrow();
    }
  });

  // Whatever scripts/swarm is told is for docker.
  test.each(except("swarm"))("%s refuses an option that it does not have", async (name) => {
    expect(await run(name, "--no-such")).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringMatching(new RegExp(`^${name}: .*--no-such.*: scripts/${name} --help\\n$`)),
    });
  });

  test.each(except("bench", "keygen", "lab", "swarm", "test"))("%s takes one cluster file", async (name) => {
    expect(await run(name, "a.yaml", "b.yaml")).toMatchObject({
      status: 2,
      stdout: "",
      stderr: `${name}: found also b.yaml, expected one cluster file: scripts/${name} --help\n`,
    });
  });

  test.each(["bench", "swarm"])("%s has to be told what to do", async (name) => {
    expect(await run(name)).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringMatching(new RegExp(`^${name}: found nothing, expected .*: scripts/${name} --help\\n$`)),
    });
  });
});
