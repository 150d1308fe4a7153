/** Two deploys of one host: the second is refused. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../../fixtures/clusters.js";

const [alice, bob] = ["alice@laptop:/home/alice/it's here", "bob@desk:/srv/cluster"] as const;

/** A host, whose names.sh has paths of a folder of its own. */
function newHost() {
  const folder = temporaryFolder();
  const scripts = join(folder, "scripts");
  cpSync("scripts/host/steps", scripts, { recursive: true });
  const names = join(scripts, "names.sh");
  writeFileSync(
    names,
    readFileSync(names, "utf8")
      .replace(/^state=.*$/m, `state=${folder}/state`)
      .replace(/^hold=.*$/m, `hold=${folder}/hold`),
  );
  writeFileSync(join(scripts, "step.sh"), `. "$(dirname "$0")/lib.sh"\nrecord file /etc/x\n`);
  const run = (by: string, args: string[], input = "") => {
    const env = { PATH: process.env.PATH, deploy_by: by, deploy_from: "198.18.0.1 50514 22" };
    const { status, stdout, stderr } = spawnSync("sh", args, { input, encoding: "utf8", env });
    return { status, said: stdout + stderr };
  };
  const text = (name: string) => readFileSync(join(scripts, `${name}.sh`), "utf8");
  return {
    has: (name: string) => existsSync(join(folder, name)),
    files: folder,
    /** Before anything is there. */
    take: (by: string) => run(by, ["-s"], `${text("names")}\n${text("hold")}`),
    step: (by: string, name = "step") => run(by, [join(scripts, `${name}.sh`)]),
  };
}

it("says who has the host, from where, since when, and how to go on, and does nothing", () => {
  const host = newHost();
  expect(host.take(alice)).toEqual({ status: 0, said: "" });
  for (const refused of [host.take(bob), host.step(bob), host.step(bob, "uninstall")]) {
    expect(refused.said).toMatch(
      /hold: ERROR: another deploy has this host: alice@laptop:\/home\/alice\/it's here, from 198\.18\.0\.1, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\. .*scripts\/recover/,
    );
    expect(refused.status).not.toBe(0);
  }
  expect(host.has("state")).toBe(false);
});

it("the deploy that has it goes on with the same command, and another follows when it has ended", () => {
  const host = newHost();
  for (const step of ["step", "step", "release"]) {
    expect(host.step(alice, step).status).toBe(0);
  }
  expect(host.has("hold")).toBe(false);
  expect(host.step(bob).status).toBe(0);
  expect(host.step(alice).status).toBe(1);
});

it("the deploy's end removes what a step that was killed has left of the secrets", () => {
  const host = newHost();
  const left = ["secrets/weave-password", "secrets/consul-tokens", "consul/encrypt.json"];
  for (const name of ["secrets", "consul"]) {
    mkdirSync(join(host.files, name));
  }
  for (const name of [...left, "consul/config.json"]) {
    writeFileSync(join(host.files, name), "secret\n");
  }
  expect(host.step(alice, "release").status).toBe(0);
  expect(left.filter((name) => host.has(name))).toEqual([]);
  // The next deploy sends to that folder.
  expect(host.has("secrets") && host.has("consul/config.json")).toBe(true);
});

it("a destroy lets go, also of a host on which there is nothing", () => {
  const host = newHost();
  expect(host.step(alice, "uninstall").status).toBe(0);
  expect(host.has("hold")).toBe(false);
  mkdirSync(join(host.files, "state"));
  expect(host.take(bob).status).toBe(0);
});
