/** The cluster file and the files beside it become a `Cluster`, or one error that lists all that is wrong. */
import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { KnownHosts, knownHostsFileName } from "./known-hosts.js";
import { checkCovers, countPlaceholders, lockFileName, lockFileSchema } from "./lock-file.js";
import type { Artifact, Cluster, Host, Login } from "./model.js";
import { providerLockName } from "./names.js";
import { authorityFault, type Certificates, hostFault, hostNames, pki } from "./pki.js";
import { ClusterFileError } from "./problems.js";
import { checkHostKeys, checkRules } from "./rules.js";
import { type ClusterFile, clusterFileSchema } from "./schema.js";
import { YamlFile } from "./yaml-file.js";

export { ClusterFileError } from "./problems.js";

export interface LoadOptions {
  /** `ignore`: for tools that run before there is a lock file. `artifacts` is then empty. */
  readonly lock?: "required" | "ignore";
  /** `ignore`: for tools that run before there is a `known_hosts`. Keys that are there are still read. */
  readonly hostKeys?: "required" | "ignore";
  /** `ignore`: for tools that run before there are certificates. The cluster is then without any. */
  readonly certificates?: "required" | "ignore";
  /** Receives warnings, line by line. Default: standard error. */
  readonly warn?: (line: string) => void;
}

/** Reads the cluster file. `path` is shown in errors as it is given. */
export function loadCluster(path: string, options: LoadOptions = {}): Cluster {
  const text = readOptional(path);
  if (text === undefined) {
    throw new ClusterFileError([
      `${path}:1:1: (file): found no such file, expected a cluster file (examples/ has some)`,
    ]);
  }
  const beside = (name: string) => join(dirname(path), name);
  const yaml = new YamlFile(path, text);
  const problems = () => [...yaml.problems.all];
  if (!yaml.readable) {
    throw failed(problems());
  }

  const checked = yaml.check(clusterFileSchema);
  // Rules say more even about a file with mistakes: they see it as if the wrong parts were absent.
  const file = checked ?? withoutMistakes(yaml.value);
  if (file === undefined) {
    throw failed(problems());
  }

  const knownHostsPath = beside(knownHostsFileName);
  const knownHostsText = readOptional(knownHostsPath);
  const known = knownHostsText === undefined ? undefined : new KnownHosts(knownHostsText);
  const directory = resolve(dirname(path));
  const cluster = decide(file, directory, known);
  const warnings = checkRules(yaml, cluster);
  const keysMatter = options.hostKeys !== "ignore" && file.ssh.hostKeyChecking === "required";
  if (keysMatter) {
    checkHostKeys(yaml, cluster, known, knownHostsPath);
  }

  // A cluster file with problems does not say clearly enough what the lock file has to cover.
  const asked = problems().length === 0 ? file : undefined;
  const lock = options.lock === "ignore" ? { artifacts: [], problems: [] } : readLock(beside(lockFileName), asked);
  const { security } = cluster.settings;
  const secured = (security.dockerTls === true || security.consulTls) && options.certificates !== "ignore";
  const certificates = secured ? readCertificates(cluster, beside) : { problems: [] };
  const brokenKeys = (keysMatter && known?.broken) || [];
  const all = [
    ...problems(),
    ...brokenKeys.map(({ line, column, found, expected }) => ({
      text: `${knownHostsPath}:${line}:${column}: (line): found ${found}, expected ${expected}`,
    })),
    ...lock.problems,
    ...certificates.problems,
  ];
  if (all.length > 0) {
    throw failed(all);
  }
  const placeholders = countPlaceholders(lock.artifacts);
  if (placeholders > 0) {
    const place = `${beside(lockFileName)}:1:1: artifacts`;
    warnings.push(
      `${place}: ${placeholders} of them have a placeholder for their SHA-256: run scripts/lock before a deploy`,
    );
  }
  for (const line of warnings) {
    (options.warn ?? console.error)(`warning: ${line}`);
  }
  const providerLock = readOptional(beside(providerLockName));
  return {
    ...inOrder(cluster),
    artifacts: lock.artifacts,
    ...(providerLock !== undefined && { providerLock }),
    ...(certificates.found && { certificates: certificates.found }),
  };
}

