/** Packages that hosts lack: Docker Engine, unzip, nftables and what they need. Used by `scripts/lock` alone. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Inventory } from "../../cluster/inventory.js";
import type { Artifact, Cluster, Host } from "../../cluster/model.js";
import { explainInOneLine } from "../../ssh/explain.js";
import { inParallel, type Run, withSsh } from "../../ssh/ssh.js";
import { inventoryHere } from "../shared/command.js";
import { plural } from "../shared/findings.js";
import { hostScript } from "../shared/host-scripts.js";
import { artifactFolder } from "./artifact-sources.js";
import { hashFile, type Say } from "./download.js";

const groups = ["docker-engine", "unzip", "nftables"];

type Wishes = Pick<Cluster["settings"], "docker"> & Partial<Pick<Cluster["settings"], "firewall">>;

/** The groups that a deploy may install: the engine's are not wanted where every host has one of its own. */
const groupsFor = ({ docker, firewall }: Wishes): string[] => [
  ...(docker.install ? ["docker-engine"] : []),
  "unzip",
  ...(firewall?.managed ? ["nftables"] : []),
];

/** The packages to lock. `before` are the old lock file's artifacts. */
export async function resolvePackages(cluster: Cluster, before: readonly Artifact[], say: Say): Promise<Artifact[]> {
  if (cluster.settings.artifacts.directory !== undefined) {
    return fromFolder(cluster, say);
  }
  const inventory = inventoryHere(cluster);
  return withSsh(inventory, (run) => fromHosts(inventory, run, before, say));
}

export async function fromHosts(
  inventory: Inventory,
  run: Run,
  before: readonly Artifact[],
  say: Say,
): Promise<Artifact[]> {
  const script = hostScript("probes/resolve-packages.sh");
  const { docker, firewall } = inventory.settings;
  const wanted = groupsFor(inventory.settings);
  const [engine, version = ""] = docker.install ? [docker.package, docker.version] : ["-"];
  const nftables = firewall?.managed ? ["nftables"] : [];
  const args = version === "" && nftables.length === 0 ? [engine] : [engine, version, ...nftables];
  say(`asking   ${plural(inventory.hosts.length, "host")} which packages they lack`);
  let answered = 0;
  const answers = await inParallel(inventory.hosts, async (host) => {
    const result = await run(host, script, args);
    answered++;
    if (result.status !== 0) {
      return { host, error: explainInOneLine(inventory, host, result) };
    }
    const answer = parseAnswer(host, result.stdout);
    const lacks = groups.filter((group) => answer.packages.some(({ name }) => name.startsWith(`package:${group}:`)));
    const what =
      lacks.length > 0
        ? `lacks ${lacks.join(" and ")} (${plural(answer.packages.length, "package")})`
        : "lacks nothing";
    say(`answered ${host.name} (${answered} of ${inventory.hosts.length}): ${answer.platform}, ${what}`);
    return answer;
  });
  const errors = answers.flatMap((answer) => ("error" in answer ? [answer.error] : []));
  if (errors.length > 0) {
    throw new Error(errors.join("\n"));
  }
  return merge(
    answers.flatMap((answer) => ("error" in answer ? [] : [answer])),
    before.filter(({ name }) => wanted.includes(groupOf(name))),
    say,
  );
}

/** The group of a package's artifact. */
const groupOf = (name: string): string => name.split(":")[1] ?? "";

/** What one host answered. */
export interface HostPackages {
  readonly host: Pick<Host, "name">;
  readonly platform: string;
  readonly packages: readonly Artifact[];
}

/** Reads what `resolve-packages.sh` prints. */
export function parseAnswer(host: Pick<Host, "name">, stdout: string): HostPackages {
  let platform = "";
  const packages: Artifact[] = [];
  for (const line of stdout.split("\n")) {
    const [kind, ...words] = line.split(" ");
    if (kind === "platform") {
      platform = words[0] ?? "";
    }
    if (kind !== "package") {
      continue;
    }
    const [group = "", name = "", version = "", sha256 = "", source = ""] = words;
    packages.push({ name: `package:${group}:${name}`, platform, version, sha256, source });
  }
  return { host, platform, packages };
}

/**
 * What all hosts lack, together. A group that no host of a platform lacks any more keeps its old entries: it
 * was installed from them, and a rebuilt host needs them again.
 */
export function merge(answers: readonly HostPackages[], before: readonly Artifact[], say: Say): Artifact[] {
  const found = new Map<string, { artifact: Artifact; host: string }>();
  for (const { host, packages } of answers) {
    for (const artifact of packages) {
      if (/^\w+:\/\/[^/]*@/.test(artifact.source)) {
        throw new Error(
          `${artifact.name}: the package source of ${host.name} wants a login, which must not stand in artifacts.lock.json: use a source without one, or artifacts.directory`,
        );
      }
      const key = `${artifact.name} ${artifact.platform}`;
      const other = found.get(key);
      if (other && (other.artifact.version !== artifact.version || other.artifact.sha256 !== artifact.sha256)) {
        throw new Error(
          `${artifact.name}: ${other.host} finds version ${other.artifact.version}, ${host.name} finds ${artifact.version}: give the hosts the same package sources`,
        );
      }
      if (!other) {
        found.set(key, { artifact, host: host.name });
      }
    }
  }
  const fresh = [...found.values()].map(({ artifact }) => artifact);
  const groupOn = ({ name, platform }: Artifact) => `${groupOf(name)} ${platform}`;
  const resolved = new Set(fresh.map(groupOn));
  const platforms = new Set(answers.map(({ platform }) => platform));
  const kept = before.filter(
    (artifact) =>
      artifact.name.startsWith("package:") && platforms.has(artifact.platform) && !resolved.has(groupOn(artifact)),
  );
  if (kept.length > 0) {
    say(`kept     ${plural(kept.length, "package")} that no host lacks any more: a rebuilt host needs them`);
  }
  return [...fresh, ...kept];
}

/** `packages/GROUP/PLATFORM/NAME_VERSION_ARCH.deb` in the folder of artifacts, as `apt-get download` names files. */
async function fromFolder(cluster: Cluster, say: Say): Promise<Artifact[]> {
  const { path, source } = artifactFolder(cluster);
  const list = (folder: string) => {
    try {
      return readdirSync(join(path, folder)).sort();
    } catch {
      return undefined;
    }
  };
  if (list("packages") === undefined) {
    say(`left out packages: no folder packages in ${source}; Docker Engine and unzip must already be on the hosts`);
    return [];
  }
  const artifacts: Artifact[] = [];
  for (const group of groupsFor(cluster.settings)) {
    for (const platform of list(`packages/${group}`) ?? []) {
      for (const file of list(`packages/${group}/${platform}`) ?? []) {
        const [, name, version] = /^([^_]+)_([^_]+)_[^_]+\.deb$/.exec(file) ?? [];
        if (name === undefined || version === undefined) {
          continue;
        }
        const place = `packages/${group}/${platform}/${file}`;
        const { sha256 } = await hashFile(join(path, place));
        artifacts.push({
          name: `package:${group}:${name}`,
          platform,
          version: version.replace("%3a", ":"),
          sha256,
          source: `${source}/${place}`,
        });
      }
    }
  }
  say(`found    ${artifacts.length} packages in ${source}/packages`);
  return artifacts;
}
