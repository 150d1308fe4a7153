/** The locked artifacts, as hosts read them. */
import { type Artifact, type Cluster, neededImages } from "../cluster/model.js";
import { sha256 } from "./text.js";

const line = ({ name, platform, version, sha256: hash, source }: Artifact) =>
  [name, platform, version, hash, source].join("\t");

/** `artifacts.tsv`: everything that a host may install; it picks what fits its own platform. */
export const artifactsTable = ({ artifacts }: Cluster): string =>
  artifacts.map((artifact) => `${line(artifact)}\n`).join("");

/** A hash of those artifacts alone whose names begin with one of `prefixes`: the trigger of the step that installs them. */
export const artifactsHash = ({ artifacts }: Cluster, ...prefixes: readonly string[]): string =>
  sha256(
    artifacts
      .filter(({ name }) =>
        prefixes.some((prefix) => name === prefix || (prefix.endsWith(":") && name.startsWith(prefix))),
      )
      .map(line)
      .join("\n"),
  );

/** The images that every host's engine gets. That of the network tests is optional: it comes along when it is locked. */
export function wantedImages({ settings, artifacts }: Cluster): string[] {
  const tests = artifacts
    .filter(({ name }) => name === `image:${settings.verify.image}`)
    .map(() => settings.verify.image);
  return [...new Set([...neededImages(settings), ...tests])];
}
