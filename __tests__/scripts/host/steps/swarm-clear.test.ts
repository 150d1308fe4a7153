/** Which of Swarm's containers a host still has when Terraform is about to make new ones. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { containers, stateFolder } from "../../../../cluster/names.js";
import { temporaryFolder } from "../../../fixtures/clusters.js";

/** A host with Swarm's containers; `clear` tells which were removed. */
function hostWith(notes: Record<string, string> = {}) {
  const folder = temporaryFolder();
  const [scripts, stand, state, removed] = ["scripts", "bin", "state", "removed"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  cpSync("scripts/host/steps", scripts, { recursive: true });
  for (const one of [stand, state]) {
    mkdirSync(one);
  }
  const edit = (file: string, change: (text: string) => string) =>
    writeFileSync(join(scripts, file), change(readFileSync(join(scripts, file), "utf8")));
  edit("lib.sh", (text) => text.replace(/^PATH=/m, `PATH=${stand}:`));
  edit("names.sh", (text) => text.replace(`state=${stateFolder}`, `state=${state}`));
  for (const [name, value] of Object.entries(notes)) {
    writeFileSync(join(state, name), `${value}\n`);
  }
  writeFileSync(
    join(stand, "docker"),
    `#!/bin/sh
case "$1" in
  inspect) echo test ;;
  rm) echo "$4" >>'${removed}' ;;
esac
`,
    { mode: 0o755 },
  );
  return (rebuilt: number): string[] => {
    writeFileSync(removed, "");
    const { status, stderr } = spawnSync("sh", [join(scripts, "swarm-clear.sh"), `rebuilt=${rebuilt}`], {
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    return existsSync(removed) ? readFileSync(removed, "utf8").trim().split("\n").filter(Boolean) : [];
  };
}
const both = [containers.manager, containers.agent];

it("those that Terraform has forgotten are removed, when a host was down and when it was rebuilt", () => {
  const clear = hostWith();
  clear(0);
  expect(clear(0)).toEqual(both);
  expect(clear(1)).toEqual(both);
});

it("those of a cluster of the version before, which Terraform knows, stay", () => {
  expect(hostWith()(0)).toEqual([]);
  expect(hostWith({ "swarm-rebuilt": "2" })(2)).toEqual([]);
});

it("those of a host of the version before that is rebuilt with the upgrade are removed", () => {
  expect(hostWith()(1)).toEqual(both);
  expect(hostWith({ "swarm-rebuilt": "1" })(2)).toEqual(both);
});
