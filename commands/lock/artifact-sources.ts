/** Where artifacts come from, and what their SHA-256 is. Used by `scripts/lock` alone. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { nameInRegistry, tagOf, type Wanted, wanted } from "../../cluster/lock-file.js";
import type { Artifact, Cluster } from "../../cluster/model.js";
import { resolveWritten } from "../../cluster/paths.js";
import { type Http, hashFile, http, type Say, showBytes } from "./download.js";
import { registryLogin } from "./registry-login.js";
import { type SigningKey, unverified } from "./signature.js";

const architectures = ["amd64", "arm64"] as const;

/** The publishers' own addresses; tests put a server of their own here. */
export interface Publishers {
  readonly consul: string;
  readonly consulKey: SigningKey;
  /** The releases of those who publish images too. */
  readonly weave: Readonly<Record<string, string>>;
  /** Base URL of a registry's HTTP API. */
  readonly registry: (host: string) => string;
}

export const publishers: Publishers = {
  consul: "https://releases.hashicorp.com/consul",
  consulKey: {
    owner: "HashiCorp",
    fingerprint: "C874011F0AB405110D02105534365D9472D7468F",
    published: "https://www.hashicorp.com/security",
  },
  weave: {
    rajchaudhuri: "https://github.com/rajch/weave/releases/download",
    weaveworks: "https://github.com/weaveworks/weave/releases/download",
  },
  registry: (host) => {
    if (host === "docker.io") {
      return "https://registry-1.docker.io";
    }
    // As Docker does: only this machine's own registry is spoken to without TLS.
    return `${/^(localhost|127\.[0-9.]+)(:\d+)?$/.test(host) ? "http" : "https"}://${host}`;
  },
};

export async function resolveArtifacts(
  cluster: Cluster,
  say: Say,
  { from = publishers, patienceSeconds = 30 } = {},
): Promise<Artifact[]> {
  const web = http(patienceSeconds);
  const { mirror, directory, registry } = cluster.settings.artifacts;
  const artifacts: Artifact[] = [];
  for (const item of wanted(cluster.settings)) {
    if (registry !== undefined && item.name.startsWith("image:")) {
      artifacts.push(...(await fromPrefix(item, registry, from, web, say)));
    } else if (mirror !== undefined) {
      artifacts.push(...(await fromStore(item, mirrorStore(mirror, web), say)));
    } else if (directory !== undefined) {
      artifacts.push(...(await fromStore(item, folderStore(cluster), say)));
    } else {
      artifacts.push(...(await fromPublisher(item, cluster, from, web, say)));
    }
  }
  return artifacts;
}

// ── A mirror or a folder: files under names of our own ──────────────────────────────────────────────

/** Where an artifact lies in a mirror or a folder, by platform. */
export function storePaths({ name, version }: Wanted): { platform: string; path: string }[] {
  if (name === "weave") {
    return [{ platform: "any", path: `weave/${version}/weave` }];
  }
  return architectures.map((platform) => {
    if (name === "consul") {
      return { platform, path: `consul/${version}/consul_${version}_linux_${platform}.zip` };
    }
    return { platform, path: `images/${name.replace(/^image:/, "").replace(/[/:@]/g, "_")}_${platform}.tar` };
  });
}

interface Store {
  readonly describe: string;
  source(path: string): string;
  /** SHA-256 and size of a file; undefined when the store does not have it. */
  hash(path: string, say: Say): Promise<{ sha256: string; bytes: number } | undefined>;
}

function mirrorStore(base: string, web: Http): Store {
  return {
    describe: `the mirror ${base}`,
    source: (path) => `${base}/${path}`,
    hash: async (path, say) => {
      const response = await web.request(`${base}/${path}`, {}, [404]);
      return response.status === 404 ? undefined : web.hashBody(response, `${base}/${path}`, say);
    },
  };
}

/** The folder that `artifacts.directory` names: where it is, and how sources in it begin. */
export function artifactFolder({ directory, settings }: Cluster): { path: string; source: string } {
  const written = (settings.artifacts.directory ?? "").replace(/\/+$/, "");
  return { path: resolveWritten(directory, written), source: `file:${written}` };
}

function folderStore(cluster: Cluster): Store {
  const { path: folder, source } = artifactFolder(cluster);
  return {
    describe: `the folder ${source.replace("file:", "")}`,
    source: (path) => `${source}/${path}`,
    hash: async (path) => (existsSync(join(folder, path)) ? hashFile(join(folder, path)) : undefined),
  };
}

