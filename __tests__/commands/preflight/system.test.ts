/** What hosts report of their system and their engine, and what is judged from it. */
import { describe, expect, it } from "vitest";
import { supportedSystems } from "../../../cluster/systems.js";
import type { Facts } from "../../../commands/preflight/facts.js";
import { judgeEngine } from "../../../commands/preflight/judge/engine.js";
import { judgeKernel } from "../../../commands/preflight/judge/kernel.js";
import { judgeSystem } from "../../../commands/preflight/judge/system.js";
import { host, inventory } from "../../fixtures/inventories.js";

const fit: Facts = {
  user: "0 root",
  os: "debian 12",
  "os-name": "Debian GNU/Linux 12 (bookworm)",
  arch: "amd64",
  init: "systemd",
  systemd: "running",
  "machine-id": "0123456789abcdef0123456789abcdef",
  addresses: "172.17.0.1 198.18.0.12 ",
};
const judged = (own: Facts) => judgeSystem(host(2), { ...fit, ...own });

describe("a system", () => {
  it("that fits has no problem, and neither has what a host does not report", () => {
    expect(judged({})).toEqual([]);
    expect(judgeSystem(host(2), {})).toEqual([]);
    expect(judged({ systemd: "degraded", arch: "aarch64" })).toEqual([]);
  });

  const cases: readonly [string, Facts, object][] = [
    ["not root", { user: "1000 ops" }, { check: "sudo", found: "the checks run as ops, not as root" }],
    [
      "another distribution",
      { os: "fedora 40", "os-name": "Fedora Linux 40" },
      {
        check: "os",
        found: "Fedora Linux 40",
        needed: supportedSystems(),
        fix: "install a supported system on the host",
      },
    ],
    ["an unknown one", { os: "unknown unknown", "os-name": "" }, { check: "os", found: "an unknown system" }],
    ["32 bits", { arch: "i386" }, { check: "arch", found: "architecture i386", needed: "amd64 or arm64" }],
    ["no systemd", { init: "init" }, { check: "systemd", found: "process 1 is init", needed: "systemd as process 1" }],
    ["a host that goes down", { systemd: "stopping" }, { check: "systemd", found: "systemd is in state stopping" }],
    ["no machine-id", { "machine-id": "" }, { check: "machine-id", found: "/etc/machine-id says ''" }],
    [
      "another machine's address",
      { addresses: "172.17.0.1 198.18.0.13 " },
      {
        check: "address",
        found: "the host's addresses are 172.17.0.1 198.18.0.13",
        needed: "198.18.0.12 on one of its interfaces",
      },
    ],
    ["no address", { addresses: "" }, { check: "address", found: "the host has no address" }],
  ];
  it.each(cases)("%s", (_, own, judgement) => expect(judged(own)).toMatchObject([judgement]));
});

describe("an engine", () => {
  const cases: readonly [string, Facts, string][] = [
    ["that failed", { engine: "unknown", "engine-state": "failed" }, "docker.service has failed"],
    ["without its command", { engine: "unknown", "engine-client": "absent" }, "without its command, docker"],
    ["that is silent", { engine: "unknown", "engine-error": "Cannot connect" }, "does not answer: Cannot connect"],
  ];
  it.each(cases)("%s", (_, facts, found) =>
    expect(judgeEngine(inventory([host(1)]), facts)).toMatchObject([
      { check: "engine", found: expect.stringContaining(found) },
    ]),
  );
});

it("the kernel to install is the distribution's own", () => {
  const fix = (facts: Facts) => judgeKernel(inventory([host(1)]), { kernel: "6.1.0", ...facts })[0]?.fix;
  expect(fix({ os: "debian 12", arch: "arm64", "kernel-veth": "no" })).toContain("apt-get install linux-image-arm64)");
  expect(fix({ os: "ubuntu 24.04", "kernel-veth": "unloadable" })).toMatch(
    /apt-get install linux-modules-extra-6\.1\.0$/,
  );
  expect(fix({ os: "debian 12", arch: "amd64", "kernel-veth": "unloadable" })).toMatch(/linux-image-amd64$/);
  expect(fix({ os: "fedora 40", arch: "x86_64", "kernel-veth": "no" })).toContain("linux-image-amd64 or linux-generic");
});
