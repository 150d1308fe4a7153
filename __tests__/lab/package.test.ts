/** What `npm pack` packs is all that an app of one's own needs, and nothing else. Needs no host, but minutes of npm and tsc. */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { temporaryFolder } from "../fixtures/clusters.js";

const repository = join(__dirname, "../..");
const installed = join(repository, "node_modules");
const run = async (command: string, args: readonly string[], cwd = repository): Promise<string> =>
  (await promisify(execFile)(command, args, { cwd })).stdout;
const bin = (name: string) => join(installed, ".bin", name);

let archive = "";
let app = "";
beforeAll(async () => {
  const folder = temporaryFolder();
  await run("npm", ["pack", "--ignore-scripts=false", "--silent", "--pack-destination", folder]);
  archive = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "");
  app = join(folder, "app");
  cpSync(join(repository, "examples/library"), app, { recursive: true });
  mkdirSync(join(app, "node_modules"));
  await run("tar", ["xzf", archive, "-C", join(app, "node_modules")]);
  await run("mv", ["package", "multicast-swarm"], join(app, "node_modules"));
  symlinkSync(installed, join(folder, "node_modules"));
});

test("the package holds programs, their types and what they send to hosts", async () => {
  const files = (await run("tar", ["tzf", archive])).trim().split("\n");
  const known =
    /^package\/(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/(index|(cluster|commands|constructs|ssh)\/[\w/-]+)\.(js|d\.ts)|dist\/scripts\/host\/(steps|probes)\/[\w-]+\.(sh|pl))$/;
  expect(files.filter((file) => !known.test(file))).toEqual([]);
  expect(files.filter((file) => /reference|test/.test(file.replace(/-test\./, ".")))).toEqual([]);
});

test("Node.js and TypeScript find it as they should", async () => {
  expect(await run(bin("publint"), ["run", archive, "--strict"])).toContain("All good!");
  expect(await run(bin("attw"), [archive, "--no-color"])).toContain("No problems found");
});

test("an app compiles against it and puts its own containers on the Weave network", async () => {
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "node16", "--types", "node"];
  await run(bin("tsc"), [...options, "main.ts"], app);
  await run(process.execPath, ["--import", join(installed, "tsx/dist/loader.mjs"), "main.ts"], app);
  const { resource } = JSON.parse(readFileSync(join(app, "cdktf.out/stacks/library/cdk.tf.json"), "utf8"));
  expect(resource.docker_container["bus-beta"]).toMatchObject({
    provider: "docker.beta",
    depends_on: ["null_resource.gate-swarm"],
    image: "multicast-swarm/event-bus:1",
  });
});