async function fromStore(item: Wanted, store: Store, say: Say): Promise<Artifact[]> {
  const found: Artifact[] = [];
  const missing: { platform: string; path: string }[] = [];
  for (const { platform, path } of storePaths(item)) {
    const hashed = await store.hash(path, say);
    if (hashed === undefined) {
      missing.push({ platform, path });
      continue;
    }
    say(`found    ${store.source(path)} (${showBytes(hashed.bytes)})`);
    found.push({ ...base(item), platform, sha256: hashed.sha256, source: store.source(path) });
  }
  if (found.length > 0) {
    for (const { platform, path } of missing) {
      say(`left out ${item.name} for ${platform}: no ${path} in ${store.describe}`);
    }
  } else {
    const paths = missing.map(({ path }) => path).join(" nor ");
    if (!item.optional) {
      throw new Error(
        `${item.name} ${item.version}: neither ${paths} in ${store.describe}`.replace(/neither (\S+) in/, "no $1 in"),
      );
    }
    say(`left out ${item.name}: no ${paths} in ${store.describe}; scripts/verify needs the image on the hosts`);
  }
  return found;
}

// ── The publishers ──────────────────────────────────────────────────────────────────────────────────

async function fromPublisher(
  item: Wanted,
  cluster: Cluster,
  from: Publishers,
  web: Http,
  say: Say,
): Promise<Artifact[]> {
  const { name, version } = item;
  if (name === "consul") {
    return fromChecksums(item, `${from.consul}/${version}`, from.consulKey, web, say);
  }
  if (name === "weave") {
    const { images, script } = cluster.settings.weave;
    const source = script ?? `${from.weave[images]}/v${version}/weave`;
    const { sha256, bytes } = await web.hashBody(await web.request(source), source, say);
    say(`found    ${source} (${showBytes(bytes)})`);
    return [{ ...base(item), platform: "any", sha256, source }];
  }
  return [await fromRegistry(item, from, web, say)];
}

/** Consul by HashiCorp's list of checksums, so that only hosts download the archives. */
async function fromChecksums(item: Wanted, folder: string, key: SigningKey, web: Http, say: Say): Promise<Artifact[]> {
  const list = `${folder}/consul_${item.version}_SHA256SUMS`;
  const bytes = async (response: Response) => new Uint8Array(await response.arrayBuffer());
  const sums = await bytes(await web.request(list));
  const signature = await web.request(`${list}.sig`, {}, [404]);
  const why = signature.ok ? unverified(sums, await bytes(signature), key) : `${list}.sig does not exist`;
  say(why === undefined ? `verified ${list}: signed by ${key.owner}` : `unsigned ${list}: not verified, ${why}`);
  const lines = new TextDecoder().decode(sums).split("\n");
  return architectures.map((platform) => {
    const file = `consul_${item.version}_linux_${platform}.zip`;
    const [sha256 = ""] = lines.map((text) => text.trim().split(/\s+/)).find((words) => words[1] === file) ?? [];
    if (!/^[0-9a-f]{64}$/.test(sha256)) {
      throw new Error(`${list}: no checksum of ${file}`);
    }
    say(`found    ${folder}/${file} in its list of checksums`);
    return { ...base(item), platform, sha256, source: `${folder}/${file}` };
  });
}

const base = ({ name, version }: Wanted) => ({ name, version });

/** "owner/name:tag", "name:tag" or "host:port/name:tag" in the parts that a registry is asked by. */
export function parseImage(image: string): { host: string; repository: string; reference: string } {
  const [named = "", digest] = image.split("@");
  const [first = "", ...rest] = named.split("/");
  const hosted = rest.length > 0 && /[.:]|^localhost$/.test(first);
  const path = (hosted ? rest.join("/") : named).replace(/:[^:/]*$/, "");
  const host = hosted ? first : "docker.io";
  const repository = host === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  return { host, repository, reference: digest ?? tagOf(named) };
}

const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** An image by the digest of its manifest, which is the SHA-256 of the manifest's bytes. */
async function fromRegistry(item: Wanted, from: Publishers, web: Http, say: Say): Promise<Artifact> {
  const image = item.name.replace(/^image:/, "");
  const found = await manifestOf(image, from, web, say);
  if (found === undefined) {
    throw new Error(`${manifestUrl(image, from)}: HTTP status 404 Not Found`);
  }
  return { ...base(item), platform: "any", ...found };
}

