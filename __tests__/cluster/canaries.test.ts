/** No credential, wherever it may have been put, comes out in what is shown or passed on. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { inventoryOf } from "../../cluster/inventory.js";
import { ClusterFileError } from "../../cluster/load.js";
import type { Artifact } from "../../cluster/model.js";
import { clusterFileSchema } from "../../cluster/schema.js";
import { type Field, fieldOf } from "../../cluster/schema-walk.js";
import { parseBundle, writeBundle } from "../../commands/diagnose/diagnose.js";
import { artifacts, clusterFile, clusterFrom, synthesise, temporaryFolder } from "../fixtures/clusters.js";

const canary = "canary4711";
const forms = [`https://ops:${canary}@state.example/x`, `host=db user=ops password=${canary}`];

type Path = readonly (string | number)[];

/** Every field of the cluster file that holds a text, and the settings of a backend, which may be called anything. */
function fields(field: Field, path: Path = []): Path[] {
  if (path.at(-1) === "config") {
    return ["address", "conn_str", "password", "anything"].map((name) => [...path, name]);
  }
  if (field.items) {
    return fields(field.items, [...path, 0]);
  }
  if (field.properties) {
    return Object.entries(field.properties).flatMap(([name, inner]) => fields(inner, [...path, name]));
  }
  return (field as { type?: string }).type === "string" ? [path] : [];
}

/** The content of a cluster file with another value at a path. */
function planted(path: Path, value: string): Record<string, unknown> {
  const [h1, h2] = clusterFile(2).hosts as object[];
  const file = clusterFile(1, { hosts: [h1], removed: [h2] });
  if (path[0] === "backend") {
    file.backend = { type: "pg", config: {} };
  }
  let at = file as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) {
    at[step] ??= {};
    at = at[step] as Record<string | number, unknown>;
  }
  at[path.at(-1) ?? ""] = value;
  return file;
}

/** All that is in a folder, as one text. */
const contents = (folder: string): string =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");

/** What is synthesised of a cluster file, unless it is refused. */
function synthesised(file: Record<string, unknown>, locked?: readonly Artifact[]): string {
  try {
    return contents(synthesise(clusterFrom(file, locked)));
  } catch (error) {
    if (error instanceof ClusterFileError) {
      return "";
    }
    throw error;
  }
}

describe("in the cluster file", () => {
  const all = fields(fieldOf(clusterFileSchema));

  test("every text is looked at", () => {
    const names = all.map((path) => path.join("."));
    expect(names).toEqual(
      expect.arrayContaining(["artifacts.mirror", "backend.config.anything", "hosts.0.address", "ssh.bastion.address"]),
    );
  });

  test.each(all.map((path) => [path.join("."), path] as const))("%s is no way to the JSON", (_, path) => {
    for (const form of forms) {
      expect(synthesised(planted(path, form))).not.toContain(canary);
    }
  });
});

test("a source with a login is no way to the JSON", () => {
  const [first, ...others] = artifacts as [Artifact, ...Artifact[]];
  for (const extra of [
    { ...first, source: `https://ops:${canary}@mirror.example/consul.zip` },
    { ...first, name: "package:unzip:unzip", source: `http://ops:${canary}@deb.example/unzip.deb` },
  ]) {
    expect(
      synthesised(clusterFile(1), [extra, ...(extra.name === first.name ? [] : [first]), ...others]),
    ).not.toContain(canary);
  }
});

describe("in the environment and in files", () => {
  const names = [
    "TF_VAR_gossip_key",
    "TF_VAR_weave_password",
    "TF_VAR_consul_token",
    "AWS_SECRET_ACCESS_KEY",
    "PG_CONN_STR",
    "TF_HTTP_PASSWORD",
    "CONSUL_HTTP_TOKEN",
  ];
  const before = { ...process.env };
  const here = process.cwd();
  afterEach(() => {
    process.env = before;
    process.chdir(here);
  });

  test("they reach neither the JSON nor the bundle of scripts/diagnose", () => {
    for (const name of names) {
      process.env[name] = `${name}-${canary}`;
    }
    const folder = temporaryFolder();
    mkdirSync(join(folder, "work"));
    writeFileSync(join(folder, "id_ed25519"), canary);
    const file = clusterFile(1, {
      backend: { type: "pg", config: { schema_name: "rack" } },
      security: { weaveEncryption: true, consulAcl: true },
    });
    const cluster = clusterFrom(file, undefined, folder);
    expect(contents(synthesise(cluster))).not.toContain(canary);

    process.chdir(join(folder, "work"));
    const said = `=== m1 consul/config.txt 0 cat\n{"encrypt": "${canary}"} ${process.env.TF_VAR_gossip_key} ${process.env.TF_VAR_weave_password} ${process.env.TF_VAR_consul_token}\n=== m1 end 0 -\n`;
    const inventory = inventoryOf(cluster, (path) => path);
    const { collected: found } = parseBundle("h1", "m1", said);
    writeBundle(inventory, { files: found, missing: new Map() }, "bundle", [
      ["cluster.yaml", readFileSync(join(folder, "cluster.yaml"), "utf8")],
    ]);
    execFileSync("tar", ["-xzf", "bundle.tar.gz"]);
    expect(contents(join(folder, "work/bundle"))).toContain("[redacted]");
    expect(contents(join(folder, "work/bundle"))).not.toContain(canary);
  });
});
