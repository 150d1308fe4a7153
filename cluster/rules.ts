/** Rules that span fields of the cluster file. */
import { isIPv4 } from "node:net";
import { neverOnLan, normalized, overlap, within } from "./ipv4.js";
import { type KnownHosts, knownHostsFileName, knownHostsName } from "./known-hosts.js";
import type { Cluster, Host } from "./model.js";
import { type Path, showValue } from "./problems.js";
import { strict } from "./schema.js";
import { compareVersions } from "./versions.js";
import type { YamlFile } from "./yaml-file.js";

/** Adds what is wrong to the file's problems and returns what is merely doubtful. */
export function checkRules(yaml: YamlFile, cluster: Cluster): string[] {
  for (const rule of rules) {
    rule(yaml, cluster);
  }
  return serverWarnings(yaml, cluster);
}

type Rule = (yaml: YamlFile, cluster: Cluster) => void;

const rules: readonly Rule[] = [
  ownNamesAndAddresses,
  removedAreGone,
  statedRolesWhileRemoving,
  addressesOnTheLan,
  someoneInEachRole,
  enoughHostsUp,
  leavingHostsUp,
  consulVersion,
  consulSwitch("consulAcl", "1.15.0", "which security.consulAcl needs"),
  consulSwitch(
    "consulTls",
    "1.12.0",
    "with security.consulTls",
    ": a server that bootstraps has to ask the others, which answer on loopback alone",
  ),
  weaveVersion,
  weaveConnections,
  (yaml, { hosts, settings }) => checkRange(yaml, hosts, settings.weave.range),
  operatorsOnTheLan,
  strictIsClosed,
  oneSourceOfArtifacts,
  noCredentialsForBackend,
  noTemplatesForBackend,
];

/** A value that is there, or a default, is wrong. */
function wrong(yaml: YamlFile, path: Path, expected: string): void {
  yaml.problems.add(path, showValue(yaml.valueAt(path), path), expected);
}

const identifying = [
  ["name", "a name"],
  ["address", "an address"],
] as const;

/** Where each value of the field stands first. */
const firstOf = (hosts: readonly Host[], field: "name" | "address") =>
  new Map(hosts.map((host, i) => [host[field], i] as const).reverse());

function ownNamesAndAddresses(yaml: YamlFile, { hosts }: Cluster): void {
  for (const [field, one] of identifying) {
    const firsts = firstOf(hosts, field);
    for (const [i, host] of hosts.entries()) {
      const first = firsts.get(host[field]) ?? i;
      if (first < i) {
        wrong(yaml, ["hosts", i, field], `${one} of its own (hosts[${first}] has it too)`);
      }
    }
  }
}

function removedAreGone(yaml: YamlFile, { hosts, removed }: Cluster): void {
  for (const [field, one] of identifying) {
    const firsts = firstOf(hosts, field);
    for (const [i, gone] of removed.entries()) {
      const taken = firsts.get(gone[field]);
      if (taken === undefined) {
        continue;
      }
      const way = "remove one host in one deploy, add the other in the next";
      wrong(yaml, ["removed", i, field], `${one} that no host has (hosts[${taken}] has it): ${way}`);
    }
  }
}

/** By number and order of hosts, some other host's role would change unasked. */
function statedRolesWhileRemoving(yaml: YamlFile, { hosts, removed }: Cluster): void {
  if (removed.length === 0) {
    return;
  }
  for (const [i, { name, consul }] of hosts.entries()) {
    if (yaml.has(["hosts", i, "consul"])) {
      continue;
    }
    const why = "while hosts are listed in removed, no role may depend on the number of hosts";
    const expected = `consul: server or client, as ${name} is in the running cluster: ${why} (by default it would be ${consul})`;
    yaml.problems.addLack(["hosts", i], "no role", expected);
  }
}

function addressesOnTheLan(yaml: YamlFile, { hosts }: Cluster): void {
  for (const [i, { address }] of hosts.entries()) {
    if (!neverOnLan(address)) {
      continue;
    }
    wrong(
      yaml,
      ["hosts", i, "address"],
      "the host's own address on the LAN, not a loopback, multicast or reserved one",
    );
  }
}