/** An image from the registry of `artifacts.registry`, as it is called there. */
async function fromPrefix(item: Wanted, registry: string, from: Publishers, web: Http, say: Say): Promise<Artifact[]> {
  const names = nameInRegistry(item.name.replace(/^image:/, ""), registry);
  for (const name of names) {
    const found = await manifestOf(name, from, web, say);
    if (found !== undefined) {
      return [{ ...base(item), platform: "any", ...found }];
    }
  }
  if (!item.optional) {
    throw new Error(`${item.name}: no ${names.join(" nor ")}`);
  }
  say(`left out ${item.name}: no ${names.join(" nor ")}; scripts/verify needs the image on the hosts`);
  return [];
}

function manifestUrl(image: string, from: Publishers): string {
  const { host, repository, reference } = parseImage(image);
  return `${from.registry(host)}/v2/${repository}/manifests/${reference}`;
}

/** Digest and source of an image; undefined where its registry has no such image. */
async function manifestOf(
  image: string,
  from: Publishers,
  web: Http,
  say: Say,
): Promise<Pick<Artifact, "sha256" | "source"> | undefined> {
  const { host, repository, reference } = parseImage(image);
  const url = manifestUrl(image, from);
  const headers = { accept: manifestTypes.join(", ") };
  let response = await web.request(url, headers, [401, 404]);
  if (response.status === 401) {
    const authorization = await authorizationFor(response, host, repository, url, web);
    response = await web.request(url, { ...headers, authorization }, [401, 403, 404]);
    if (response.status === 401 || response.status === 403) {
      throw new Error(refusal(url, host, `HTTP status ${response.status}`));
    }
  }
  if (response.status === 404) {
    return undefined;
  }
  const type = response.headers.get("content-type")?.split(";")[0] ?? "";
  if (!manifestTypes.includes(type)) {
    throw new Error(`${url}: found a manifest of type "${type}", which has no digest to pin`);
  }
  const { sha256 } = await web.hashBody(response, url, () => {});
  const stated = response.headers.get("docker-content-digest");
  if (stated !== null && stated !== `sha256:${sha256}`) {
    throw new Error(`${url}: the registry states ${stated}, its answer has sha256:${sha256}`);
  }
  say(`found    ${host}/${repository}:${reference} @ sha256:${sha256.slice(0, 12)}…`);
  return { sha256, source: `docker://${host}/${repository}` };
}

const refusal = (url: string, host: string, why: string) =>
  registryLogin(host) === undefined
    ? `${url}: the registry wants a login (${why}): docker login ${host}, here and as root on the hosts`
    : `${url}: the registry refuses the login that docker has for ${host} (${why})`;

/**
 * A registry refuses the first request and says what it wants: a token that is to be had elsewhere, for everybody or for
 * those that are logged in, or the login itself.
 */
async function authorizationFor(
  refused: Response,
  host: string,
  repository: string,
  url: string,
  web: Http,
): Promise<string> {
  const challenge = refused.headers.get("www-authenticate") ?? "";
  const field = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1];
  const realm = field("realm");
  const login = registryLogin(host);
  if (/^basic /i.test(challenge) && login !== undefined) {
    return `Basic ${login}`;
  }
  if (!/^bearer /i.test(challenge) || realm === undefined) {
    throw new Error(refusal(url, host, challenge || "no challenge"));
  }
  const query = new URL(realm);
  if (login !== undefined && query.protocol === "http:" && url.startsWith("https:")) {
    throw new Error(`${url}: its tokens come from ${realm}, where the login would be sent in the clear`);
  }
  query.searchParams.set("service", field("service") ?? "");
  query.searchParams.set("scope", field("scope") ?? `repository:${repository}:pull`);
  const response = await web.request(query.href, login === undefined ? {} : { authorization: `Basic ${login}` }, [401]);
  if (response.status === 401) {
    throw new Error(refusal(url, host, `HTTP status 401 of ${realm}`));
  }
  const answer = (await response.json()) as { token?: string; access_token?: string };
  const token = answer.token ?? answer.access_token;
  if (token === undefined) {
    throw new Error(`${realm}: no token in the answer`);
  }
  return `Bearer ${token}`;
}
