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
    for (const cause of after) {
      expect(earlier).toContain(cause);
    }
  });

  it("knows what explains a failure through others", () => {
    expect([...causesOf("proxy")].sort()).toEqual(["engine", "firewall", "tls", "weave"]);
    expect(causesOf("mtu")).toContain("consul");
  });

  it.each(checks)("$name can be told in a table", ({ title, doc }) => {
    for (const text of [title, doc]) {
      expect(text).not.toMatch(/[|\n]/);
    }
  });
});

describe("the host side", () => {
  /** Runs `observe` where the components' commands print nothing, or do what they are told to. */
  function observe(status: readonly string[] = [], commands = ""): string {
    const folder = mkdtempSync(join(tmpdir(), "verify-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    for (const name of ["consul", "docker", "weave", "systemctl", "iptables-save"]) {
      writeFileSync(join(folder, name), `#!/bin/sh\n${commands}`);
      chmodSync(join(folder, name), 0o755);
    }
    const script = hostScript("steps/tls.sh", "steps/http.sh", "probes/verify.sh").replace(
      /^PATH=.*$/m,
      `PATH=${folder}:/usr/bin:/bin`,
    );
    const args = ["-s", "--", "observe", "198.18.0.11", "image:1", ...status];
    const { stdout, stderr } = spawnSync("sh", args, { input: script, encoding: "utf8" });
    expect(stderr).toBe("");
    return stdout;
  }

  it("prints exactly the sections that checks may read, in that order", () => {
    expect([...parseSections(observe(["status"])).keys()]).toEqual([...sections, "end"]);
  });

  it("prints what only readers want when it is asked to", () => {
    const usual = sections.filter((section) => section !== "weave-status");
    expect([...parseSections(observe()).keys()]).toEqual([...usual, "end"]);
  });

  it("asks all components at once, so that those that hang do not keep the rest", () => {
    const started = performance.now();
    // A dozen commands.
    expect([...parseSections(observe([], "sleep 3")).keys()]).toContain("end");
    expect(performance.now() - started).toBeLessThan(12_000);
  });

  /** Runs the program that `probe` starts in a container, where the container's commands are stand-ins. */
  function probe(others: readonly string[], resolves = 'echo "PING $host (10.32.0.9): 56"'): string {
    const folder = mkdtempSync(join(tmpdir(), "verify-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const program = (name: string, text: string) =>
      writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    program("docker", '[ "$1" = exec ] || { echo c0ffee; exit; }\nshift 2\nexec "$@"');
    program("ping", `for name; do :; done\nhost=$name; ${resolves}`);
    for (const name of ["nc", "socat", "ip"]) {
      program(name, "cat >/dev/null");
    }
    const script = hostScript("steps/tls.sh", "steps/http.sh", "probes/verify.sh").replace(
      /^PATH=.*$/m,
      `PATH=${folder}:/usr/bin:/bin`,
    );
    return spawnSync("sh", ["-s", "--", "probe", "ab", ...others], { input: script, encoding: "utf8" }).stdout;
  }

  it("calls containers by their names, or by an address where it is given one", () => {
    expect(probe(["2:1410"])).toMatch(/^2 name 10\.32\.0\.9$[\s\S]*^2 ping PING pingtest2-ab\.weave\.local /m);
    const byAddress = probe(["2:1410:10.32.0.7"]);
    expect(byAddress).toMatch(/^2 ping PING 10\.32\.0\.7 /m);
    expect(byAddress).not.toMatch(/^2 name/m);
  });

  it("says that a name does not resolve, though each try takes its time", () => {
    const started = performance.now();
    expect(probe(["2:1410"], "sleep 30")).toMatch(/^2 name $/m);
    expect(performance.now() - started).toBeLessThan(16_000);
  });
});
