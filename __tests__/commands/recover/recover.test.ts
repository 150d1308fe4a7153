/** What scripts/recover takes out of the state, and what it removes from a host. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { known } from "../../../commands/recover/recover.js";
import { hostScript } from "../../../commands/shared/host-scripts.js";
import { temporaryFolder } from "../../fixtures/clusters.js";

it("steps run again; what uninstalls, and the containers that are known, stay", () => {
  const resource = (type: string, name: string, id: string, mode = "managed") => ({
    mode,
    type,
    name,
    instances: [{ attributes: { id } }],
  });
  const state = {
    resources: [
      resource("null_resource", "h1_docker", "1"),
      resource("null_resource", "gate-weave", "2"),
      // Again, it would remove the containers that are known.
      resource("null_resource", "h1_swarm_clear", "5"),
      resource("terraform_data", "h1_teardown", "3"),
      resource("local_file", "hosts", "4"),
      resource("docker_container", "h1_swarm_manager", "c0ffee"),
    ],
  };
  expect(known(state)).toEqual({
    steps: ["null_resource.h1_docker", "null_resource.gate-weave"],
    containers: ["c0ffee"],
  });
  expect(known({})).toEqual({ steps: [], containers: [] });
});

/** Runs the host's part where docker lists containers and notes which are removed. */
function onHost(listed: string[], ...knownContainers: string[]) {
  const folder = temporaryFolder();
  const stand = join(folder, "bin");
  mkdirSync(stand);
  writeFileSync(
    join(stand, "docker"),
    `#!/bin/sh
case "$1" in
  ps) [ "$5" = label=multicast-swarm=rack ] || exit 1; printf '%s\\n' ${listed.join(" ")} ;;
  inspect) echo "/name-of-$4" ;;
  rm) echo "$3" >>'${folder}/removed' ;;
esac
`,
    { mode: 0o755 },
  );
  const script = hostScript("probes/recover.sh").replace(/^PATH=/m, `PATH=${stand}:`);
  const args = ["-s", "--", "rack", "60", ...knownContainers];
  const { status, stdout } = spawnSync("sh", args, { input: script, encoding: "utf8" });
  const removed = existsSync(join(folder, "removed")) ? readFileSync(join(folder, "removed"), "utf8") : "";
  return { status, stdout, removed };
}

it("removes the containers of this cluster that the state does not know, and no other", () => {
  const { status, stdout, removed } = onHost(["aa11", "bb22"], "aa11");
  expect(removed).toBe("bb22\n");
  expect(stdout).toMatch(/recover: changed name-of-bb22: removed/);
  expect(status).toBe(0);
  expect(onHost(["aa11"], "aa11")).toMatchObject({ status: 0, removed: "" });
});