function someoneInEachRole({ problems }: YamlFile, { hosts, servers }: Cluster): void {
  if (servers.length === 0) {
    problems.addLack(["hosts"], "no Consul server", "at least one host that is not consul: client");
  }
  if (!hosts.some(({ manager }) => manager)) {
    problems.addLack(["hosts"], "no Swarm manager", "at least one host with swarm: [manager, …]");
  }
  if (!hosts.some(({ agent }) => agent)) {
    problems.addLack(["hosts"], "no Swarm agent", "at least one host with swarm: [agent, …]");
  }
}

/** What is missing of the hosts that are up is named where the first such host is said to be down. */
function enoughHostsUp(yaml: YamlFile, { hosts, up, servers }: Cluster): void {
  const lack = (wanted: (host: Host) => boolean, expected: string) => {
    const off = hosts.findIndex((host) => host.down && wanted(host));
    if (off >= 0) {
      wrong(yaml, ["hosts", off, "down"], expected);
    }
  };
  if (up.length === 0) {
    lack(() => true, "at least one host that is not down");
    return;
  }
  const serversUp = servers.filter(({ down }) => !down).length;
  if (2 * serversUp <= servers.length) {
    const majority = Math.floor(servers.length / 2) + 1;
    lack(
      ({ consul }) => consul === "server",
      `a majority of the Consul servers up: ${majority} of ${servers.length}, not ${serversUp}`,
    );
  }
  if (!up.some(({ manager }) => manager)) {
    lack(({ manager }) => manager, "at least one Swarm manager that is not down");
  }
  if (!up.some(({ agent }) => agent)) {
    lack(({ agent }) => agent, "at least one Swarm agent that is not down");
  }
}

function leavingHostsUp(yaml: YamlFile, { removed }: Cluster): void {
  for (const [i, { down }] of removed.entries()) {
    if (!down) {
      continue;
    }
    const way = "a host that leaves is asked to; one that is gone for good has lost: true instead";
    wrong(yaml, ["removed", i, "down"], `no such line: ${way}`);
  }
}

function consulVersion(yaml: YamlFile, { settings: { consul } }: Cluster): void {
  const path = ["consul", "version"];
  if (/^1\.21\.5(-|$)/.test(consul.version)) {
    wrong(yaml, path, "another version: 1.21.5 refuses the keys that Swarm writes; 1.21.4 and 1.22.0 take them");
  } else if (compareVersions(consul.version, "1.9.0") < 0) {
    wrong(yaml, path, "1.9.0 or newer");
  }
}

/**
 * What a switch of Consul's needs. None of them goes with the guide's bootstrap: its first server would need tokens before
 * there are any, and has to ask the others over HTTP whether they have a leader.
 */
function consulSwitch(name: "consulAcl" | "consulTls", since: string, because: string, why = ""): Rule {
  return (yaml, { settings: { consul, security } }) => {
    if (!security[name]) {
      return;
    }
    if (compareVersions(consul.version, since) < 0) {
      wrong(yaml, ["consul", "version"], `${since} or newer, ${because}`);
    }
    if (consul.bootstrap === "handover") {
      wrong(yaml, ["consul", "bootstrap"], `expect, ${because}${why}`);
    }
  };
}

function weaveVersion(yaml: YamlFile, cluster: Cluster): void {
  const { weave } = cluster.settings;
  const versions = weaveVersions[weave.images];
  if (versions === undefined) {
    ownWeave(yaml, cluster);
    return;
  }
  const [from, to] = versions;
  if (compareVersions(weave.version, from) >= 0 && compareVersions(to, weave.version) >= 0) {
    return;
  }
  yaml.problems.add(
    ["weave", "version"],
    `"${weave.version}" with images of ${weave.images}`,
    Object.entries(weaveVersions)
      .map(([owner, [first, last]]) => `${first} to ${last} with images: ${owner}`)
      .join(", or "),
    yaml.has(["weave", "version"]) ? undefined : ["weave", "images"],
  );
}

/** That of `weave launch --conn-limit`. */
const weavesConnectionLimit = 200;

