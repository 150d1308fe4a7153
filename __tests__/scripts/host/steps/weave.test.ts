/** The images that Weave needs, with stand-ins for the engine and systemd. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { stepFolder } from "../../../fixtures/step-folder.js";

/** An engine whose images are files: the id in one called by the name. Whatever it is asked goes into `asked`. */
const engine = `#!/bin/sh
cd "$(dirname "$0")/../engine" || exit 1
echo "$*" >>../asked
file() { printf %s "$1" | tr '/:' '__'; }
case "$1 $2" in
"image inspect") cat "$(file "$5")" 2>/dev/null ;;
"image rm") rm "$(file "$3")" ;;
"pull -q") echo id-of-registry >"$(file "$3")" ;;
"tag "*) cp "$(file "$2")" "$(file "$3")" ;;
"save -o") [ ! -e ../full ] && { echo "$4" && cat "$(file "$4")"; } >"$3" ;;
"load -q") { read -r name && read -r id; } <"$4" && echo "$id" >"$(file "$name")" ;;
*) exit 1 ;;
esac
`;

const image = "owner/weave:1";
const archive = `${image}\nid-of-archive\n`;
const sha = createHash("sha256").update(archive).digest("hex");

/** A host with a lock file's image; `step` runs a line of shell as a step that loads images would. */
function simulated(source: string) {
  const { at, program } = stepFolder();
  for (const name of ["engine", "artifacts"]) {
    mkdirSync(at(name));
  }
  program("docker", engine);
  program("systemctl", "#!/bin/sh\nexit 3\n");
  writeFileSync(at("artifacts/weave.tar"), archive);
  writeFileSync(at("artifacts.tsv"), `image:${image}\tany\t1\t${sha}\t${source}\n`);
  const run = (script: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync("sh", [at("scripts", script), ...args], { encoding: "utf8" });
    return { status, said: stdout + stderr };
  };
  return {
    at,
    run,
    step: (line: string) => {
      const sourced = `. "$(dirname "$0")/lib.sh"\n. "$here/artifacts.sh"\n. "$here/images.sh"`;
      writeFileSync(at("scripts/line.sh"), `${sourced}\n${line}\n`);
      return run("line.sh");
    },
    prune: () => rmSync(at("engine/owner_weave_1")),
    asked: (what: string) =>
      readFileSync(at("asked"), "utf8")
        .split("\n")
        .filter((line) => line.startsWith(what)).length,
  };
}

it.each([
  ["a registry", "docker://docker.io/owner/weave", "id-of-registry"],
  ["an archive", "file:there/weave.tar", "id-of-archive"],
])("an image of %s is loaded again when a prune took it, from the host's own copy", (_, source, id) => {
  const host = simulated(source);
  expect(host.step(`load_image ${image}`)).toMatchObject({ status: 0 });
  // What it was fetched from is gone.
  rmSync(host.at("artifacts/weave.tar"), { force: true });
  for (const line of [`restore_image ${image}`, `load_image ${image}`]) {
    host.prune();
    expect(host.step(line)).toEqual({
      status: 0,
      said: expect.stringContaining(`changed image ${image} (loaded again`),
    });
    expect(readFileSync(host.at("engine/owner_weave_1"), "utf8")).toBe(`${id}\n`);
    expect(host.step(`load_image ${image}`).said).toContain(`found image ${image}`);
  }
  expect(host.asked("pull")).toBe(source.startsWith("docker:") ? 1 : 0);
});

it("an image under a reference of ours that is not what was loaded is replaced by that", () => {
  const host = simulated("file:there/weave.tar");
  host.step(`load_image ${image}`);
  writeFileSync(host.at("engine/owner_weave_1"), "something-else\n");
  expect(host.step(`restore_image ${image}`).status).toBe(0);
  expect(readFileSync(host.at("engine/owner_weave_1"), "utf8")).toBe("id-of-archive\n");
});

it("an image that the engine has got and the host has no copy of is saved; without room for it, life goes on", () => {
  const host = simulated("docker://docker.io/owner/weave");
  writeFileSync(host.at("full"), "");
  expect(host.step(`load_image ${image}`)).toEqual({ status: 0, said: expect.stringContaining("found no room for") });
  expect(existsSync(host.at("state/images/owner_weave_1.tar.new"))).toBe(false);
  rmSync(host.at("full"));
  expect(host.step(`load_image ${image}`).said).toMatch(/found image owner\/weave:1\n.*changed .*owner_weave_1\.tar/);
  host.prune();
  expect(host.step(`restore_image ${image}`).status).toBe(0);
  expect(host.asked("pull")).toBe(1);
});

it("an image without a copy is missed, and no registry is asked", () => {
  const host = simulated("docker://docker.io/owner/weave");
  expect(host.step(`restore_image ${image}`).status).toBe(1);
  expect(host.asked("pull")).toBe(0);
});

it("an image that is no longer wanted goes with its copy, if nothing uses it", () => {
  const host = simulated("file:there/weave.tar");
  host.step(`load_image ${image}`);
  expect(host.step(`drop_image ${image}`).said).toContain(`changed image ${image} (removed)`);
  expect(existsSync(host.at("state/images/owner_weave_1.tar"))).toBe(false);
});
