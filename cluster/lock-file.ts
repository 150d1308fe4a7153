/** `artifacts.lock.json`: what hosts may install, by SHA-256. Written by `scripts/lock`, reviewed in git. */
import { z } from "zod";
import { type Artifact, neededImages, type Settings } from "./model.js";
import type { ClusterFile } from "./schema.js";
import type { YamlFile } from "./yaml-file.js";

export const lockFileName = "artifacts.lock.json";

const text = (pattern: RegExp, expected: string) => z.string({ error: expected }).regex(pattern, { error: expected });

const artifact = z.strictObject(
  {
    name: text(
      /^(consul|weave|image:[A-Za-z0-9._/:@-]+|package:[a-z-]+:[a-z0-9.+-]+)$/,
      "consul, weave, image:NAME:TAG or package:GROUP:PACKAGE",
    ),
    platform: text(
      /^(any|amd64|arm64|[a-z]+-[0-9.]+-(amd64|arm64))$/,
      "any, an architecture, or one like debian-12-amd64",
    ),
    // Goes into file names and shell arguments on hosts: no blank, no quote.
    version: text(/^[A-Za-z0-9][A-Za-z0-9.+:~_-]*$/, "a version"),
    sha256: text(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits"),
    // A login would go wherever the source goes: to git, into the synthesised JSON and into process lists.
    source: text(
      /^(https?:\/\/(?![^/]*@)[^\s"'$`\\{}]+|docker:\/\/[A-Za-z0-9._:/-]+|file:[A-Za-z0-9._~/@+%:-]+)$/,
      "http(s)://… without a login, docker://REGISTRY/NAME or file:PATH",
    ),
  },
  { error: "a mapping with name, platform, version, sha256 and source" },
);

export const lockFileSchema = z.strictObject(
  {
    formatVersion: z.literal(1, { error: "1, the only format there is" }),
    artifacts: z.array(artifact, { error: "a list of artifacts" }),
  },
  { error: "a mapping with formatVersion and artifacts" },
);

/** Something the cluster file asks for. */
export interface Wanted {
  readonly name: string;
  readonly version: string;
  /** Hosts run without it; only `scripts/verify` misses it. */
  readonly optional?: true;
}

/** Everything the cluster file asks for, but for packages: which of those are needed only the hosts know. */
export function wanted(settings: Pick<Settings, "consul" | "weave" | "swarm" | "verify">): Wanted[] {
  const { consul, weave, verify } = settings;
  return [
    { name: "consul", version: consul.version },
    { name: "weave", version: weave.version },
    ...neededImages(settings).map((image) => ({ name: `image:${image}`, version: tagOf(image) })),
    ...[verify.image, verify.eventBusImage].flatMap((image) =>
      image === undefined ? [] : [{ name: `image:${image}`, version: tagOf(image), optional: true as const }],
    ),
  ];
}

/** Tag of an image reference; a colon before the last slash is a registry's port. */
export function tagOf(image: string): string {
  const [, tag] = /^[^@]*:([^/:@]+)(?:@.*)?$/.exec(image) ?? [];
  return tag ?? "latest";
}

/** Does the lock file allow what the cluster file asks for, from where it asks for it? */
export function checkCovers(lock: YamlFile, artifacts: readonly Artifact[], file: ClusterFile): void {
  const { problems } = lock;
  const seen = new Map<string, number>();
  for (const [i, { name, platform }] of artifacts.entries()) {
    const first = seen.get(`${name} ${platform}`);
    if (first === undefined) {
      seen.set(`${name} ${platform}`, i);
    } else {
      problems.add(["artifacts", i], `a second entry of ${name} for ${platform}`, `one (artifacts[${first}])`);
    }
  }
  for (const { name, version, optional } of wanted(file)) {
    const entries = artifacts.map((entry, i) => ({ ...entry, i })).filter((entry) => entry.name === name);
    if (entries.length === 0 && !optional) {
      const what = name.startsWith("image:") ? name : `${name} ${version}`;
      problems.addLack(["artifacts"], `no ${what}`, "every artifact that the cluster file asks for: run scripts/lock");
    }
    for (const { i, source, ...entry } of entries) {
      const at = ["artifacts", i];
      if (entry.version !== version) {
        problems.add(
          [...at, "version"],
          `"${entry.version}"`,
          `"${version}" as the cluster file says: run scripts/lock`,
        );
      }
      const from = sourcePrefix(file.artifacts, name);
      if (from && !source.startsWith(from)) {
        problems.add(
          [...at, "source"],
          `"${source}"`,
          `a source under ${from} as the cluster file says: run scripts/lock`,
        );
      } else if (!from && source.startsWith("file:")) {
        problems.add(
          [...at, "source"],
          `"${source}"`,
          "the publisher's address, since the cluster file names no directory: run scripts/lock",
        );
      }
    }
  }
}

/** An example's SHA-256, which nothing matches. */
export const placeholder = "0".repeat(64);

export function countPlaceholders(artifacts: readonly Artifact[]): number {
  return artifacts.filter(({ sha256 }) => sha256 === placeholder).length;
}

/** Does an image's name begin with a registry? */
export const namesRegistry = (image: string): boolean => /^(?:[^/]*[.:][^/]*|localhost)\//.test(image);

/**
 * What an image may be called in the registry of `artifacts.registry`. Proxies of Docker Hub have its own images under
 * `library/`; who pushes them by hand leaves that out. An image that names a registry comes from that one.
 */
export function nameInRegistry(image: string, registry: string): string[] {
  if (namesRegistry(image)) {
    return [image];
  }
  return [`${registry}/${image}`, ...(image.includes("/") ? [] : [`${registry}/library/${image}`])];
}

/** What the source of an artifact begins with when the cluster file says where artifacts come from. */
function sourcePrefix({ mirror, directory, registry }: Settings["artifacts"], name: string): string | undefined {
  const [, image] = /^image:(.*)$/.exec(name) ?? [];
  if (registry !== undefined && image !== undefined) {
    return `docker://${namesRegistry(image) ? image.split("/")[0] : registry}/`;
  }
  if (mirror !== undefined) {
    return `${mirror}/`;
  }
  return directory === undefined ? undefined : `file:${directory.replace(/\/+$/, "")}/`;
}

/** By code units, so that every machine writes the same file. */
const order = (a: string, b: string) => Number(a > b) - Number(a < b);

/** Sorted, one artifact a line: a change of one artifact is a change of one line. */
export function lockFileText(artifacts: readonly Artifact[]): string {
  const lines = [...artifacts]
    .sort((a, b) => order(a.name, b.name) || order(a.platform, b.platform) || order(a.version, b.version))
    .map(({ name, platform, version, sha256, source }) => JSON.stringify({ name, platform, version, sha256, source }));
  return `{\n  "formatVersion": 1,\n  "artifacts": [\n    ${lines.join(",\n    ")}\n  ]\n}\n`;
}