/** By name: the order in which the file lists hosts decides default roles, and nothing else that is rendered. */
function inOrder(cluster: Cluster): Cluster {
  const byName = <H extends Host>(hosts: readonly H[]): H[] =>
    [...hosts].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  return {
    ...cluster,
    hosts: byName(cluster.hosts),
    servers: byName(cluster.servers),
    up: byName(cluster.up),
    removed: byName(cluster.removed),
  };
}

function failed(problems: readonly { readonly text: string }[]): ClusterFileError {
  return new ClusterFileError(problems.map(({ text }) => text));
}

/** Far more than a cluster of hundreds of hosts needs, and little enough to be checked in seconds. */
const largestFile = 1_000_000;

function readOptional(path: string): string | undefined {
  const bytes = readBytes(path);
  if (bytes === undefined) {
    return undefined;
  }
  const refuse = (before: string, found: string, expected: string) => {
    const line = before.split("\n").length;
    const column = before.length - before.lastIndexOf("\n");
    return new ClusterFileError([`${path}:${line}:${column}: (file): found ${found}, expected ${expected}`]);
  };
  if (bytes.length > largestFile) {
    throw refuse("", `${bytes.length} bytes`, `at most ${largestFile}`);
  }
  const text = bytes.toString("utf8");
  if (!isUtf8(bytes)) {
    throw refuse(text.slice(0, text.indexOf("\ufffd")), "bytes that are no UTF-8", "text in UTF-8");
  }
  return text;
}

function readBytes(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return undefined;
    }
    throw new ClusterFileError([`${path}:1:1: (file): found ${(error as Error).message}, expected a readable file`]);
  }
}

function readLock(path: string, file: ClusterFile | undefined) {
  const text = readOptional(path);
  if (text === undefined) {
    const line = `${path}:1:1: (file): found no such file, expected every artifact with its SHA-256: run scripts/lock`;
    return { artifacts: [], problems: [{ text: line }] };
  }
  const lock = new YamlFile(path, text);
  const artifacts: readonly Artifact[] = (lock.readable && lock.check(lockFileSchema)?.artifacts) || [];
  if (file && lock.problems.all.length === 0) {
    checkCovers(lock, artifacts, file);
  }
  return { artifacts, problems: lock.problems.all };
}

/** What `scripts/pki` has made. Whether it is still valid is the preflight's question: a synthesis does not depend on the day. */
function readCertificates({ up, settings }: Cluster, beside: (name: string) => string) {
  const problems: { text: string }[] = [];
  const wrong = (name: string, found: string, expected: string) =>
    problems.push({ text: `${beside(name)}:1:1: (file): found ${found}, expected ${expected}: run scripts/pki` });
  const authority = readOptional(beside(pki.authority));
  const fault = authority === undefined ? "no such file" : authorityFault(authority);
  if (authority === undefined || fault !== undefined) {
    wrong(pki.authority, fault ?? "", "the certificate of the authority that hosts trust");
    return { problems };
  }
  const hosts = new Map<string, string>();
  for (const host of up) {
    const text = readOptional(beside(pki.host(host.name)));
    const found = text === undefined ? "no such file" : hostFault(text, authority, hostNames(host, settings));
    if (text === undefined || found !== undefined) {
      wrong(pki.host(host.name), found ?? "", `a certificate of ${host.name}, for ${host.address}`);
    } else {
      hosts.set(host.name, text);
    }
  }
  const found: Certificates = { authority, hosts };
  return { problems, found };
}

