import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { hostScript } from "../../../../commands/shared/host-scripts.js";
import { causesOf, checkNames, checks } from "../../../../commands/verify/checks/index.js";
import { parseSections, sections } from "../../../../commands/verify/sections.js";

describe("the list of checks", () => {
  it("names each check once", () => {
    expect(new Set(checkNames).size).toBe(checkNames.length);
  });

  it.each(checks)("$name comes after the checks that explain its failure", ({ name, after }) => {
    const earlier: readonly string[] = checkNames.slice(0, checkNames.indexOf(name));
    for (const cause of after) expect(earlier).toContain(cause);
  });

  it("knows what explains a failure through others", () => {
    expect([...causesOf("proxy")].sort()).toEqual(["engine", "weave"]);
    expect(causesOf("mtu")).toContain("consul");
  });

  it.each(checks)("$name can be told in a table", ({ title, doc }) => {
    for (const text of [title, doc]) expect(text).not.toMatch(/[|\n]/);
  });
});

describe("the host side", () => {
  /** Runs `observe` where the components' commands print nothing. */
  function observe(...status: string[]): string {
    const folder = mkdtempSync(join(tmpdir(), "verify-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    for (const name of ["consul", "docker", "weave", "systemctl", "iptables-save"]) {
      writeFileSync(join(folder, name), "#!/bin/sh\n");
      chmodSync(join(folder, name), 0o755);
    }
    const script = hostScript("probes/verify.sh").replace(/^PATH=.*$/m, `PATH=${folder}:/usr/bin:/bin`);
    const args = ["-s", "--", "observe", "198.18.0.11", "image:1", ...status];
    const { stdout, stderr } = spawnSync("sh", args, { input: script, encoding: "utf8" });
    expect(stderr).toBe("");
    return stdout;
  }

  it("prints exactly the sections that checks may read, in that order", () => {
    expect([...parseSections(observe("status")).keys()]).toEqual([...sections, "end"]);
  });

  it("prints what only readers want when it is asked to", () => {
    const usual = sections.filter((section) => section !== "weave-status");
    expect([...parseSections(observe()).keys()]).toEqual([...usual, "end"]);
  });
});