/** Each router is connected to every other one. Which of them are refused for being too many is chance. */
function weaveConnections(yaml: YamlFile, { hosts: { length }, settings: { weave } }: Cluster): void {
  const limit = weave.connectionLimit ?? weavesConnectionLimit;
  if (limit === 0 || length - 1 <= limit) {
    return;
  }
  const path = ["weave", "connectionLimit"];
  const enough = `${length - 1} or more, or 0 for no limit: each of ${length} routers is connected to all others`;
  if (yaml.has(path)) {
    wrong(yaml, path, enough);
  } else {
    const way = `at most ${limit + 1}, since a router takes ${limit} connections, or weave.connectionLimit: ${enough}`;
    yaml.problems.addLack(["hosts"], `${length} hosts`, way);
  }
}

/** `strict` stands for the firewall too: who wants all but that says so switch by switch. */
function strictIsClosed(yaml: YamlFile, { settings: { firewall } }: Cluster): void {
  if (yaml.valueAt(["security"]) === strict.word && !firewall.managed) {
    wrong(yaml, ["firewall", "managed"], "true, since security is strict (or name security's switches one by one)");
  }
}

/** A wider range is a network of many people's, not of operators. */
const widestOperators = 16;

function operatorsOnTheLan(yaml: YamlFile, { settings: { firewall } }: Cluster): void {
  for (const [i, range] of firewall.operators.entries()) {
    const path = ["firewall", "operators", i];
    const [address = "", prefix = "32"] = range.split("/");
    const written = normalized(range);
    const earlier = firewall.operators.findIndex((other) => overlap(other, range));
    if (!isIPv4(address) || Number(prefix) > 32) {
      wrong(yaml, path, "an IPv4 address such as 10.0.9.5 or a range such as 10.0.9.0/24");
    } else if (Number(prefix) < widestOperators) {
      wrong(yaml, path, `the operators' own addresses: a range with a prefix of ${widestOperators} or more`);
    } else if (range.includes("/") && written !== range) {
      wrong(yaml, path, `the range's first address: ${written}`);
    } else if (neverOnLan(address)) {
      wrong(yaml, path, "an address that hosts see, not a loopback, multicast or reserved one");
    } else if (earlier < i) {
      wrong(yaml, path, `one that no other entry holds (operators[${earlier}] is ${firewall.operators[earlier]})`);
    }
  }
}

/** Of images that a team has built, nothing is known but what it says. */
function ownWeave({ problems }: YamlFile, { settings: { weave, artifacts } }: Cluster): void {
  const stored = artifacts.mirror ?? artifacts.directory;
  const missing = [
    ...(weave.dockerApi === undefined ? ["weave.dockerApi, the version of the engine's API that they speak"] : []),
    ...((weave.script ?? stored) === undefined
      ? ["weave.script, the address of their script (or artifacts.mirror or artifacts.directory, which have it)"]
      : []),
  ];
  if (missing.length > 0) {
    problems.add(
      ["weave", "images"],
      `"${weave.images}" alone`,
      `for images of your own also ${missing.join("; and ")}`,
    );
  }
}

function oneSourceOfArtifacts({ problems }: YamlFile, { settings: { artifacts } }: Cluster): void {
  if (artifacts.mirror !== undefined && artifacts.directory !== undefined) {
    problems.addKey(["artifacts", "directory"], "both mirror and directory", "one of them");
  }
  if (artifacts.mirror?.includes("@")) {
    const expected = "one without, since it would be stored in the lock file and in Terraform's state";
    problems.add(["artifacts", "mirror"], "a URL with a login", expected);
  }
}

function serverWarnings(yaml: YamlFile, { servers: { length } }: Cluster): string[] {
  const { line, column } = yaml.position(["hosts"]);
  const warning = (text: string) => [`${yaml.name}:${line}:${column}: hosts: ${length} Consul servers${text}`];
  if (length % 2 === 0 && length > 0) {
    return warning(` survive no more failures than ${length - 1}: make one a client or add one`);
  }
  return length > 5 ? warning(": every write waits for a majority of them; 5 are enough") : [];
}

const weaveVersions: Readonly<Record<string, readonly [from: string, to: string]>> = {
  weaveworks: ["2.6.5", "2.8.1"],
  // 2.8.2 still speaks engine API 1.18 as weaveworks' do.
  rajchaudhuri: ["2.8.3", "2.9.0"],
};

