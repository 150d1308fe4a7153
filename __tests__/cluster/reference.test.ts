/** What is generated from the schema is up to date, and the examples are what they say. */
import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadCluster } from "../../cluster/load.js";
import { wanted } from "../../cluster/lock-file.js";
import { publishers } from "../../commands/lock/artifact-sources.js";
import { generated, synthesiseExample } from "../../docs/generate.js";
import { temporaryFolder } from "../fixtures/clusters.js";

const root = join(__dirname, "../..");

test.each(Object.entries(generated()))("%s is as `npm run reference` writes it", (path, text) => {
  expect(readFileSync(join(root, path), "utf8") === text, `${path} is stale: run \`npm run reference\``).toBe(true);
});

/** Every file below a folder, but for what `terraform init` puts there and the copies of scripts that git ignores. */
const contents = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && !/\.terraform|\/assets\b/.test(entry.parentPath))
      .map(({ parentPath, name }) => {
        const path = join(parentPath, name);
        return [path.slice(folder.length + 1), readFileSync(path, "utf8")];
      }),
  );

test("the stack that examples/gitops has checked in is what scripts/synth writes, on any machine", () => {
  const example = join(root, "examples/gitops");
  const copy = temporaryFolder();
  cpSync(example, copy, { recursive: true });
  synthesiseExample(copy);
  const [there, fresh] = [contents(join(example, "cdktf.out")), contents(join(copy, "cdktf.out"))];
  expect(Object.keys(there), "stale: run `npm run reference`").toEqual(Object.keys(fresh));
  const stale = Object.keys(fresh).filter((path) => there[path] !== fresh[path]);
  expect(stale, "stale: run `npm run reference`").toEqual([]);
  expect(JSON.stringify(there)).not.toContain(root);
  expect(there).toHaveProperty(["stacks/production/rendered/inventory.json"]);
});

test("the JSON Schema asks for what a person has to write, and no more", () => {
  const schema = JSON.parse(generated()["cluster/cluster.schema.json"] ?? "");
  expect(schema.required).toEqual(["name", "hosts"]);
  expect(schema.properties.hosts.items.required).toEqual(["name", "address"]);
  expect(schema.additionalProperties).toBe(false);
  // For the reference page alone: JSON Schema knows no such word.
  expect(schema.properties.name).not.toHaveProperty("expected");
});

test("the reference page describes every field", () => {
  const page = generated()["docs/cluster-file.md"] ?? "";
  expect(page).toContain("| `heartbeat` | a duration such as 30s or 2m | `10s` |");
  expect(page).not.toMatch(/\| \|$/m);
});

test.each(["gitops", "guide", "smallest"])(
  "examples/%s loads, and says that its checksums are placeholders",
  (name) => {
    const warnings: string[] = [];
    const path = join("examples", name, "cluster.yaml");
    const cluster = loadCluster(join(root, path), { warn: (line) => warnings.push(line.replace(`${root}/`, "")) });
    expect(warnings).toEqual([
      `warning: examples/${name}/artifacts.lock.json:1:1: artifacts: ${cluster.artifacts.length} of them have a placeholder for their SHA-256: run scripts/lock before a deploy`,
    ]);
    expect(new Set(cluster.artifacts.map((artifact) => artifact.name))).toEqual(
      new Set(wanted(cluster.settings).map((item) => item.name)),
    );
    const consul = cluster.artifacts.find((artifact) => artifact.name === "consul");
    expect(consul?.source.startsWith(publishers.consul)).toBe(true);
  },
);

test("the guide's example has its three hosts, its datacenter and its bootstrap", () => {
  const { hosts, settings, servers } = loadCluster(join(root, "examples/guide/cluster.yaml"), { warn: () => {} });
  expect(hosts.map(({ address }) => address)).toEqual(["10.0.1.104", "10.0.1.106", "10.0.1.111"]);
  expect(servers).toHaveLength(3);
  expect(settings.consul).toMatchObject({ datacenter: "aha", bootstrap: "handover", dataDir: "/var/consul" });
});