/** Defaults that depend on other fields. */
function decide(file: ClusterFile, directory: string, known: KnownHosts | undefined): Cluster {
  const { name, hosts: writtenHosts, removed, ...settings } = file;
  const { ssh } = settings;
  const login = (address: string, own: Partial<Pick<Login, "user" | "port" | "keyFile">>): Login => {
    const keyFile = own.keyFile ?? ssh.keyFile;
    const port = own.port ?? ssh.port;
    return {
      address,
      user: own.user ?? ssh.user,
      port,
      ...(keyFile === undefined ? {} : { keyFile }),
      hostKeys: ssh.hostKeyChecking === "off" ? [] : (known?.keysFor(address, port) ?? []),
    };
  };
  const isServer = defaultServers(writtenHosts.map(({ consul }) => consul));
  const decideHost = (host: ClusterFile["hosts"][number], consul: Host["consul"]): Host => ({
    name: host.name,
    address: host.address,
    login: login(host.address, host.ssh ?? {}),
    consul,
    rebuilt: host.rebuilt,
    manager: host.swarm.includes("manager"),
    agent: host.swarm.includes("agent"),
    down: host.down,
  });
  const hosts = writtenHosts.map((host, i) => decideHost(host, isServer[i] ? "server" : "client"));
  return {
    name,
    hosts,
    up: hosts.filter(({ down }) => !down),
    servers: hosts.filter((host) => host.consul === "server"),
    removed: removed.map((host) => ({ ...decideHost(host, host.consul ?? "server"), lost: host.lost })),
    artifacts: [],
    directory,
    ...(ssh.bastion ? { bastion: login(ssh.bastion.address, ssh.bastion) } : {}),
    settings,
  };
}

/** Hosts without a role become servers, in order, until there are five, or the next lower odd number. */
function defaultServers(roles: readonly ("server" | "client" | undefined)[]): boolean[] {
  const chosen = roles.filter((role) => role === "server").length;
  const possible = roles.filter((role) => role !== "client").length;
  const target = Math.min(5, possible % 2 === 0 ? possible - 1 : possible);
  let missing = Math.max(0, target - chosen);
  return roles.map((role) => role === "server" || (role === undefined && missing-- > 0));
}

/**
 * The file as if whatever is wrong in it were not there: wrong values are deleted, or their parents when they
 * are needed; names and addresses that hosts cannot do without are made up (a rule's problem with
 * them is dropped, since the place already has one).
 */
function withoutMistakes(value: unknown): ClusterFile | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return undefined;
  }
  const copy = structuredClone(value) as Record<string, unknown>;
  for (let round = 0; round < 8; round++) {
    const result = clusterFileSchema.safeParse(copy);
    if (result.success) {
      return result.data;
    }
    for (const issue of result.error.issues) {
      const path = issue.path as (string | number)[];
      if (issue.code === "unrecognized_keys") {
        for (const key of issue.keys) {
          remove(copy, [...path, key]);
        }
      } else {
        remove(copy, path);
      }
    }
    copy.name ??= "unnamed";
    if (!Array.isArray(copy.hosts) || copy.hosts.length === 0) {
      return undefined;
    }
    copy.hosts = copy.hosts.map((host: unknown, i) => {
      const known = typeof host === "object" && host !== null && !Array.isArray(host) ? host : {};
      return { name: `unnamed-${i}`, address: `192.0.2.${i % 256}`, ...known };
    });
  }
  return undefined;
}

function remove(root: Record<string, unknown>, path: readonly (string | number)[]): void {
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((at, step) => (at as Record<string | number, unknown>)?.[step], root);
  const last = path.at(-1);
  // A host that is no mapping is replaced as a whole by the caller.
  if (last === undefined || typeof parent !== "object" || parent === null || parent === root.hosts) {
    return;
  }
  const needed = !(last in parent) && path.length > 1 && path[0] !== "hosts";
  if (Array.isArray(parent) || needed) {
    remove(root, path.slice(0, -1));
  } else {
    delete (parent as Record<string | number, unknown>)[last];
  }
}