/** Weave's own conditions on the range, and the one that would cut hosts off from each other. */
function checkRange(yaml: YamlFile, hosts: readonly Host[], range: string): void {
  const [base = "", prefixText = ""] = range.split("/");
  const path = ["weave", "range"];
  const wrong = (expected: string, at?: Path) => yaml.problems.add(path, `"${range}"`, expected, at);
  const prefix = Number(prefixText);
  if (!isIPv4(base) || prefix < 1 || prefix > 30) {
    wrong("an IPv4 range such as 10.32.0.0/12, with a prefix from 1 to 30");
    return;
  }
  const written = normalized(range);
  if (written?.split("/")[0] !== base) {
    wrong(`the range's first address: ${written}`);
    return;
  }
  for (const [i, { address }] of hosts.entries()) {
    if (!within(address, range)) {
      continue;
    }
    wrong(
      `a range without the hosts' addresses (hosts[${i}] is ${address})`,
      yaml.has(path) ? path : ["hosts", i, "address"],
    );
  }
}

/** Where Terraform's backends take their credentials from instead. */
const credentialVariables: Readonly<Record<string, string>> = {
  consul: "CONSUL_HTTP_TOKEN or CONSUL_HTTP_AUTH",
  http: "TF_HTTP_USERNAME and TF_HTTP_PASSWORD",
  pg: "PG_CONN_STR, or PGUSER and PGPASSWORD",
  s3: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
};

const credentialName = /passw|secret|token|credential|http_auth|(access|customer|private)_key|_pem$/i;
const credentialValue = /:\/\/[^/@\s]*:[^/@\s]+@|\bpassword\s*=/i;

/** Terraform's configuration of a backend stands in the synthesised JSON, which belongs in git. */
function noCredentialsForBackend(yaml: YamlFile, { settings: { backend } }: Cluster): void {
  const search = (value: unknown, path: Path): void => {
    if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        search(inner, [...path, key]);
      }
      return;
    }
    const secret =
      path.some((step) => credentialName.test(String(step))) ||
      (typeof value === "string" && credentialValue.test(value));
    if (!secret) {
      return;
    }
    const instead = credentialVariables[backend?.type ?? ""] ?? "the backend's own";
    yaml.problems.add(
      path,
      "a credential",
      `none: it would stand in the synthesised JSON. Set the environment variables ${instead}`,
    );
  };
  search(backend?.config ?? {}, ["backend", "config"]);
}

/** Terraform fills in nothing in a backend's configuration. */
function noTemplatesForBackend(yaml: YamlFile, { settings: { backend } }: Cluster): void {
  const search = (value: unknown, path: Path): void => {
    if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        if (!Array.isArray(value) && !/^[a-z][a-z0-9_-]*$/i.test(key)) {
          yaml.problems.addKey([...path, key], "no name of a setting", "letters, digits, _ and -");
        }
        search(inner, [...path, key]);
      }
    } else if (typeof value === "string" && /[$%]\{/.test(value)) {
      yaml.problems.add(
        path,
        showValue(value, path),
        "a value without ${ and %{, which Terraform would take for templates",
      );
    }
  };
  search(backend?.config ?? {}, ["backend", "config"]);
}

/** Every machine that is logged in to needs a key in `known_hosts`. */
export function checkHostKeys(yaml: YamlFile, cluster: Cluster, known: KnownHosts | undefined, file: string): void {
  const machines = [
    ...cluster.hosts.flatMap(({ login, down }, i) => (down ? [] : { login, path: ["hosts", i, "address"] as Path })),
    // Who leaves is logged in to once more.
    ...cluster.removed.flatMap(({ login, lost }, i) =>
      lost ? [] : { login, path: ["removed", i, "address"] as Path },
    ),
    ...(cluster.bastion ? [{ login: cluster.bastion, path: ["ssh", "bastion", "address"] as Path }] : []),
  ];
  for (const { login, path } of machines) {
    if (login.hostKeys.length > 0) {
      continue;
    }
    const name = knownHostsName(login.address, login.port);
    const hashed = known?.hashed ? ` (its hashed entries cannot be read: ${known.hashed})` : "";
    yaml.problems.add(
      path,
      known ? `no key of ${name} in ${file}${hashed}` : `no key of ${name} (there is no ${file})`,
      `one line "${name} TYPE KEY" in ${knownHostsFileName}: run scripts/hostkeys`,
    );
  }
}
