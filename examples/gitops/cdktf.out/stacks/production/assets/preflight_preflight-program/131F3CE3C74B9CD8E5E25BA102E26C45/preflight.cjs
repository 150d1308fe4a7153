"use strict";

// commands/preflight/in-deploy.ts
var import_node_fs3 = require("node:fs");

// ssh/ssh.ts
var import_node_child_process = require("node:child_process");
var import_node_fs = require("node:fs");
var import_node_os2 = require("node:os");
var import_node_path2 = require("node:path");

// cluster/known-hosts.ts
var hostKeyAlgorithms = [
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-256",
  "rsa-sha2-512",
  "ssh-ed25519"
];
function knownHostsName(address, port) {
  return port === 22 ? address : `[${address}]:${port}`;
}

// cluster/paths.ts
var import_node_os = require("node:os");
var import_node_path = require("node:path");
var resolveWritten = (directory, written) => (0, import_node_path.resolve)(directory, written.replace(/^~(?=\/|$)/, (0, import_node_os.homedir)()));

// cluster/shell.ts
var shellWord = (text) => /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

// ssh/ssh.ts
async function withSsh(targets, body) {
  const folder = (0, import_node_fs.mkdtempSync)((0, import_node_path2.join)((0, import_node_os2.tmpdir)(), "multicast-swarm-ssh-"));
  const remove = () => (0, import_node_fs.rmSync)(folder, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    const config = (0, import_node_path2.join)(folder, "config");
    (0, import_node_fs.writeFileSync)((0, import_node_path2.join)(folder, "known_hosts"), knownHosts(targets), { mode: 384 });
    (0, import_node_fs.writeFileSync)(config, sshConfig(targets, (0, import_node_path2.join)(folder, "known_hosts")), { mode: 384 });
    return await body(
      (where, script, args = [], timeoutSeconds = 300) => {
        const alias = where === "bastion" ? bastionAlias : where.name;
        return ssh(["-F", config, alias, ["sh -s --", ...args.map(shellWord)].join(" ")], script, timeoutSeconds);
      },
      (where, command) => (0, import_node_child_process.spawn)("ssh", ["-F", config, where.name, command], { stdio: "pipe" })
    );
  } finally {
    process.off("exit", remove);
    remove();
  }
}
async function inParallel(items, body, limit = 16) {
  const results2 = [];
  const queue = [...items.entries()];
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      results2[next[0]] = await body(next[1]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results2;
}
var bastionAlias = "_bastion";
function sshConfig({ hosts, bastion, settings }, knownHostsFile) {
  const { hostKeyChecking, timeoutSeconds } = settings.ssh;
  const login = (alias, { address, user, port, keyFile }) => [
    `Host ${alias}`,
    `  HostName ${address}`,
    `  User ${user}`,
    `  Port ${port}`,
    // Without a key file Terraform asks the agent and tries no file of its own: so does this.
    keyFile === void 0 ? "  IdentityFile none" : `  IdentityFile "${keyPath(keyFile)}"`,
    ...keyFile === void 0 ? [] : ["  IdentitiesOnly yes"],
    ...bastion && alias !== bastionAlias ? [`  ProxyJump ${bastionAlias}`] : []
  ];
  return [
    ...hosts.flatMap((host) => login(host.name, host.login)),
    ...bastion ? login(bastionAlias, bastion) : [],
    "Host *",
    "  BatchMode yes",
    `  ConnectTimeout ${timeoutSeconds}`,
    "  ServerAliveInterval 15",
    `  StrictHostKeyChecking ${hostKeyChecking === "off" ? "no" : "yes"}`,
    `  UserKnownHostsFile ${hostKeyChecking === "off" ? "/dev/null" : `"${knownHostsFile}"`}`,
    "  GlobalKnownHostsFile /dev/null",
    `  HostKeyAlgorithms ${hostKeyAlgorithms.join(",")}`,
    "  UpdateHostKeys no",
    "  LogLevel ERROR",
    ""
  ].join("\n");
}
function knownHosts({ hosts, bastion }) {
  const logins = [...hosts.map(({ login }) => login), ...bastion ? [bastion] : []];
  const lines = logins.flatMap(
    ({ address, port, hostKeys }) => hostKeys.slice(0, 1).map((key) => `${knownHostsName(address, port)} ${key}
`)
  );
  return lines.join("");
}
function keyPath(keyFile) {
  const path = resolveWritten(process.cwd(), keyFile);
  if (!(0, import_node_fs.existsSync)(path)) {
    throw new Error(`keyFile: found no file ${path}, expected a private key`);
  }
  return path.replaceAll("%", "%%");
}
function ssh(args, input, timeoutSeconds) {
  return new Promise((done, fail) => {
    const child = (0, import_node_child_process.spawn)("ssh", args, { stdio: "pipe" });
    let [stdout, stderr, late] = ["", "", false];
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, timeoutSeconds * 1e3);
    const end = (status) => {
      clearTimeout(timer);
      done({ status: late ? 124 : status, stdout, stderr });
    };
    child.on("error", (error) => {
      if (error.code === "ENOENT") {
        fail(new Error("this machine has no ssh: apt-get install openssh-client"));
      }
      stderr += error.message;
      end(255);
    });
    child.on("close", (code) => end(code ?? 255));
    child.stdin.on("error", () => {
    }).end(input);
  });
}

// ssh/contact.ts
function withHosts(targets, body) {
  return withSsh(
    targets,
    (run, open) => body((host, script, args, timeoutSeconds) => run(host, asRoot(script), args, timeoutSeconds), open)
  );
}
var atOnce = 64;
function onAll(hosts, work) {
  return inParallel(hosts, work, atOnce);
}
function asRoot(script) {
  return `as_root() { if [ "$(id -u)" = 0 ]; then sh -s -- "$@"; else sudo -n sh -s -- "$@"; fi; }
as_root "$@" <<'END_OF_SCRIPT'
${script}
END_OF_SCRIPT
`;
}

// ssh/explain.ts
var import_node_fs2 = require("node:fs");

// cluster/model.ts
var label = ({ name, address }) => `${name} (${address})`;
function peerName(address) {
  const bytes = address.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
  return ["02", "00", ...bytes].join(":");
}

// ssh/explain.ts
function explainContact(targets, host, result) {
  const cause = explainSsh(targets, host, result) ?? explainSudo(host, result);
  return cause && { host: host.name, ...cause };
}
function explainSsh(targets, where, { status, stderr }) {
  const failure = failureAt(targets, where, stderr);
  if (status === 124) {
    return silence(failure, failure.target, "no answer in time");
  }
  if (status !== 255) {
    return void 0;
  }
  for (const explain of [changedHostKey, unknownHostKey, refusedLogin, refusedConnection, noAnswer, noWayOn]) {
    const cause = explain(failure);
    if (cause) {
      return cause;
    }
  }
  return anythingElse(failure);
}
function failureAt({ bastion, settings }, where, stderr) {
  const { timeoutSeconds } = settings.ssh;
  const atBastion = where === "bastion" || bastion && bastion.address !== where.login.address && mentions(stderr, bastion.address);
  if (bastion && atBastion) {
    const { address, port } = bastion;
    const who = `the jump host ${address}`;
    return { stderr, login: bastion, who, name: address, target: `jump host ${address} port ${port}`, timeoutSeconds };
  }
  if (where === "bastion") {
    throw new Error("the cluster has no bastion");
  }
  const { login, name } = where;
  return {
    stderr,
    login,
    who: label(where),
    name,
    target: `${login.address} port ${login.port}`,
    ...bastion ? { by: bastion } : {},
    timeoutSeconds
  };
}
function mentions(text, address) {
  return text.split(/[^A-Za-z0-9.-]+/).some((word) => word.replace(/\.$/, "") === address);
}
var targetWithWay = ({ target, by }) => by ? `${target} (by way of ${by.address})` : target;
function changedHostKey({ stderr, who, name }) {
  if (!/REMOTE HOST IDENTIFICATION HAS CHANGED/.test(stderr)) {
    return void 0;
  }
  const [, type = "ed25519", fingerprint] = /fingerprint for the (\w+) key sent by the remote host is\s+(SHA256:[A-Za-z0-9+/]+)/.exec(stderr) ?? [];
  return {
    check: "host key",
    found: `the host key is not the one in known_hosts${fingerprint ? ` (${type} ${fingerprint})` : ""}`,
    needed: `the key in known_hosts, or proof that ${who} has a new one`,
    fix: `on its console: ssh-keygen -lf /etc/ssh/ssh_host_${type.toLowerCase()}_key.pub; if it shows the same, scripts/hostkeys --replace ${name}`
  };
}
function unknownHostKey({ stderr, who, name }) {
  if (!/Host key verification failed|host key is known for/.test(stderr)) {
    return void 0;
  }
  return {
    check: "host key",
    found: `no key of ${who} in known_hosts, or none of a type that it offers`,
    needed: "its keys in known_hosts beside the cluster file",
    fix: `scripts/hostkeys --replace ${name}, and compare with its console`
  };
}
function refusedLogin({ stderr, login }) {
  const [refusal] = /Permission denied \([^)]*\)|Too many authentication failures/.exec(stderr) ?? [];
  if (refusal === void 0) {
    return void 0;
  }
  const { address, port, user, keyFile } = login;
  const found = `${refusal.toLowerCase()} for ${user}@${address}`;
  if (keyFile === void 0) {
    return {
      check: "login",
      found,
      needed: "a key in the SSH agent that the host knows",
      fix: `ssh-copy-id -p ${port} ${user}@${address}`
    };
  }
  const needed = `the public key of ${keyFile} on the host`;
  if (!(0, import_node_fs2.existsSync)(resolveWritten(process.cwd(), keyFile))) {
    const fix = "correct ssh.keyFile in the cluster file";
    return { check: "login", found: `${found}; there is no key file ${keyFile}`, needed, fix };
  }
  return { check: "login", found, needed, fix: `ssh-copy-id -i ${keyFile} -p ${port} ${user}@${address}` };
}
function refusedConnection(failure) {
  if (!/Connection refused/.test(failure.stderr)) {
    return void 0;
  }
  return {
    check: "reach",
    found: `connection refused by ${targetWithWay(failure)}`,
    needed: "sshd that listens there",
    fix: "systemctl enable --now ssh (on the host), or correct address and port in the cluster file"
  };
}
function noAnswer(failure) {
  const [how] = /(?:connection |operation )?timed out|No route to host|Network is unreachable|Host is down|not responding/i.exec(
    failure.stderr
  ) ?? [];
  return how === void 0 ? void 0 : silence(failure, targetWithWay(failure), how.toLowerCase());
}
function noWayOn(failure) {
  const { by, stderr, target } = failure;
  if (!by || !/stdio forwarding failed|kex_exchange_identification: Connection closed/.test(stderr)) {
    return void 0;
  }
  return silence(failure, target, `the jump host ${by.address} gets no connection to it`);
}
function anythingElse(failure) {
  const { stderr, login } = failure;
  const said = lastLine(stderr);
  return {
    check: "reach",
    found: said === "" ? "ssh failed and gave no reason" : `ssh failed: ${said}`,
    needed: `a login as ${login.user} on ${targetWithWay(failure)}`,
    fix: `ssh -p ${login.port} ${login.user}@${login.address} shows what is in the way`
  };
}
function silence({ timeoutSeconds }, target, how) {
  return {
    check: "reach",
    found: `unreachable: ${target}: ${how}`,
    needed: `an answer within ${timeoutSeconds} s`,
    fix: "start the host and check its network, or correct its address in the cluster file"
  };
}
function explainSudo({ login: { user } }, { status, stderr }) {
  if (status === 0) {
    return void 0;
  }
  const cause = (found, fix) => ({
    check: "sudo",
    found,
    needed: `sudo without a password for ${user}, or root as login user`,
    fix
  });
  if (/sudo: (command )?not found|sudo: No such file/i.test(stderr)) {
    return cause("there is no sudo on the host", "apt-get install sudo (as root)");
  }
  if (!/sudo|sudoers/.test(stderr)) {
    return void 0;
  }
  const allow = `echo '${user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/${user} (as root on the host)`;
  const [word] = /password is required|terminal is required|must have a tty|not in the sudoers|not allowed to|may not run/.exec(
    stderr
  ) ?? [];
  if (word === void 0) {
    return void 0;
  }
  if (/password|terminal|tty/.test(word)) {
    return cause(`sudo asks ${user} for a password`, allow);
  }
  return cause(`sudo refuses ${user}: ${lastLine(stderr).replace(/^sudo: /, "")}`, allow);
}
function lastLine(text) {
  const lines = text.split("\n").map((line) => line.trim());
  const telling = lines.filter((line) => line !== "" && !/^See 'docker|^errors pretty printing/.test(line));
  return (telling.at(-1) ?? "").replace(/^ERROR: /, "");
}

// commands/shared/progress.ts
function progress(name, stream = process.stderr) {
  if (!stream.isTTY) {
    return { say: (line) => void stream.write(`${name}: ${line}
`), done: () => {
    } };
  }
  const width = () => Math.max(20, (stream.columns || 80) - 1);
  return {
    say: (line) => void stream.write(`\r\x1B[K${`${name}: ${line} \u2026`.slice(0, width())}`),
    done: () => void stream.write("\r\x1B[K")
  };
}
function painter(stream = process.stdout) {
  const codes = { green: 32, red: 31, yellow: 33, dim: 2, bold: 1 };
  const wanted = stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  return (colour, text) => wanted ? `\x1B[${codes[colour]}m${text}\x1B[0m` : text;
}
var unpainted = (_, text) => text;

// commands/shared/findings.ts
var plural = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
function columns(rows) {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows.map(
    (row) => row.map((cell, i) => i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)).join("  ")
  );
}
function findingsTable(inventory, findings, paint = unpainted) {
  const own = inventory.hosts.flatMap(
    (host) => findings.filter((finding) => finding.host === host.name).map((finding) => ({ host, finding }))
  );
  const wide = (texts) => Math.max(0, ...texts.map(({ length }) => length));
  const [hosts, checks] = [wide(own.map(({ host }) => label(host))), wide(own.map(({ finding }) => finding.check))];
  const indent = " ".repeat(hosts + checks + 4);
  return own.flatMap(({ host, finding: { check, found, needed, fix, warning } }) => [
    [
      paint("bold", label(host).padEnd(hosts)),
      paint(warning ? "yellow" : "red", check.padEnd(checks)),
      `${warning ? "warning: " : ""}${found}`
    ].join("  "),
    `${indent}${paint("dim", "needs:")} ${needed}`,
    `${indent}${paint("dim", "fix:  ")} ${fix}`
  ]);
}

// commands/shared/signals.ts
function endOnSignals(name) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.once(signal, () => {
      console.error(`${name}: interrupted by ${signal}`);
      process.exit(2);
    });
  }
}

// cluster/systems.ts
var distributions = [
  {
    id: "debian",
    name: "Debian",
    versions: ["11", "12", "13"],
    kernelPackage: (architecture) => `linux-image-${architecture}`
  },
  {
    id: "ubuntu",
    name: "Ubuntu",
    versions: ["20.04", "22.04", "24.04"],
    kernelPackage: () => "linux-generic",
    modulesPackage: (release) => `linux-modules-extra-${release}`
  }
];
var architectures = [
  { name: "amd64", kernel: "x86_64" },
  { name: "arm64", kernel: "aarch64" }
];
function distributionOf(os) {
  const [id] = os.split(" ");
  return distributions.find((distribution) => distribution.id === id);
}
function isSupportedSystem(os) {
  const [, version = ""] = os.split(" ");
  return distributionOf(os)?.versions.includes(version) ?? false;
}
function architectureOf(reported) {
  return architectures.find(({ kernel }) => kernel === reported)?.name ?? reported;
}
function isSupportedArchitecture(reported) {
  return architectures.some(({ name }) => name === architectureOf(reported));
}
var supportedSystems = () => distributions.map(({ name, versions }) => `${name} ${either(versions)}`).join(", or ");
var supportedArchitectures = () => either(architectures.map(({ name }) => name));
function either(choices) {
  const last = choices.at(-1) ?? "";
  return choices.length < 2 ? last : `${choices.slice(0, -1).join(", ")} or ${last}`;
}

// commands/preflight/facts.ts
function parseReport(host, output) {
  const facts = {};
  const findings = [];
  for (const line of output.split("\n")) {
    const [, name, value] = /^fact ([a-z-]+) (.*)$/.exec(line) ?? [];
    if (name !== void 0 && value !== void 0) {
      facts[name] = value;
    }
    const [, check, found, needed, fix] = /^problem ([a-z-]+) \| found (.*?) \| needed (.*?) \| fix: (.*)$/.exec(line) ?? [];
    if (check !== void 0 && found !== void 0 && needed !== void 0 && fix !== void 0) {
      findings.push({ host, check, found, needed, fix });
    }
  }
  return { facts, findings, complete: facts.end === "ok" };
}
function platformsOf(facts) {
  const arch = architectureOf(facts.arch ?? "unknown");
  return ["any", arch, `${(facts.os ?? "unknown").replaceAll(" ", "-")}-${arch}`];
}
var wordsOf = (fact) => (fact ?? "").split(" ").filter((word) => word !== "");

// commands/preflight/json.ts
var results = ["fit", "problems", "could not tell"];
function preflightJson(inventory, { findings, facts, undecided, network }, status) {
  return {
    version: 1,
    cluster: inventory.name,
    result: results[status],
    findings: [...findings],
    hosts: inventory.hosts.map(({ name, address }) => ({
      name,
      address,
      ...undecided.has(name) ? { undecided: undecided.get(name) } : {},
      facts: { ...facts.get(name) },
      ...network.clocks.has(name) ? { clock: network.clocks.get(name) } : {}
    })),
    links: [...network.connections],
    paths: [...network.packetSizes]
  };
}

// cluster/versions.ts
function compareVersions(a, b) {
  const numbers = (text) => (/^[\d.]*/.exec(text)?.[0] ?? "").split(".").map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return 0;
}

// cluster/engines.ts
var engines = [
  { from: "29.3", api: "1.40", lowest: "1.24" },
  { from: "29", api: "1.44", lowest: "1.24" },
  // 25 takes lower ones too, which nobody has tried with Weave Net.
  { from: "25", api: "1.24", lowest: "1.24" },
  { from: "0", api: "1.12", lowest: "1.12" }
];
var swarmApis = [
  { from: "1.2.9", api: "1.31" },
  { from: "1.2.8", api: "1.30" },
  { from: "1.2.6", api: "1.25" },
  { from: "1.2.4", api: "1.24" },
  { from: "0", api: "1.23" }
];
var weaveApis = {
  weaveworks: [{ from: "0", api: "1.18" }],
  rajchaudhuri: [
    { from: "2.8.3", api: "1.24" },
    { from: "0", api: "1.18" }
  ]
};
var firstForeignCommand = 29;
var firstModernEngine = 25;
var firstStrictEngine = 29;
var modernWeave = { images: "rajchaudhuri", version: "2.9.0", api: "1.24" };
function apiNeeds({ weave, swarm }) {
  const weaveApi = weave.dockerApi ?? rowOf(weaveApis[weave.images], weave.version).api;
  return [
    { component: `Weave Net ${weave.version} of ${weave.images}`, api: weaveApi },
    { component: `Swarm ${swarm.version}`, api: rowOf(swarmApis, swarm.version).api }
  ];
}
var neededApi = (settings) => apiNeeds(settings).map(({ api }) => api).reduce((one, other) => compareVersions(one, other) < 0 ? one : other);
function rowOf(table, version) {
  const row = table.find(({ from }) => compareVersions(version, from) >= 0);
  if (row === void 0) {
    throw new Error(`no API version is known for version ${version}`);
  }
  return row;
}
var withoutEpoch = (version) => version.replace(/^\d+:/, "");
function defaultFloor(engineVersion) {
  return rowOf(engines, withoutEpoch(engineVersion)).api;
}
function canAnswer(engineVersion, api) {
  return compareVersions(rowOf(engines, withoutEpoch(engineVersion)).lowest, api) <= 0;
}
var isPinned = (packageVersion, pin) => new RegExp(`^${pin.replaceAll(".", "\\.")}(?![0-9])`).test(withoutEpoch(packageVersion));
var needsTelling = (commandVersion) => compareVersions(commandVersion, String(firstForeignCommand)) >= 0;
function floorFix(engineVersion, needs, { weave }) {
  const strict = Number.parseInt(withoutEpoch(engineVersion), 10) >= firstStrictEngine;
  const { images, version, api } = modernWeave;
  const otherWeave = `set weave.images: ${images} and weave.version: ${version} in the cluster file`;
  const oldEngine = `use an engine up to ${firstModernEngine - 1}`;
  if (weave.images === "weaveworks" && needs.some((need) => compareVersions(need.api, api) < 0)) {
    const newerEngine = strict ? `use Docker Engine ${firstStrictEngine - 1} and ` : "";
    return `${newerEngine}${otherWeave}, or ${oldEngine}`;
  }
  if (!strict) {
    return `use a Weave Net and Swarm that speak API ${api} or newer`;
  }
  const lowered = "set docker.lowerApiFloor: true in the cluster file, which restarts docker.service once";
  return `use Docker Engine ${firstModernEngine} to ${firstStrictEngine - 1}, or ${lowered}`;
}

// commands/preflight/judge/engine.ts
var lockFix = "run scripts/lock, then review the changes to artifacts.lock.json";
var engineJudgement = (found, needed, fix) => ({
  check: "engine",
  found,
  needed,
  fix
});
function judgeEngine(inventory, facts) {
  if (facts.engine === "absent") {
    return judgeAbsentEngine(inventory, facts);
  }
  if (facts.engine === "other") {
    return [
      engineJudgement(
        `a Docker Engine without docker.service (${facts["engine-other"]})`,
        "no engine, or one of a package that brings docker.service, such as docker.io or docker-ce",
        "remove that engine (snap remove docker, for snap's), once nothing uses it"
      )
    ];
  }
  return [
    ...judgeBrokenEngine(facts),
    ...judgePresentEngine(inventory.settings, facts),
    ...judgeDockerCommand(facts["engine-client"])
  ];
}
function judgeAbsentEngine({ settings, artifacts }, facts) {
  const { install, package: packageName, version: pin } = settings.docker;
  if (!install) {
    return [
      engineJudgement(
        "no Docker Engine",
        "Docker Engine, since the cluster file says docker.install: false",
        "install Docker Engine on the host, or set docker.install: true"
      )
    ];
  }
  const platforms = platformsOf(facts);
  const locked = artifacts.filter(
    ({ name, platform }) => name.startsWith("package:docker-engine:") && platforms.includes(platform)
  );
  if (locked.length === 0) {
    return [
      engineJudgement(
        `no Docker Engine, and artifacts.lock.json has no packages of it for ${platforms.at(-1)}`,
        "the packages of Docker Engine in the lock file",
        lockFix
      )
    ];
  }
  const version = locked.find(({ name }) => name === `package:docker-engine:${packageName}`)?.version;
  if (version === void 0) {
    return [];
  }
  const engine2 = `${packageName} ${version}, which is going to be installed,`;
  if (pin !== void 0 && !isPinned(version, pin)) {
    return [engineJudgement(`${packageName} ${version} in artifacts.lock.json`, `docker.version ${pin}`, lockFix)];
  }
  return judgeFloor(settings, engine2, version, { floor: defaultFloor(version), ours: true });
}
function judgeBrokenEngine(facts) {
  if (facts["engine-state"] === "failed") {
    return [
      engineJudgement(
        "Docker Engine is installed, but docker.service has failed",
        "an engine that starts",
        "journalctl -u docker.service -n 20 says why; then systemctl restart docker.service"
      )
    ];
  }
  if (facts["engine-client"] === "absent") {
    return [
      engineJudgement(
        "Docker Engine without its command, docker",
        "the command docker, which Weave Net uses",
        "apt-get install docker-cli (docker-ce-cli for the packages of Docker)"
      )
    ];
  }
  if (facts["engine-error"] === void 0) {
    return [];
  }
  return [
    engineJudgement(
      `Docker Engine does not answer: ${facts["engine-error"]}`,
      "an engine that answers root on its socket",
      "systemctl restart docker.service && journalctl -u docker.service -n 20"
    )
  ];
}
function judgePresentEngine(settings, facts) {
  const { engine: engine2 } = facts;
  if (engine2 === void 0 || engine2 === "unknown") {
    return [];
  }
  return judgeFloor(settings, `Docker Engine ${engine2}`, engine2, {
    floor: facts["engine-min-api"] ?? defaultFloor(engine2),
    ours: facts["engine-ours"] === "yes",
    running: Number(facts["engine-running"] ?? 0)
  });
}
function judgeDockerCommand(version) {
  if (version === void 0 || !needsTelling(version)) {
    return [];
  }
  const judgement = engineJudgement(
    `the command docker ${version}, which prints nothing of what docker run starts through Swarm`,
    "DOCKER_API_VERSION in its environment, as docs/using.md has it",
    "use scripts/swarm, or a docker command up to 28"
  );
  return [{ ...judgement, warning: true }];
}
function judgeFloor(settings, engine2, version, { floor, ours, running = 0 }) {
  const refused = apiNeeds(settings).filter(({ api }) => compareVersions(api, floor) < 0);
  if (refused.length === 0) {
    return [];
  }
  const lowered = canAnswer(version, neededApi(settings));
  if (lowered && ours) {
    return [];
  }
  const found = `${engine2} refuses clients below API ${floor}`;
  const needed = refused.map(({ component, api }) => `API ${api} for ${component}`).join(", ");
  if (!lowered || !settings.docker.lowerApiFloor) {
    return [engineJudgement(found, needed, floorFix(version, refused, settings))];
  }
  const restarted = `docker.service, and with it ${plural(running, "container")}`;
  const judgement = engineJudgement(
    found,
    needed,
    `nothing: docker.lowerApiFloor lets the deploy restart ${restarted}`
  );
  return [{ ...judgement, warning: true }];
}

// commands/preflight/judge/room.ts
var mib = { consulData: 100, consulProgram: 250, downloads: 850, images: 700, engine: 500, always: 50 };
var inodes = 5e3;
var imagesNeeded = (required) => required.filter((name) => name.startsWith("image:")).length + 1;
var imagesMissing = (required, facts) => facts["images-missing"] === void 0 ? imagesNeeded(required) : Number(facts["images-missing"]);
function usesOf({ settings, required }, facts) {
  const images = imagesNeeded(required);
  const missing = imagesMissing(required, facts);
  const consul = facts["installed-consul"] === "yes";
  return [
    { fact: "consul", what: settings.consul.dataDir, wants: mib.consulData },
    { fact: "docker", what: "Docker's images", wants: Math.ceil(mib.images * missing / images) },
    { fact: "download", what: "downloads", wants: consul && missing === 0 ? 0 : mib.downloads },
    { fact: "programs", what: "programs", wants: consul ? 0 : mib.consulProgram },
    { fact: "packages", what: "packages", wants: facts.engine === "absent" ? mib.engine : 0 },
    { fact: "settings", what: "/etc", wants: 0 }
  ];
}
function fileSystems(uses, facts) {
  const found = /* @__PURE__ */ new Map();
  for (const { fact, what, wants } of uses) {
    const [mount, freeMib, freeInodes, mode] = facts[`disk-${fact}`]?.split(" ") ?? [];
    if (mount === void 0) {
      continue;
    }
    const known = found.get(mount) ?? {
      mount,
      freeMib: Number(freeMib),
      freeInodes: freeInodes === "-" ? Number.POSITIVE_INFINITY : Number(freeInodes),
      writable: mode !== "ro",
      wants: mib.always,
      what: []
    };
    found.set(mount, { ...known, wants: known.wants + wants, what: [...known.what, what] });
  }
  return [...found.values()];
}
function judgeDisks(inventory, facts) {
  return fileSystems(usesOf(inventory, facts), facts).flatMap(judgeFileSystem);
}
function judgeFileSystem({ mount, freeMib, freeInodes, writable, wants, what }) {
  const list = what.join(", ");
  if (!writable) {
    return [
      {
        check: "disk",
        found: `${mount} is mounted read-only`,
        needed: `a writable file system, for ${list}`,
        fix: `dmesg | grep -i error shows whether the disk is broken; then mount -o remount,rw ${mount}`
      }
    ];
  }
  const judgements = [];
  if (freeMib < wants) {
    judgements.push({
      check: "disk",
      found: `${mount} has ${freeMib} MiB left`,
      needed: `${wants} MiB there, for ${list}`,
      fix: `du -xhd1 ${mount} | sort -h shows what uses it; apt-get clean and journalctl --vacuum-size=100M often help`
    });
  }
  if (freeInodes < inodes) {
    judgements.push({
      check: "disk",
      found: `${mount} has ${freeInodes} inodes left`,
      needed: `${inodes} there, for ${list}`,
      fix: `du --inodes -xd1 ${mount} | sort -n shows what uses them`
    });
  }
  return judgements;
}
var memory = { total: 900, available: 350, availableLater: 50 };
function judgeMemory(facts) {
  const [total, available] = [Number(facts["memory-total"]), Number(facts["memory-available"])];
  if (total < memory.total) {
    return [
      {
        check: "memory",
        found: `${total} MiB of memory`,
        needed: "1 GiB or more, for Consul, Docker Engine, Weave Net and Swarm",
        fix: "give the host more memory"
      }
    ];
  }
  const wants = facts["weave-peer"] === void 0 ? memory.available : memory.availableLater;
  if (!(available < wants)) {
    return [];
  }
  return [
    {
      check: "memory",
      found: `${available} of ${total} MiB of memory are available`,
      needed: `${wants} MiB available`,
      fix: "ps -eo rss,comm --sort=-rss | head shows what uses it"
    }
  ];
}

// commands/preflight/judge/pulls.ts
var pullLimit = { images: 100, hours: 6 };
function judgePulls({ required, sources }, factsOf) {
  const pulling = [...factsOf].map(([host, facts]) => ({ host, images: imagesMissing(required, facts) })).filter(({ images }) => images > 0);
  const total = pulling.reduce((sum, { images }) => sum + images, 0);
  const [first] = pulling;
  if (first === void 0 || total <= pullLimit.images || !sources.includes("registry-1.docker.io")) {
    return [];
  }
  return [
    {
      host: first.host,
      check: "pulls",
      found: `${pulling.length} hosts pull ${total} images from Docker Hub`,
      needed: `at most ${pullLimit.images} in ${pullLimit.hours} hours, where the hosts share one address and none is logged in`,
      fix: "artifacts.mirror or artifacts.directory in the cluster file; or docker login as root on the hosts; or deploy again hours later, since what has been pulled stays",
      warning: true
    }
  ];
}

// commands/preflight/judge/system.ts
function judgeSystem(host, facts) {
  return [
    ...judgeUser(facts),
    ...judgeDistribution(facts),
    ...judgeArchitecture(facts),
    ...judgeSystemd(facts),
    ...judgeMachineId(facts),
    ...judgeAddress(host, facts)
  ];
}
function judgeUser({ user }) {
  const [id, name] = user?.split(" ") ?? [];
  if (id === void 0 || id === "0") {
    return [];
  }
  return [
    {
      check: "sudo",
      found: `the checks run as ${name}, not as root`,
      needed: "root, or sudo without a password",
      fix: `printf '%s ALL=(ALL) NOPASSWD: ALL\\n' ${name} > /etc/sudoers.d/${name}   (as root)`
    }
  ];
}
function judgeDistribution({ os, "os-name": name }) {
  if (os === void 0 || isSupportedSystem(os)) {
    return [];
  }
  return [
    {
      check: "os",
      found: name || "an unknown system",
      needed: supportedSystems(),
      fix: "install a supported system on the host"
    }
  ];
}
function judgeArchitecture({ arch }) {
  if (arch === void 0 || isSupportedArchitecture(arch)) {
    return [];
  }
  return [
    {
      check: "arch",
      found: `architecture ${architectureOf(arch)}`,
      needed: supportedArchitectures(),
      fix: "install a 64-bit system on the host"
    }
  ];
}
function judgeSystemd({ init, systemd }) {
  if (init !== void 0 && init !== "systemd") {
    return [
      {
        check: "systemd",
        found: `process 1 is ${init}`,
        needed: "systemd as process 1",
        fix: "apt-get install systemd-sysv && reboot"
      }
    ];
  }
  if (systemd === void 0 || ["running", "degraded", "starting"].includes(systemd)) {
    return [];
  }
  return [
    {
      check: "systemd",
      found: `systemd is in state ${systemd}`,
      needed: "a host that is up (running or degraded)",
      fix: "systemctl default, or reboot the host"
    }
  ];
}
var isMachineId = (text) => /^[0-9a-f]{32}$/.test(text);
function judgeMachineId({ "machine-id": id }) {
  if (id === void 0 || isMachineId(id)) {
    return [];
  }
  return [
    {
      check: "machine-id",
      found: `/etc/machine-id says '${id}'`,
      needed: "a machine-id of 32 hex digits",
      fix: "rm -f /etc/machine-id && systemd-machine-id-setup"
    }
  ];
}
function judgeAddress({ address }, facts) {
  if (facts.addresses === void 0) {
    return [];
  }
  const own = wordsOf(facts.addresses);
  if (own.includes(address)) {
    return [];
  }
  return [
    {
      check: "address",
      found: own.length > 0 ? `the host's addresses are ${own.join(" ")}` : "the host has no address",
      needed: `${address} on one of its interfaces`,
      fix: `correct the host's address in the cluster file, or give the host ${address}`
    }
  ];
}

// commands/preflight/judge/all-hosts.ts
function judgeAllHosts(inventory, factsOf) {
  const present = inventory.hosts.flatMap((host) => {
    const facts = factsOf.get(host.name);
    return facts === void 0 ? [] : [{ host, facts }];
  });
  return [
    ...repeated(present, {
      fact: "hostname",
      needed: "a hostname of its own",
      fix: (host) => `hostnamectl set-hostname ${host.name}`
    }),
    ...repeated(
      present.filter(({ facts }) => isMachineId(facts["machine-id"] ?? "")),
      {
        fact: "machine-id",
        needed: "a machine-id of its own (a copied system keeps the old one)",
        fix: () => "rm -f /etc/machine-id /var/lib/dbus/machine-id && systemd-machine-id-setup && reboot"
      }
    ),
    ...judgePulls(inventory, factsOf),
    ...present.flatMap(
      ({ host, facts }) => [
        ...judgeHostname(present, host, facts),
        ...judgePeer(inventory, host, facts),
        ...judgeArtifacts(inventory, facts),
        ...judgeEngine(inventory, facts)
      ].map((judgement) => ({ host: host.name, ...judgement }))
    )
  ];
}
function repeated(present, { fact, needed, fix }) {
  const first = /* @__PURE__ */ new Map();
  return present.flatMap(({ host, facts }) => {
    const value = facts[fact]?.toLowerCase();
    if (value === void 0) {
      return [];
    }
    const other = first.get(value);
    if (other === void 0) {
      first.set(value, host);
      return [];
    }
    const found = `${fact} ${value}, which ${label(other)} has too`;
    return [{ host: host.name, check: fact, found, needed, fix: fix(host) }];
  });
}
function judgeHostname(present, host, { hostname }) {
  const other = present.find(({ host: { name } }) => name !== host.name && name === hostname?.toLowerCase());
  if (other === void 0 || other.facts.hostname?.toLowerCase() === other.host.name) {
    return [];
  }
  return [
    {
      check: "hostname",
      found: `the machine at ${host.address} calls itself ${hostname}, which is ${other.host.address} in the cluster file`,
      needed: `a machine that is not named like another entry: are the addresses of ${host.name} and ${other.host.name} swapped?`,
      fix: `correct the addresses in the cluster file, or hostnamectl set-hostname ${host.name}`
    }
  ];
}
function judgePeer({ hosts }, host, facts) {
  const other = hosts.find(({ name, address }) => name !== host.name && peerName(address) === facts["weave-peer"]);
  if (other === void 0) {
    return [];
  }
  return [
    {
      check: "weave peer",
      found: `/etc/default/weave has the peer name ${facts["weave-peer"]}, which is that of ${label(other)}`,
      needed: `a peer name of its own (${peerName(host.address)}); this looks like a copy of that host's disk`,
      fix: "reinstall the host; or, if only the address was changed, stop weave.service and deploy that other host first"
    }
  ];
}
function judgeArtifacts({ artifacts, required }, facts) {
  const platforms = platformsOf(facts);
  const missing = required.filter(
    (name) => !artifacts.some((artifact) => artifact.name === name && platforms.includes(artifact.platform))
  );
  if (missing.length === 0) {
    return [];
  }
  return [
    {
      check: "artifacts",
      found: `artifacts.lock.json has no ${missing.join(", ")} for ${platforms.at(-1)}`,
      needed: "every artifact for the host's platform",
      fix: lockFix
    }
  ];
}

// commands/preflight/judge/clocks.ts
var clockLimits = { warning: 2, problem: 10 };
function judgeClocks(inventory, clocks) {
  const present = inventory.hosts.flatMap((host) => {
    const clock = clocks.get(host.name);
    return clock === void 0 ? [] : [{ host, clock }];
  });
  if (present.length < 2) {
    return [];
  }
  const middle = median(present.map(({ clock }) => clock.ahead));
  return present.flatMap(({ host, clock }) => clockFinding(host, clock.ahead - middle, clock.uncertain));
}
function median(values) {
  const sorted = [...values, ...values.length % 2 === 0 ? [0] : []].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) / 2] ?? 0;
}
function clockFinding({ name }, skew, uncertain) {
  const sure = Math.abs(skew) - uncertain;
  if (sure <= clockLimits.warning) {
    return [];
  }
  return [
    {
      host: name,
      check: "clock",
      found: `the clock is ${showDuration(Math.abs(skew))} ${skew > 0 ? "ahead of" : "behind"} most hosts`,
      needed: `less than ${clockLimits.warning} s of difference`,
      fix: "timedatectl set-ntp true (with systemd-timesyncd or chrony installed), and look at timedatectl status",
      ...sure <= clockLimits.problem ? { warning: true } : {}
    }
  ];
}
function showDuration(seconds) {
  if (seconds < 120) {
    return `${seconds.toFixed(1)} s`;
  }
  if (seconds < 7200) {
    return `${Math.round(seconds / 60)} minutes`;
  }
  return seconds < 172800 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86400)} days`;
}

// cluster/ipv4.ts
var import_node_net = require("node:net");
function toNumber(address) {
  return address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
}
function toAddress(number) {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}
function rangeAround(address, prefix) {
  const size = 2 ** (32 - prefix);
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1, prefix };
}
function parse(text) {
  const [address = "", prefix = "32"] = text.split("/");
  return (0, import_node_net.isIPv4)(address) ? rangeAround(toNumber(address), Number(prefix)) : void 0;
}
var show = ({ first, prefix }) => `${toAddress(first)}/${prefix}`;
function overlap(one, other) {
  const [a, b] = [parse(one), parse(other)];
  return a !== void 0 && b !== void 0 && a.first <= b.last && b.first <= a.last;
}
function within(address, range) {
  return overlap(`${address}/32`, range);
}
function smallestRange(numbers) {
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  let range = rangeAround(low, 32);
  while (range.last < high) {
    range = rangeAround(low, range.prefix - 1);
  }
  return range;
}
var spare = 4;
var widest = 24;
function narrowRangesOf(addresses) {
  const split = (numbers) => {
    if (numbers.length < 2) {
      return numbers.map(toAddress);
    }
    const range = smallestRange(numbers);
    const size = range.last - range.first + 1;
    if (range.prefix >= widest && size <= spare * numbers.length) {
      return [show(range)];
    }
    const middle = range.first + size / 2;
    return [
      ...split(numbers.filter((number) => number < middle)),
      ...split(numbers.filter((number) => number >= middle))
    ];
  };
  return split([...new Set(addresses)].map(toNumber));
}

// commands/preflight/judge/faults.ts
function faults(tried) {
  const found = [];
  let open = tried.filter(({ failed }) => failed);
  const settle = (host, kind, all2) => {
    const failures = open.filter(({ from, to }) => (kind === "not reached" ? to : from) === host);
    if (!all2 && failures.length === 0) {
      return;
    }
    found.push({ host, kind, failures, all: all2 });
    open = open.filter((failure) => !failures.includes(failure));
  };
  const hosts = [...new Set(tried.flatMap(({ from, to }) => [to, from]))];
  const shut = hosts.filter((host) => {
    const inbound = tried.filter(({ to }) => to === host);
    return inbound.length > 0 && inbound.every(({ failed }) => failed);
  });
  const mute = hosts.filter((host) => {
    const outbound = tried.filter(({ from, to }) => from === host && !shut.includes(to));
    return outbound.length > 1 && outbound.every(({ failed }) => failed);
  });
  for (const host of shut) {
    settle(host, "not reached", true);
  }
  for (const host of mute) {
    settle(host, "does not reach", true);
  }
  for (const host of hosts) {
    settle(host, "not reached", false);
  }
  return found;
}

// commands/preflight/judge/firewall.ts
function ufw({ protocol, ports: ports2, sources }) {
  return sources.map((source) => `ufw allow from ${source} to any port ${ports2.join(",")} proto ${protocol}`);
}
function firewalld({ protocol, ports: ports2, sources }) {
  return sources.flatMap(
    (source) => ports2.map(
      (port) => `firewall-cmd --permanent --add-rich-rule='rule family=ipv4 source address=${source} port port=${port} protocol=${protocol} accept'`
    )
  );
}
function nft({ protocol, ports: ports2, sources }) {
  const source = sources.length === 1 ? sources[0] : `'{ ${sources.join(", ")} }'`;
  return [`nft insert rule inet filter input ip saddr ${source} ${protocol} dport '{ ${ports2.join(", ")} }' accept`];
}
function iptables({ protocol, ports: ports2, sources }) {
  const match = ports2.length === 1 ? `--dport ${ports2[0]}` : `-m multiport --dports ${ports2.join(",")}`;
  return [`iptables -I INPUT -s ${sources.join(",")} -p ${protocol} ${match} -j ACCEPT`];
}
var firewalls = /* @__PURE__ */ new Map([
  ["ufw", ufw],
  ["firewalld", firewalld],
  ["nft", nft],
  ["iptables", iptables]
]);
function firewallCommand(firewall, ports2, sources) {
  const open = firewalls.get(firewall) ?? iptables;
  const commands = ["tcp", "udp"].flatMap((protocol) => {
    const numbers = ports2.filter((port) => port.endsWith(`/${protocol}`)).map((port) => port.replace(/\/.*/, ""));
    return numbers.length === 0 ? [] : open({ protocol, ports: numbers, sources });
  });
  return [...commands, ...firewall === "firewalld" ? ["firewall-cmd --reload"] : []].join(" && ");
}

// commands/preflight/judge/labels.ts
function labels({ hosts }, names2) {
  const named = hosts.filter(({ name }) => names2.includes(name));
  const shown = named.slice(0, 3).map(label).join(", ");
  return named.length > 3 ? `${shown} and ${named.length - 3} more` : shown;
}

// commands/preflight/judge/connections.ts
function judgeConnections(inventory, facts, connections) {
  const judged = connections.filter(({ to, port }) => !wordsOf(facts.get(to)?.["taken-ports"]).includes(port));
  return groupsOf(judged).map((group) => ({
    host: group.fault.host,
    ...connectionJudgement(inventory, facts.get(group.fault.host)?.firewall ?? "iptables", group)
  }));
}
function groupsOf(connections) {
  const tried = connections.map((connection) => ({ ...connection, failed: connection.outcome !== "ok" }));
  const groups2 = /* @__PURE__ */ new Map();
  for (const port of [...new Set(connections.map(({ port: port2 }) => port2))].sort(byNumber)) {
    for (const fault of faults(tried.filter((one) => one.port === port))) {
      const outcome = [...new Set(fault.failures.map(({ outcome: outcome2 }) => outcome2))].join(" or ");
      const pairs = fault.failures.map(({ from, to }) => `${from} ${to}`);
      const key = [fault.host, fault.kind, outcome, ...pairs].join("|");
      const group = groups2.get(key) ?? { fault, outcome, ports: [] };
      group.ports.push(port);
      groups2.set(key, group);
    }
  }
  return [...groups2.values()];
}
function connectionJudgement(inventory, firewall, { fault, outcome, ports: ports2 }) {
  const { host, kind, failures, all: all2 } = fault;
  const peers = failures.map(({ from, to }) => kind === "not reached" ? from : to);
  const who = all2 && inventory.hosts.length > 2 ? "any other host" : labels(inventory, peers);
  const list = ports2.join(", ");
  const these = ports2.length > 1 ? "these ports" : "this port";
  const check = "links";
  const stranger = /^answered by/.test(outcome) ? `find the other machine that has the address ${inventory.hosts.find(({ name }) => name === host)?.address}` : void 0;
  if (kind === "does not reach") {
    return {
      check,
      found: `does not reach ${list} of ${who} (${outcome})`,
      needed: `connections to ${these} of the other hosts`,
      fix: stranger ?? `iptables -S OUTPUT (on ${host}) and the switch between them show what blocks it`
    };
  }
  const others = inventory.hosts.filter(({ name }) => name !== host).map(({ address }) => address);
  return {
    check,
    found: `${list} not reached from ${who} (${outcome})`,
    needed: `${these} open for the other hosts of the cluster`,
    fix: stranger ?? firewallCommand(firewall, ports2, narrowRangesOf(others))
  };
}
function byNumber(a, b) {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10) || a.localeCompare(b);
}

// commands/preflight/judge/packet-sizes.ts
var fastDatapathHeader = 84;
var weaveMtu = 1376;
function judgePacketSizes(inventory, packetSizes) {
  const known = packetSizes.filter(({ answered }) => answered > 0);
  const lost = atFault(known, ({ sent, answered }) => answered < sent).map((fault) => lostFinding(inventory, fault));
  const { fastDatapath: fastDatapath2, mtu = weaveMtu } = inventory.settings.weave;
  if (lost.length > 0 || !fastDatapath2) {
    return lost;
  }
  const wanted = mtu + fastDatapathHeader;
  return atFault(known, ({ answered }) => answered < wanted).map((fault) => narrowFinding(inventory, fault, mtu));
}
function atFault(known, fails) {
  const found = faults(known.map((sizes) => ({ ...sizes, failed: fails(sizes) })));
  return [...new Set(found.map(({ host }) => host))].map((name) => ({
    host: name,
    failures: found.filter(({ host }) => host === name).flatMap(({ failures }) => failures)
  }));
}
var between = (inventory, { host, failures }) => `between this host and ${labels(
  inventory,
  failures.map(({ from, to }) => to === host ? from : to)
)}`;
function lostFinding(inventory, fault) {
  const sent = Math.max(...fault.failures.map((sizes) => sizes.sent));
  const answered = Math.min(...fault.failures.map((sizes) => sizes.answered));
  return {
    host: fault.host,
    check: "mtu",
    found: `packets of ${sent} bytes get lost ${between(inventory, fault)}; those of ${answered} arrive`,
    needed: "a network that carries what the hosts' interfaces send, or reports what it cannot carry",
    fix: `ip link set dev INTERFACE mtu ${answered} on all hosts, or a larger MTU in the switches and tunnels between them`
  };
}
function narrowFinding(inventory, fault, mtu) {
  const answered = Math.min(...fault.failures.map((sizes) => sizes.answered));
  return {
    host: fault.host,
    check: "mtu",
    found: `the network carries packets of ${answered} bytes ${between(inventory, fault)}`,
    needed: `${mtu + fastDatapathHeader} bytes: ${mtu} of weave.mtu and ${fastDatapathHeader} for Weave Net's header`,
    fix: `set weave.mtu: ${answered - fastDatapathHeader} in the cluster file`
  };
}

// commands/preflight/judge/network.ts
function judgeNetwork(inventory, facts, { connections, packetSizes, clocks }) {
  return [
    ...judgeConnections(inventory, facts, connections),
    ...judgePacketSizes(inventory, packetSizes),
    ...judgeClocks(inventory, clocks)
  ];
}

// commands/preflight/judge/deploy.ts
function judgeDeploy(facts, deployer) {
  const by = facts["deploy-by"];
  if (by === void 0 || by === deployer) {
    return [];
  }
  return [
    {
      check: "deploy",
      found: `a deploy has this host: ${by}, from ${facts["deploy-from"]}, since ${facts["deploy-since"]}`,
      needed: "one deploy at a time",
      fix: "wait until it has ended; if it was broken off: deploy there again, or run scripts/recover here and deploy",
      ...deployer === void 0 ? { warning: true } : {}
    }
  ];
}

// commands/preflight/judge/kernel.ts
var bridgesAndRules = {
  bridge: "bridge",
  veth: "veth",
  "br-netfilter": "br_netfilter",
  "match-conntrack": "xt_conntrack",
  "match-addrtype": "xt_addrtype",
  "match-comment": "xt_comment",
  masquerade: "xt_MASQUERADE"
};
var nftTables = { "nf-tables": "nf_tables", "nft-compat": "nft_compat" };
var legacyTables = { "ip-tables": "ip_tables" };
var fastDatapath = { openvswitch: "openvswitch", vxlan: "vxlan" };
function lacking(facts, features) {
  return Object.entries(features).flatMap(
    ([fact, name]) => ["no", "unloadable"].includes(facts[`kernel-${fact}`] ?? "unknown") ? [name] : []
  );
}
function judgeKernel({ settings }, facts) {
  const release = facts.kernel ?? "unknown";
  const install = kernelFix(facts);
  const missing = [...lacking(facts, bridgesAndRules), ...lacking(facts, tablesOf(facts))];
  const slow = settings.weave.fastDatapath ? lacking(facts, fastDatapath) : [];
  const judgements = [];
  if (missing.length > 0) {
    judgements.push({
      check: "kernel",
      found: `kernel ${release} has no ${missing.join(", ")}`,
      needed: "what Docker's and Weave Net's bridges and iptables rules are built on",
      fix: install
    });
  }
  if (slow.length > 0) {
    judgements.push({
      check: "kernel",
      found: `kernel ${release} has no ${slow.join(", ")}`,
      needed: "openvswitch and vxlan for Weave Net's fast datapath",
      fix: `set weave.fastDatapath: false in the cluster file (every packet then goes through user space), or ${install}`
    });
  }
  return judgements;
}
function kernelFix(facts) {
  const own = distributionOf(facts.os ?? "");
  const offered = own === void 0 ? distributions : [own];
  const packages = (names2) => names2.filter((name) => name !== void 0).join(" or ");
  const kernels = packages(offered.map(({ kernelPackage }) => kernelPackage(architectureOf(facts.arch ?? "amd64"))));
  const unloadable = Object.entries(facts).some(
    ([name, value]) => name.startsWith("kernel-") && value === "unloadable"
  );
  if (!unloadable) {
    return `boot a kernel of the distribution (apt-get install ${kernels})`;
  }
  const modules = packages(offered.map(({ modulesPackage }) => modulesPackage?.(facts.kernel ?? "unknown")));
  return `reboot, if a newer kernel was installed; else apt-get install ${modules || kernels}`;
}
function tablesOf(facts) {
  if (facts.iptables === "legacy") {
    return legacyTables;
  }
  if (facts.iptables !== void 0) {
    return nftTables;
  }
  const either2 = [nftTables, legacyTables].some((tables) => lacking(facts, tables).length === 0);
  return either2 ? {} : nftTables;
}
var nftWeave = { images: "rajchaudhuri", from: "2.9.0" };
function judgeIptables({ settings: { weave } }, facts) {
  const mixed = weave.images === nftWeave.images && compareVersions(weave.version, nftWeave.from) >= 0;
  if (facts.iptables !== "legacy" || !mixed) {
    return [];
  }
  return [
    {
      check: "iptables",
      found: "the iptables command writes legacy rules",
      needed: `iptables on nf_tables, as Weave Net ${weave.version} has it in its images: rules of both kinds do not see each other`,
      fix: "update-alternatives --set iptables /usr/sbin/iptables-nft && systemctl restart docker"
    }
  ];
}

// commands/preflight/judge/membership.ts
var elsewhere = "remove the host in one deploy and add it with the new value in the next";
function judgeMembership({ name, hosts, settings }, host, facts) {
  const { cluster } = facts;
  if (cluster !== void 0 && cluster !== name) {
    return [
      {
        check: "cluster",
        found: `the host belongs to the cluster ${cluster}`,
        needed: `a host of this cluster (${name}), or one that belongs to none`,
        fix: `remove it from ${cluster} first (or destroy ${cluster}); if ${cluster} is this cluster's old name, put that name back`
      }
    ];
  }
  return [
    ...unchanged("consul.datacenter", facts["consul-datacenter"], settings.consul.datacenter),
    ...unchanged("consul.dataDir", facts["consul-data-dir"], settings.consul.dataDir),
    ...judgeMoved(hosts, host, facts["weave-peer"])
  ];
}
function unchanged(field, inUse, wanted) {
  if (inUse === void 0 || inUse === wanted) {
    return [];
  }
  return [
    {
      check: "cluster",
      found: `${field} is ${inUse} on the host, and ${wanted} in the cluster file`,
      needed: `${inUse}: it cannot change on a host that is a member`,
      fix: `put it back, or ${elsewhere}`
    }
  ];
}
function judgeMoved(hosts, { address }, peer) {
  if (peer === void 0 || hosts.some((host) => peerName(host.address) === peer)) {
    return [];
  }
  const former = peer.split(":").slice(2).map((byte) => Number.parseInt(byte, 16)).join(".");
  return [
    {
      check: "cluster",
      found: `the host joined the cluster as ${former}, and is ${address} in the cluster file`,
      needed: `${former}: the address of a member cannot change`,
      fix: `give the host ${former} again, or ${elsewhere}`
    }
  ];
}

// commands/preflight/judge/one-host.ts
function judgeHost(inventory, host, facts, deployer) {
  return [
    ...judgeSystem(host, facts),
    ...judgeMembership(inventory, host, facts),
    ...judgeDeploy(facts, deployer),
    ...judgeKernel(inventory, facts),
    ...judgeIptables(inventory, facts),
    ...judgeDisks(inventory, facts),
    ...judgeMemory(facts),
    ...judgeRange(inventory, facts),
    ...judgeNames(facts)
  ].map((judgement) => ({ host: host.name, ...judgement }));
}
function judgeRange({ settings: { weave } }, facts) {
  const ours = facts["weave-peer"] === void 0 ? [] : ["weave"];
  const routes = wordsOf(facts.routes).flatMap((route) => {
    const [network = "", device = ""] = route.split("@");
    return !ours.includes(device) && overlap(network, weave.range) ? [`a route to ${network} by ${device}`] : [];
  });
  const servers = wordsOf(facts.nameservers).filter((address) => within(address, weave.range)).map((address) => `the name server ${address}`);
  const found = [...routes, ...servers];
  if (found.length === 0) {
    return [];
  }
  return [
    {
      check: "range",
      found: `${found.join(" and ")}, within weave.range ${weave.range}`,
      needed: "a range for containers that the host uses for nothing else",
      fix: "set weave.range in the cluster file to a free one, such as 10.96.0.0/12 or 172.24.0.0/14"
    }
  ];
}
function judgeNames(facts) {
  const names2 = wordsOf(facts.unresolved);
  if (names2.length === 0) {
    return [];
  }
  const servers = facts.nameservers ? `its name servers are ${facts.nameservers}` : "it has no name server";
  const fetched = facts["installed-consul"] === "yes" && facts["images-missing"] === "0";
  return [
    {
      check: "dns",
      found: `cannot resolve ${names2.join(", ")}; ${servers}`,
      needed: "the addresses of the machines that artifacts come from",
      fix: "correct the name servers in /etc/resolv.conf, or set artifacts.mirror with an IP address, or artifacts.directory, in the cluster file",
      // With everything installed, nothing has to be fetched.
      ...fetched ? { warning: true } : {}
    }
  ];
}

// commands/preflight/probe-network.ts
var import_node_crypto = require("node:crypto");

// cluster/ports.ts
var always = () => true;
var never = () => false;
var server = ({ consul }) => consul === "server";
var tcp = ["tcp"];
var udp = ["udp"];
var both = ["tcp", "udp"];
var ports = {
  consulServer: {
    number: 8300,
    protocols: tcp,
    service: "consul",
    label: "Consul RPC",
    openOn: server,
    reachedBy: always,
    where: "Consul servers",
    from: "every host"
  },
  consulSerfWan: {
    number: 8302,
    protocols: both,
    service: "consul",
    label: "Consul gossip between datacenters",
    openOn: server,
    reachedBy: server,
    where: "Consul servers",
    from: "Consul servers"
  },
  consulSerfLan: {
    number: 8301,
    protocols: both,
    service: "consul",
    label: "Consul gossip",
    openOn: always,
    reachedBy: always,
    where: "every host",
    from: "every host"
  },
  consulHttp: {
    number: 8500,
    protocols: tcp,
    service: "consul",
    label: "Consul HTTP API and UI",
    openOn: always,
    reachedBy: always,
    where: "every host",
    from: "every host"
  },
  consulDns: {
    number: 8600,
    protocols: both,
    service: "consul",
    label: "Consul DNS",
    openOn: always,
    reachedBy: never,
    where: "every host",
    from: "nobody"
  },
  consulGrpcTls: {
    number: 8503,
    protocols: tcp,
    service: "consul",
    label: "Consul gRPC",
    openOn: (host, { consul }) => server(host) && compareVersions(consul.version, "1.14") >= 0,
    reachedBy: never,
    where: "Consul servers (1.14 and newer)",
    from: "nobody"
  },
  weavePeers: {
    number: 6783,
    protocols: both,
    service: "weave",
    label: "Weave Net peers",
    openOn: always,
    reachedBy: always,
    where: "every host",
    from: "every host"
  },
  weaveFastDatapath: {
    number: 6784,
    protocols: udp,
    service: "weave",
    label: "Weave Net fast datapath",
    openOn: (_, { weave }) => weave.fastDatapath,
    reachedBy: always,
    where: "every host (with `weave.fastDatapath`)",
    from: "every host"
  },
  weaveProxy: {
    number: 12375,
    protocols: tcp,
    service: "weave",
    label: "Docker API through Weave's proxy",
    openOn: always,
    reachedBy: (from, to) => from.manager && to.agent,
    where: "every host",
    from: "Swarm managers, and the machine that runs Terraform"
  },
  weaveStatus: {
    number: 6782,
    protocols: tcp,
    service: "weave",
    label: "Weave Net metrics",
    openOn: always,
    reachedBy: never,
    where: "every host, on loopback",
    from: "nobody"
  },
  weaveApi: {
    number: 6784,
    protocols: tcp,
    service: "weave",
    label: "Weave Net control API",
    openOn: always,
    reachedBy: never,
    where: "every host, on loopback",
    from: "nobody"
  },
  weaveDns: {
    number: 53,
    protocols: both,
    service: "weave-dns",
    label: "Weave DNS",
    openOn: (_, { weave }) => weave.dns,
    reachedBy: never,
    where: "every host, on docker0 (with `weave.dns`)",
    from: "its own containers"
  },
  swarmManager: {
    number: 4e3,
    protocols: tcp,
    service: "swarm",
    label: "Docker API of the Swarm",
    openOn: ({ manager }) => manager,
    reachedBy: ({ manager }) => manager,
    where: "Swarm managers",
    from: "Swarm managers, and whoever uses the cluster"
  }
};
var all = Object.values(ports);
var names = ({ number, protocols }) => protocols.map((protocol) => `${number}/${protocol}`);
function portsBetween(from, to) {
  const needed = new Set(all.filter((port) => port.reachedBy(from, to)).flatMap(names));
  return to.ports.map((open) => open.split("/").slice(0, 2).join("/")).filter((name) => needed.has(name));
}

// ssh/session.ts
function perlSession(open, host, program, args) {
  const command = `if [ "$(id -u)" = 0 ]; then exec perl - "$@"; else exec sudo -n perl - "$@"; fi`;
  const child = open(host, ["sh -c", shellWord(command), "sh", ...args.map(shellWord)].join(" "));
  return session(child, `${program}
__END__
`);
}
function session(child, firstInput) {
  let [unread, errors, ended] = ["", "", false];
  let wake = () => {
  };
  const change = (also) => {
    also();
    wake();
  };
  child.stdout.setEncoding("utf8").on(
    "data",
    (text) => change(() => {
      unread += text;
    })
  );
  child.stderr.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  const onEnd = () => change(() => {
    ended = true;
  });
  child.on("error", (error) => {
    errors += error.message;
    onEnd();
  });
  child.on("close", onEnd);
  child.stdin.on("error", () => {
  }).write(firstInput);
  return {
    async ask(request, seconds) {
      const asked = Date.now() / 1e3;
      if (request !== "" && !ended) {
        child.stdin.write(`${request}
`);
      }
      let late = false;
      const timer = setTimeout(
        () => change(() => {
          late = true;
        }),
        seconds * 1e3
      );
      try {
        for (; ; ) {
          const found = /^ok\r?\n/m.exec(unread);
          if (found) {
            const lines = unread.slice(0, found.index).split(/\r?\n/).slice(0, -1);
            unread = unread.slice(found.index + found[0].length);
            return { lines, asked, answered: Date.now() / 1e3 };
          }
          if (ended || late) {
            return void 0;
          }
          await new Promise((resolve2) => {
            wake = resolve2;
          });
        }
      } finally {
        clearTimeout(timer);
      }
    },
    end() {
      child.stdin.end();
      setTimeout(() => child.kill("SIGKILL"), 2e3).unref();
      return errors;
    }
  };
}

// commands/preflight/probe-network.ts
var fullMatrix = 20;
var ringNeighbours = 3;
var groupSize = 60;
var silenceSeconds = 2.5;
function groups(hosts) {
  const count = Math.ceil(hosts.length / groupSize);
  return Array.from({ length: count }, (_, group) => hosts.filter((_2, i) => i % count === group));
}
function targetsOf(group, host) {
  const others = group.length <= fullMatrix ? group.length - 1 : ringNeighbours;
  const start = group.indexOf(host);
  return Array.from({ length: others }, (_, i) => group[(start + 1 + i) % group.length]);
}
async function probeNetwork({ hosts, settings }, program, open, quiet) {
  const found = {
    connections: [],
    packetSizes: [],
    clocks: /* @__PURE__ */ new Map(),
    silent: /* @__PURE__ */ new Map()
  };
  for (const group of groups(hosts)) {
    const members = group.map((host) => ({
      host,
      session: perlSession(open, host, program, [host.name, host.address])
    }));
    try {
      await probeGroup(members, settings.ssh.timeoutSeconds, quiet, found);
    } finally {
      for (const { host, session: session2 } of members) {
        const errors = session2.end();
        if (!found.clocks.has(host.name)) {
          found.silent.set(host.name, lastLine(errors) || "no answer");
        }
      }
    }
  }
  return found;
}
async function probeGroup(group, loginSeconds, quiet, found) {
  const ready = await onAll(group, ({ session: session2 }) => session2.ask("", loginSeconds + 5));
  const present = group.filter((_, i) => ready[i] !== void 0);
  const hosts = present.map(({ host }) => host);
  const ask = async (request, seconds) => {
    const replies = await onAll(present, ({ host, session: session2 }) => session2.ask(request(host), seconds));
    return new Map(hosts.map((host, i) => [host, replies[i]]));
  };
  for (const [{ name }, reply] of await ask(() => "clock", 10)) {
    const clock = clockOf(reply);
    if (clock) {
      found.clocks.set(name, clock);
    }
  }
  await quiet;
  const listening = await listen(ask, hosts);
  const probed = await ask((host) => probeRequest(host, hosts, listening), silenceSeconds + 10);
  const arrived = arrivalsIn(await ask(() => "arrived", 10));
  for (const [{ name: from }, reply] of probed) {
    for (const [to = "", port = "", ...outcome] of words(reply, "link")) {
      const oneWay = outcome[0] === "no" && arrived.has(`${from} ${to} ${port}`);
      const how = oneWay ? "arrives, but the answer does not" : outcome.join(" ");
      found.connections.push({ from, to, port, outcome: how });
    }
    for (const [to = "", sent, answered] of words(reply, "mtu")) {
      found.packetSizes.push({ from, to, sent: Number(sent), answered: Number(answered) });
    }
  }
}
function clockOf(reply) {
  const time = Number(words(reply, "clock")[0]?.[0]);
  if (reply === void 0 || !Number.isFinite(time)) {
    return void 0;
  }
  const { asked, answered } = reply;
  return { ahead: time - (asked + answered) / 2, uncertain: (answered - asked) / 2 };
}
function listen(ask, hosts) {
  const token = (0, import_node_crypto.randomBytes)(6).toString("hex");
  return ask((host) => {
    const wanted = hosts.filter((other) => other !== host).flatMap((other) => portsBetween(other, host));
    return ["listen", token, ...new Set(wanted)].join(" ");
  }, 10);
}
function probeRequest(host, hosts, listening) {
  const targets = targetsOf(hosts, host).map((to) => {
    const ports2 = portsBetween(host, to).flatMap((port) => asTarget(listening.get(to), port));
    return ["target", to.name, to.address, ...ports2].join(" ");
  });
  return [...targets, `probe ${silenceSeconds}`].join("\n");
}
function asTarget(listening, port) {
  const says = (what) => words(listening, what).some(([first]) => first === port);
  if (listening === void 0 || says("failed")) {
    return [];
  }
  if (!says("busy")) {
    return [port];
  }
  return port.endsWith("/tcp") ? [`${port}+`] : [];
}
function arrivalsIn(replies) {
  const lines = [...replies].flatMap(
    ([to, reply]) => words(reply, "arrived").map(([from, port]) => `${from} ${to.name} ${port}`)
  );
  return new Set(lines);
}
function words(reply, first) {
  return (reply?.lines ?? []).map((line) => line.trim().split(/\s+/)).filter(([word]) => word === first).map(([, ...rest]) => rest);
}

// commands/preflight/report.ts
function preflightReport(inventory, { findings, facts, undecided, network }, paint = unpainted) {
  const total = plural(inventory.hosts.length, "host");
  const problems = findings.filter(({ warning }) => !warning);
  const warnings = findings.length - problems.length;
  const warned = warnings > 0 ? `, ${plural(warnings, "warning")}` : "";
  const unknown = inventory.hosts.flatMap((host) => {
    const reason = undecided.get(host.name);
    return reason === void 0 ? [] : [[label(host), "could not tell", reason]];
  });
  const table = [...findingsTable(inventory, findings, paint), ...columns(unknown)];
  if (problems.length === 0 && unknown.length === 0) {
    const rows = inventory.hosts.map((host) => [label(host), describe(inventory, facts.get(host.name) ?? {})]);
    const { length } = network.connections;
    const tried = length > 0 ? `, ${plural(length, "connection")} between them tried` : "";
    const summary2 = `preflight: no problem on ${total}${warned}${tried}`;
    return { lines: [...columns(rows), ...table, paint("green", summary2)], status: 0 };
  }
  const bad = new Set(problems.map(({ host }) => host)).size;
  const summary = [
    problems.length > 0 ? `${plural(problems.length, "problem")} on ${bad} of ${total}${warned}` : "",
    unknown.length > 0 ? `could not tell about ${unknown.length} of ${total}` : ""
  ].filter((part) => part !== "");
  return {
    lines: [...table, paint("red", `preflight: ${summary.join("; ")}; nothing was changed`)],
    status: problems.length > 0 ? 1 : 2
  };
}
function describe(inventory, facts) {
  const parts = [facts.os, facts.arch, `kernel ${facts.kernel}`, engine(inventory, facts), datapath(inventory, facts)];
  return parts.join(", ");
}
function engine({ settings, artifacts }, facts) {
  const { "engine-min-api": from, "engine-api": to } = facts;
  if (facts.engine !== "absent") {
    return `Docker Engine ${facts.engine} (${from === void 0 ? "not running yet" : `API ${from} to ${to}`})`;
  }
  const { package: name } = settings.docker;
  const version = artifacts.find((artifact) => artifact.name === `package:docker-engine:${name}`)?.version;
  return `no Docker Engine yet; the deploy installs ${name}${version === void 0 ? "" : ` ${version}`}`;
}
function datapath({ settings }, facts) {
  if (!settings.weave.fastDatapath) {
    return "no fast datapath (cluster file)";
  }
  const known = ["openvswitch", "vxlan"].every((feature) => facts[`kernel-${feature}`] === "yes");
  return known ? "fast datapath" : "fast datapath if the kernel has openvswitch, which the host does not reveal";
}

// commands/preflight/preflight.ts
async function lookAtHosts(inventory, script, run, probe, deployer) {
  const facts = /* @__PURE__ */ new Map();
  const undecided = /* @__PURE__ */ new Map();
  const findings = [];
  const looked = onAll(inventory.hosts, async (host) => ({
    host,
    result: await run(host, script, scriptArguments(inventory, host))
  }));
  const [answers, network] = await Promise.all([looked, probe(looked)]);
  for (const { host, result } of answers) {
    const view = viewOf(inventory, host, result, { silence: network.silent.get(host.name), deployer });
    findings.push(...view.findings);
    if (view.facts) {
      facts.set(host.name, view.facts);
    }
    if (view.undecided !== void 0) {
      undecided.set(host.name, view.undecided);
    }
  }
  return {
    findings: [...findings, ...judgeAllHosts(inventory, facts), ...judgeNetwork(inventory, facts, network)],
    facts,
    undecided,
    network
  };
}
function viewOf(inventory, host, result, { silence: silence2, deployer }) {
  const report = parseReport(host.name, result.stdout);
  if (!report.complete) {
    const unreached = explainContact(inventory, host, result);
    if (unreached) {
      return { findings: [unreached] };
    }
    const reason = lastLine(result.stderr) || `status ${result.status}`;
    return { findings: [], undecided: `the checks ended early: ${reason}` };
  }
  const { facts } = report;
  const findings = [...report.findings, ...judgeHost(inventory, host, facts, deployer)];
  if (silence2 === void 0) {
    return { findings, facts };
  }
  if (/perl: (command )?not found|exec: perl/.test(silence2)) {
    return { findings: [...findings, { host: host.name, ...noPerl }], facts };
  }
  return { findings, facts, undecided: `could not try the other hosts' ports: ${silence2}` };
}
var noPerl = {
  check: "links",
  found: "there is no perl",
  needed: "perl-base",
  fix: "apt-get install perl-base"
};
function scriptArguments({ settings, required, sources }, { ports: ports2 }) {
  const images = required.filter((name) => name.startsWith("image:")).map((name) => name.slice("image:".length));
  return [
    `data_dir=${settings.consul.dataDir}`,
    `images=${[...images, settings.verify.image].join(",")}`,
    `ports=${ports2.join(",")}`,
    `names=${sources.join(",")}`
  ];
}
async function runPreflight(inventory, programs, { json = false, deployer } = {}) {
  endOnSignals("preflight");
  const { say, done } = progress("preflight");
  const many = inventory.hosts.length > 1;
  say(`looking at ${plural(inventory.hosts.length, "host")}${many ? ", which try each other's ports" : ""}`);
  const result = await withHosts(
    inventory,
    (run, open) => lookAtHosts(
      inventory,
      programs.host,
      run,
      (looked) => probeNetwork(inventory, programs.portProbe, open, looked),
      deployer
    )
  ).finally(done);
  const { lines, status } = preflightReport(inventory, result, painter());
  if (json) {
    console.log(JSON.stringify(preflightJson(inventory, result, status), void 0, 2));
  } else {
    for (const line of lines) {
      console.log(line);
    }
  }
  return status;
}

// scripts/host/probes/port-probe.pl
var port_probe_default = `# A host's side of the preflight's question "who reaches whom": listens for some seconds on the ports that the cluster is
# going to use, tries those of other hosts, and measures what size of packet gets through. Changes nothing.
#
#   perl - NAME ADDRESS < port-probe.pl, then requests, one a line, on the same input      (as root)
#
# Perl, since every Debian and Ubuntu has it (perl-base), while nc, socat, ping and python are often not there.
#
#   clock                      the time of this host
#   listen TOKEN PORT/PROTO \u2026  opens the ports on ADDRESS; answers \`busy PORT/PROTO\` where another program listens
#   target NAME ADDRESS PORT/PROTO \u2026
#                              remembers what to try: TCP+ stands for a port that a service of its own holds
#   probe SECONDS              tries all targets at once: \`link NAME PORT/PROTO OUTCOME\`, \`mtu NAME SENT ANSWERED\`
#   arrived                    who has sent datagrams to these ports: \`arrived NAME PORT/PROTO\`
#   end
#
# Every answer ends with a line \`ok\`; \`target\` has none. The ports close when the input ends, as it does when the
# connection breaks, and after LIFETIME seconds even when nobody notices that the operator's machine is gone.

use strict;
use warnings;
use Errno qw(EADDRINUSE EINPROGRESS EMSGSIZE);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use Socket;

use constant LIFETIME => 120;

# Bytes of the packets that are tried besides the largest that the interface sends: common MTUs, and some below.
my @sizes = (8000, 4000, 1500, 1492, 1480, 1460, 1450, 1420, 1400, 1350, 1280, 1000, 576, 100);

# Values of Linux that the module Socket of older systems does not name.
use constant { IP_MTU_DISCOVER => 10, IP_PMTUDISC_PROBE => 3, IP_MTU => 14 };

my ($name, $address) = @ARGV;
die "usage: port-probe.pl NAME ADDRESS\\n" unless defined $address;

# preflight.sh of another preflight that looks for holders of these ports knows this name.
$0 = 'multicast-swarm preflight';
alarm LIFETIME;
$| = 1;

my $token = '';
my %readable;      # file number => [socket, what to do when it can be read]
my %writable;
my @targets;
my %arrived;       # "NAME PORT/PROTO" => 1
my $probe;         # what is under way: { pending, results, until, \u2026 }
my $requests = '';

on_read(\\*STDIN, \\&read_requests);
print "ok\\n";
while (1) {
    turn(0.1);
    finish_probe() if $probe;
}

# ---- the loop ----

# The module Time::HiRes is not part of perl-base.
sub now {
    open my $uptime, '<', '/proc/uptime' or die "cannot read /proc/uptime: $!\\n";
    return (split ' ', <$uptime>)[0];
}

sub on_read  { my ($socket, $do) = @_; $readable{ fileno $socket } = [$socket, $do]; }
sub on_write { my ($socket, $do) = @_; $writable{ fileno $socket } = [$socket, $do]; }

sub forget {
    my ($socket) = @_;
    delete $readable{ fileno $socket };
    delete $writable{ fileno $socket };
    close $socket;
}

sub turn {
    my ($seconds) = @_;
    my ($read, $write) = ('', '');
    vec($read,  $_, 1) = 1 for keys %readable;
    vec($write, $_, 1) = 1 for keys %writable;
    return if select($read, $write, undef, $seconds) <= 0;
    for my $number (grep { vec($read, $_, 1) } keys %readable) {
        my $entry = $readable{$number} or next;
        $entry->[1]->($entry->[0]);
    }
    for my $number (grep { vec($write, $_, 1) } keys %writable) {
        my $entry = delete $writable{$number} or next;
        $entry->[1]->($entry->[0]);
    }
}

sub unblocked {
    my ($socket) = @_;
    fcntl($socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK) or die "cannot unblock a socket: $!\\n";
    return $socket;
}

# ---- requests ----

sub read_requests {
    my $count = sysread STDIN, $requests, 65536, length $requests;
    exit 0 unless $count;
    while ($requests =~ s/^(.*?)\\r?\\n//) {
        my ($what, @words) = split ' ', $1;
        next unless defined $what;
        if ($what eq 'clock') { chomp(my $time = \`date +%s.%N\`); print "clock $time\\nok\\n"; }
        elsif ($what eq 'listen') { listen_on(@words); print "ok\\n"; }
        elsif ($what eq 'target') { push @targets, [@words]; }
        elsif ($what eq 'probe') { start_probe(@words); }
        elsif ($what eq 'arrived') { print "arrived $_\\n" for sort keys %arrived; print "ok\\n"; }
        elsif ($what eq 'end') { exit 0; }
        else { die "unknown request $what\\n"; }
    }
}

# ---- listeners ----

sub listen_on {
    ($token, my @ports) = @_;
    for my $port (@ports) {
        my ($number, $protocol) = split m{/}, $port;
        my $socket = $protocol eq 'tcp' ? tcp_socket() : udp_socket();
        # Never for UDP: it would divert datagrams from a service that sets it too.
        setsockopt $socket, SOL_SOCKET, SO_REUSEADDR, pack 'i', 1 if $protocol eq 'tcp';
        if (!bind($socket, sockaddr_in($number, inet_aton($address))) || ($protocol eq 'tcp' && !listen($socket, 64))) {
            print $! == EADDRINUSE ? "busy $port\\n" : "failed $port $!\\n";
            close $socket;
            next;
        }
        unblocked($socket);
        on_read($socket, $protocol eq 'tcp' ? \\&accept_one : sub { answer_datagram($_[0], $port) });
    }
}

sub tcp_socket { socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "no socket: $!\\n"; return $socket; }
sub udp_socket { socket(my $socket, PF_INET, SOCK_DGRAM,  0) or die "no socket: $!\\n"; return $socket; }

sub accept_one {
    my ($listener) = @_;
    accept(my $socket, $listener) or return;
    syswrite $socket, "$token $name\\n";
    # The other side closes first: then no port here has to wait for late packets, and a service can have it at once.
    on_read(unblocked($socket), sub { my $read = sysread $_[0], my $rest, 512; forget($_[0]) unless $read; });
}

sub answer_datagram {
    my ($socket, $port) = @_;
    my $sender = recv($socket, my $text, 512, 0);
    return unless defined $sender && $text =~ /^\\Q$token\\E ([a-z0-9-]+)$/;
    $arrived{"$1 $port"} = 1;
    send $socket, "$token $name", 0, $sender;
}

# ---- probes ----

sub start_probe {
    my ($seconds) = @_;
    my $start = now();
    $probe = { until => $start + $seconds, mtu_until => $start + 0.8, pending => {}, datagrams => [], sent => $start };
    my $echo = echo_socket();
    my $sequence = 0;
    for my $target (@targets) {
        my ($to, $to_address, @ports) = @$target;
        for my $port (@ports) {
            my ($number, $protocol, $service) = $port =~ m{^(\\d+)/(tcp|udp)(\\+?)$} or die "bad port $port\\n";
            my $key = "$to $number/$protocol";
            $probe->{pending}{$key} = 1;
            my $peer = sockaddr_in($number, inet_aton($to_address));
            $protocol eq 'tcp' ? try_tcp($key, $peer, $to, $service) : try_udp($key, $peer, $to);
        }
        measure($echo, $to, $to_address, \\$sequence) if $echo;
    }
}

sub result {
    my ($key, $outcome) = @_;
    return unless delete $probe->{pending}{$key};
    print "link $key $outcome\\n";
}

# From the host's own address, as Consul and Weave Net send too.
sub from_here {
    my ($socket) = @_;
    bind $socket, sockaddr_in(0, inet_aton($address));
    return unblocked($socket);
}

# What the other side said, which should be "TOKEN NAME".
sub greeting {
    my ($text, $to) = @_;
    return 'ok' if $text eq "$token $to";
    return $text =~ /^\\Q$token\\E ([a-z0-9-]+)$/ ? "answered by $1" : 'answered by a stranger';
}

sub try_tcp {
    my ($key, $peer, $to, $service) = @_;
    my $socket = from_here(tcp_socket());
    if (!connect($socket, $peer) && $! != EINPROGRESS) {
        result($key, lc "$!");
        close $socket;
        return;
    }
    on_write($socket, sub {
        $! = unpack 'i', getsockopt($socket, SOL_SOCKET, SO_ERROR);
        if ($! || $service) {
            result($key, $! ? lc "$!" : 'ok');
            return forget($socket);
        }
        my $text = '';
        on_read($socket, sub {
            my $count = sysread $socket, $text, 512, length $text;
            return if $count && $text !~ s/\\n.*//s;
            result($key, greeting($text, $to));
            forget($socket);
        });
    });
}

sub try_udp {
    my ($key, $peer, $to) = @_;
    my $socket = from_here(udp_socket());
    connect $socket, $peer;
    # A refused datagram makes the next call fail, and is then seen when the socket is read.
    my $send = sub { send $socket, "$token $name", 0 };
    push @{ $probe->{datagrams} }, [$key, $send];
    $send->();
    on_read($socket, sub {
        my $from = recv($socket, my $text, 512, 0);
        result($key, defined $from ? greeting($text, $to) : lc "$!");
        forget($socket);
    });
}

# ---- packet size ----

# Echo requests that must not be cut in pieces. The hosts' kernels answer them, so this works beside running services.
sub echo_socket {
    socket(my $socket, PF_INET, SOCK_RAW, getprotobyname('icmp') || 1) or return;
    setsockopt $socket, 0, IP_MTU_DISCOVER, pack 'i', IP_PMTUDISC_PROBE or return;
    on_read(unblocked($socket), \\&read_echo);
    return $socket;
}

sub measure {
    my ($echo, $to, $to_address, $sequence) = @_;
    my $udp = from_here(udp_socket());
    connect $udp, sockaddr_in(9, inet_aton($to_address)) or return;
    my $largest = unpack 'i', getsockopt($udp, 0, IP_MTU) || pack 'i', 1500;
    close $udp;
    my $path = $probe->{paths}{$to} = { sent => $largest, answered => 0 };
    for my $size ($largest, grep { $_ < $largest } @sizes) {
        $$sequence++;
        $probe->{echoes}{$$sequence} = [$path, $size];
        my $payload = pack('C2 n3', 8, 0, 0, $$ & 0xffff, $$sequence) . "\\0" x ($size - 28);
        substr $payload, 2, 2, pack 'n', checksum($payload);
        send $echo, $payload, 0, sockaddr_in(0, inet_aton($to_address));
    }
}

sub checksum {
    my ($data) = @_;
    $data .= "\\0" if length($data) % 2;
    my $sum = unpack '%32n*', $data;
    $sum = ($sum >> 16) + ($sum & 0xffff) while $sum >> 16;
    return ~$sum & 0xffff;
}

sub read_echo {
    my ($socket) = @_;
    while (defined recv($socket, my $packet, 65536, 0)) {
        my $header = 4 * (ord($packet) & 15);
        next if length $packet < $header + 8;
        my ($type, undef, undef, $id, $number) = unpack 'C2 n3', substr $packet, $header, 8;
        next unless $probe && $type == 0 && $id == ($$ & 0xffff) && $probe->{echoes}{$number};
        my ($path, $size) = @{ $probe->{echoes}{$number} };
        $path->{answered} = $size if $size > $path->{answered};
    }
}

# ---- the end of a probe ----

sub finish_probe {
    my $now = now();
    my @paths = values %{ $probe->{paths} || {} };
    my $waiting = %{ $probe->{pending} } && $now < $probe->{until};
    $waiting ||= $now < $probe->{mtu_until} && grep { $_->{answered} < $_->{sent} } @paths;
    if ($waiting) {
        return if $now < $probe->{sent} + 0.25;
        $probe->{sent} = $now;
        for my $datagram (@{ $probe->{datagrams} }) {
            my ($key, $send) = @$datagram;
            $send->() if $probe->{pending}{$key};
        }
        return;
    }
    result($_, 'no answer') for sort keys %{ $probe->{pending} };
    for my $to (sort keys %{ $probe->{paths} || {} }) {
        print "mtu $to $probe->{paths}{$to}{sent} $probe->{paths}{$to}{answered}\\n";
    }
    @targets = ();
    undef $probe;
    print "ok\\n";
}
`;

// scripts/host/probes/preflight.sh
var preflight_default = `#!/bin/sh
# Looks at a host before anything is installed on it, and changes nothing.
#
#   cat ../steps/names.sh preflight-facts.sh preflight.sh |
#     sh -s -- data_dir=DIR images=REFERENCE,\u2026 ports=PORT/PROTOCOL/SERVICE,\u2026 names=NAME,\u2026       (as root)
#
# data_dir is Consul's; images are those that the deploy loads into the engine; ports are those that SERVICE (consul,
# weave, weave-dns, swarm) will listen on; names are those that the host has to resolve. Prints lines for a program to
# read:
#
#   fact NAME VALUE
#   problem CHECK | found \u2026 | needed \u2026 | fix: \u2026
#
# and \`fact end ok\` as the last one, so that a run that was cut short cannot pass for a good one. The problems are those
# that take the host itself to see: who holds a port, what is there that this project did not install. All others are
# judged from the facts by commands/preflight/judge/.
#
# Needs no more than a minimal Debian or Ubuntu has: sh, coreutils, find, sed, grep, awk, systemctl.
# shellcheck disable=SC2154  # state, cluster_label and the like are names.sh's

set -u
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

# What this project put on the host, written by the steps that did: lines "KIND VALUE".
record=$state/created

fact() { printf 'fact %s %s\\n' "$1" "$2"; }

# The bars separate the fields, so none may stand in what was found on the host.
problem() {
  printf 'problem %s | found %s | needed %s | fix: %s\\n' "$1" "$(printf %s "$2" | tr '|\\n' '/ ')" "$3" "$4"
}

recorded() { [ -f "$record" ] && grep -qxF -- "$1" "$record"; }

# All containers, as lines "ID NAME IMAGE ours|- PORTS\u2026": asked once, since each question takes a noticeable time.
# Asking a stopped engine through its socket would start it, and this script changes nothing.
containers=
list_containers() {
  case $(systemctl is-active docker.service 2>/dev/null) in
    inactive | failed) return ;;
  esac
  containers=$(timeout 20 docker ps -a --no-trunc \\
    --format '{{.ID}} {{.Names}} {{.Image}} {{if .Label "'"$cluster_label"'"}}ours{{else}}-{{end}} {{.Ports}}' 2>/dev/null)
}

# A container of ours: Swarm's carry a label, Weave's have the names that its script gives.
our_container() {
  case $1 in
    "$weave_container" | weaveproxy | weaveplugin) recorded 'unit weave.service' ;;
    *) printf '%s\\n' "$containers" | awk -v name="$1" '$2 == name && $4 == "ours" { found = 1 } END { exit !found }' ;;
  esac
}

our_unit() {
  case $1 in
    # Exists only until the handover, and was never a file.
    consul-bootstrap.service) recorded 'file /etc/consul.d/bootstrap/config.json' ;;
    *) recorded "unit $1" ;;
  esac
}

# Listeners on the wanted ports: lines "PORT/PROTOCOL SERVICE INODE". The kernel's own tables are read instead of
# ss or lsof, which a minimal host may lack. Weave's DNS binds to docker0 alone: only a listener on all addresses is
# in its way.
listeners() {
  tables=
  for protocol in tcp udp; do
    for table in $protocol \${protocol}6; do
      [ -r "/proc/net/$table" ] && tables="$tables protocol=$protocol /proc/net/$table"
    done
  done
  # shellcheck disable=SC2086  # the list of files is meant to be split
  awk -v wanted="$1" '
    function decimal(hex,  i, n) {
      for (i = 1; i <= length(hex); i++) n = 16 * n + index("0123456789ABCDEF", substr(hex, i, 1)) - 1
      return n
    }
    BEGIN {
      count = split(wanted, specs, " ")
      for (i = 1; i <= count; i++) {
        split(specs[i], part, "/")
        service[part[1] "/" part[2]] = part[3]
      }
    }
    $4 == (protocol == "tcp" ? "0A" : "07") {
      split($2, address, ":")
      key = decimal(address[2]) "/" protocol
      if (!(key in service)) next
      if (service[key] == "weave-dns" && address[1] !~ /^0+$/) next
      print key, service[key], $10
    }' $tables </dev/null
}

# Which process holds each of the sockets on standard input: the same lines, with a process id (0: the kernel) added.
holders() {
  lines=$(cat)
  [ -n "$lines" ] || return
  {
    find /proc/[0-9]*/fd -lname 'socket:*' -printf 'socket %l %p\\n' 2>/dev/null
    printf '%s\\n' "$lines"
  } | awk '
    $1 == "socket" {
      split($3, path, "/")
      inode = $2
      gsub(/[^0-9]/, "", inode)
      if (!(inode in pid) || path[3] + 0 < pid[inode] + 0) pid[inode] = path[3]
      next
    }
    { print $1, $2, ($3 in pid) ? pid[$3] : 0 }' | sort -u -t / -k 1,1n -k 2
}

unit_of() { sed -n 's|.*/\\([^/]*\\.service\\).*|\\1|p' "/proc/$1/cgroup" 2>/dev/null | head -n 1; }

# The name of the container that a process belongs to, or for which it forwards a port.
container_of() {
  if [ "$(cat "/proc/$1/comm" 2>/dev/null)" = docker-proxy ]; then
    printf '%s\\n' "$containers" | awk -v port=":\${2%/*}->" 'index($0, port) { print $2; exit }'
    return
  fi
  container_id=$(sed -n 's|.*\\([0-9a-f]\\{64\\}\\).*|\\1|p' "/proc/$1/cgroup" 2>/dev/null | head -n 1)
  [ -n "$container_id" ] || return
  printf '%s\\n' "$containers" | awk -v id="$container_id" '$1 == id { print $2 }'
}

# Lines "PORT/PROTOCOL <tab> SERVICE <tab> HOLDER <tab> FIX" for the ports that something foreign holds.
foreign_listeners() {
  listeners "$1" | holders | while read -r port service pid; do
    if [ "$pid" = 0 ]; then
      # Weave's fast datapath: openvswitch listens in the kernel.
      [ "$port" = "$port_weave_fast_datapath/udp" ] && recorded 'unit weave.service' && continue
      printf '%s\\t%s\\t%s\\t%s\\n' "$port" "$service" 'the kernel' 'ss -lntup shows it; remove the interface or module that holds it'
      continue
    fi
    unit=$(unit_of "$pid")
    container=$(container_of "$pid" "$port")
    name=$(cat "/proc/$pid/comm" 2>/dev/null)
    # The port-probe.pl of another preflight, which ends within seconds.
    [ "$name" = multicast-swarm ] && continue
    if [ -n "$container" ]; then
      our_container "$container" && continue
      printf '%s\\t%s\\t%s\\t%s\\n' "$port" "$service" "container $container" "docker rm -f $container"
    elif [ -n "$unit" ]; then
      our_unit "$unit" && continue
      printf '%s\\t%s\\t%s\\t%s\\n' "$port" "$service" "$name (pid $pid, $unit)" "systemctl disable --now $unit"
    else
      printf '%s\\t%s\\t%s\\t%s\\n' "$port" "$service" "\${name:-a process} (pid $pid)" "kill $pid"
    fi
  done
}

# One problem for each holder and service: a foreign Consul alone holds six ports.
check_ports() {
  # A port can be held twice, for IPv4 and IPv6.
  foreign=$(foreign_listeners "$1" | awk -F '\\t' '!seen[$1 FS $3]++')
  [ -n "$foreign" ] || return
  fact taken-ports "$(printf '%s\\n' "$foreign" | cut -f 1 | sort -u | tr '\\n' ' ')"
  printf '%s\\n' "$foreign" | awk -F '\\t' '
    BEGIN {
      label["consul"] = "Consul"; label["weave"] = "Weave Net"; label["weave-dns"] = "Weave DNS"; label["swarm"] = "Swarm"
    }
    {
      key = $2 FS $3
      if (many[key]++) ports[key] = ports[key] ", " $1
      else { order[++count] = key; ports[key] = $1 }
      service[key] = $2
      holder[key] = $3
      fix[key] = $2 == "weave-dns" ? "bind it to addresses of its own, or set weave.dns: false in the cluster file" : $4
    }
    END {
      for (i = 1; i <= count; i++) {
        key = order[i]
        printf "problem ports | found %s taken by %s | needed free for %s | fix: %s\\n", \\
          (many[key] > 1) ? "ports " ports[key] " are" : "port " ports[key] " is", holder[key], label[service[key]], fix[key]
      }
    }'
}

# The deploy must not overwrite what it did not write.
check_foreign_files() {
  for file in /usr/local/bin/consul /usr/local/bin/weave /etc/default/weave; do
    [ ! -e "$file" ] || recorded "file $file" ||
      problem foreign "$file, which is not of this project" 'no Consul and Weave Net but those that this project installs' \\
        "mv $file $file.old, once nothing uses it"
  done
  for unit in consul.service weave.service; do
    [ "$(systemctl show -p LoadState --value $unit 2>/dev/null)" = loaded ] || continue
    recorded "unit $unit" && continue
    file=$(systemctl show -p FragmentPath --value $unit)
    if package=$(dpkg -S "$file" 2>/dev/null); then
      fix="apt-get purge \${package%%:*}"
    else
      fix="systemctl disable --now $unit && rm $file && systemctl daemon-reload"
    fi
    problem foreign "$unit ($file), which is not of this project" "no other $unit on the host" "$fix"
  done
  strangers=
  for file in $(find /etc/consul.d -type f 2>/dev/null | sort); do
    recorded "file $file" || strangers="$strangers $file"
  done
  [ -z "$strangers" ] ||
    problem foreign "configuration of Consul that is not of this project:$strangers" 'nothing in /etc/consul.d' \\
      'mv /etc/consul.d /etc/consul.d.old'
  # An agent that finds such data stays a member of the cluster that they are of.
  if [ -e "$1/raft" ] || [ -e "$1/serf" ]; then
    recorded 'unit consul.service' || recorded 'file /etc/consul.d/bootstrap/config.json' ||
      problem foreign "data of an earlier Consul in $1" 'an empty data directory' "mv $1 $1.old"
  fi
}

check_foreign_containers() {
  printf '%s\\n' "$containers" | while read -r _ name image _; do
    case "$name $image" in
      "$weave_container "* | weaveproxy\\ * | weaveplugin\\ *) what='Weave Net' ;;
      *\\ weaveworks/weave:* | *\\ rajchaudhuri/weave:*) what='Weave Net' ;;
      "$manager_container "* | "$agent_container "* | *\\ swarm | *\\ swarm:* | *\\ swarm@* | *\\ */swarm:*) what=Swarm ;;
      *) continue ;;
    esac
    our_container "$name" ||
      problem foreign "container $name of image $image, which is not of this project" "no other $what on the host" \\
        "docker rm -f $name"
  done
}

# An image under a name that is in the lock file need not be the one that was locked.
check_foreign_images() {
  missing=0
  present=$(timeout 20 docker images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null)
  for image in $1; do
    # An image by digest is in no list.
    if ! printf '%s\\n' "$present" | grep -qxF -- "$image" && ! timeout 20 docker image inspect "$image" >/dev/null 2>&1; then
      missing=$((missing + 1))
      continue
    fi
    recorded "image $image" && continue
    problem foreign "image $image, which is not of this project" 'the image of the lock file under that name' \\
      "docker image rm $image"
  done
  fact images-missing "$missing"
}

look_at_engine() { # IMAGES
  if ! command -v dockerd >/dev/null && [ "$(systemctl show -p LoadState --value docker.service 2>/dev/null)" != loaded ]; then
    # An engine of another kind (snap, rootless, started by hand) has no docker.service that Weave Net could be tied to.
    if [ -e /snap/bin/docker ]; then
      fact engine other
      fact engine-other "/snap/bin/docker"
    elif grep -q '/docker\\.sock$' /proc/net/unix 2>/dev/null; then
      fact engine other
      fact engine-other "$(sed -n 's|.* \\(/.*/docker\\.sock\\)$|\\1|p' /proc/net/unix | head -n 1)"
    else
      fact engine absent
    fi
    return
  fi
  # With the packages that its deploy has recorded.
  ! grep -qs '^docker-engine ' "$record" || fact engine-ours yes
  # Asking a stopped engine through its socket would start it, and this script changes nothing.
  engine_state=$(systemctl is-active docker.service 2>/dev/null)
  fact engine-state "\${engine_state:-unknown}"
  case $engine_state in
    inactive)
      fact engine "$(dockerd --version 2>/dev/null | sed 's/^Docker version \\([^ ,]*\\).*/\\1/p')"
      return
      ;;
    failed)
      fact engine unknown
      return
      ;;
  esac
  if ! command -v docker >/dev/null; then
    fact engine unknown
    fact engine-client absent
    return
  fi
  format='{{.Server.Version}} {{.Server.APIVersion}} {{.Server.MinAPIVersion}} {{.Client.Version}}'
  if answer=$(timeout 20 docker version --format "$format" 2>&1); then
    check_foreign_containers
    check_foreign_images "$1"
    # shellcheck disable=SC2086  # four words, meant to be split
    set -- $answer
    fact engine "$1"
    fact engine-api "$2"
    fact engine-min-api "$3"
    fact engine-client "$4"
    fact engine-running "$(timeout 20 docker ps -q | wc -l)"
  else
    fact engine unknown
    fact engine-error "$(printf %s "$answer" | tr '\\n' ' ')"
  fi
}

words() { printf %s "$1" | tr ',' ' '; }

main() {
  data_dir='' images='' ports='' names=''
  for pair; do
    case $pair in
      data_dir=*) data_dir=\${pair#*=} ;;
      images=*) images=$(words "\${pair#*=}") ;;
      ports=*) ports=$(words "\${pair#*=}") ;;
      names=*) names=$(words "\${pair#*=}") ;;
      *) printf 'unknown argument %s\\n' "$pair" >&2 && exit 2 ;;
    esac
  done
  list_containers
  check_ports "$ports"
  check_foreign_files "$data_dir"
  look_at_engine "$images"
  # shellcheck disable=SC2086  # words, meant to be split
  system_facts "$data_dir" $names
  fact end ok
}

# The script itself may arrive on standard input: nothing that runs here may read from there.
main "$@" </dev/null
`;

// scripts/host/probes/preflight-facts.sh
var preflight_facts_default = `#!/bin/sh
# Facts of a host for the preflight to judge: system, kernel, disks, memory, routes, names, firewall. Only reads, loads no
# module. Sent between names.sh and preflight.sh, which calls system_facts.
# shellcheck shell=sh disable=SC2154

system_facts() { # DATA_DIR NAME\u2026
  fact user "$(id -u) $(id -un)"
  distribution_facts
  systemd_facts
  identity_facts
  kernel_facts
  disk_facts "$1"
  memory_facts
  route_facts
  shift
  name_facts "$@"
  firewall_facts
  installed_facts
  deploy_facts
}

# ---- system ----

os_value() { sed -n "s/^$1=//p" /etc/os-release 2>/dev/null | tr -d "\\"'" | head -n 1; }

distribution_facts() {
  id=$(os_value ID)
  version=$(os_value VERSION_ID)
  fact os "\${id:-unknown} \${version:-unknown}"
  fact os-name "$(os_value PRETTY_NAME)"
  # A 32-bit system can run on a 64-bit kernel: programs have to fit the system, so dpkg is asked before the kernel.
  fact arch "$(dpkg --print-architecture 2>/dev/null || uname -m)"
}

systemd_facts() {
  init=$(cat /proc/1/comm 2>/dev/null)
  fact init "\${init:-unknown}"
  [ "$init" = systemd ] || return
  systemd_state=$(systemctl is-system-running 2>/dev/null)
  fact systemd "\${systemd_state:-unknown}"
}

identity_facts() {
  fact hostname "$(uname -n)"
  fact machine-id "$(head -n 1 /etc/machine-id 2>/dev/null)"
  fact addresses "$(awk '/host LOCAL/ { print last } { last = $NF }' /proc/net/fib_trie | grep -v '^127\\.' | sort -u | tr '\\n' ' ')"
}

# ---- kernel ----

# What Weave Net and the engine's bridge need: FACT MODULE CONFIGURATION
kernel_features='
bridge bridge BRIDGE
veth veth VETH
br-netfilter br_netfilter BRIDGE_NETFILTER
match-conntrack xt_conntrack NETFILTER_XT_MATCH_CONNTRACK
match-addrtype xt_addrtype NETFILTER_XT_MATCH_ADDRTYPE
match-comment xt_comment NETFILTER_XT_MATCH_COMMENT
masquerade xt_MASQUERADE NETFILTER_XT_TARGET_MASQUERADE
ip-tables ip_tables IP_NF_IPTABLES
nf-tables nf_tables NF_TABLES
nft-compat nft_compat NFT_COMPAT
openvswitch openvswitch OPENVSWITCH
vxlan vxlan VXLAN
dummy dummy DUMMY
'

# fact kernel-FEATURE yes | no | unknown | unloadable (built as a module whose file is not there).
kernel_facts() {
  release=$(uname -r)
  fact kernel "$release"
  {
    sed -n 's/^\\([^ ]*\\) .*/here \\1/p' /proc/modules
    find /sys/module -mindepth 1 -maxdepth 1 -printf 'here %f\\n'
    # Paths such as kernel/net/openvswitch/openvswitch.ko.xz
    sed 's|:.*||; s|.*/||; s|\\.ko.*||; s|^|file |' "/lib/modules/$release/modules.dep"
    sed 's|.*/||; s|\\.ko.*||; s|^|here |' "/lib/modules/$release/modules.builtin"
    { zcat /proc/config.gz || cat "/boot/config-$release"; } | sed -n 's/^CONFIG_\\([A-Z0-9_]*\\)=\\([ym]\\)$/config \\1 \\2/p'
    printf '%s\\n' "$kernel_features" | sed -n 's/^[a-z]/wanted &/p'
  } 2>/dev/null | awk '
    $1 == "here" { here[$2] = 1 }
    $1 == "file" { file[$2] = 1; files = 1 }
    $1 == "config" { config[$2] = $3; configs = 1 }
    $1 == "wanted" {
      built = config[$4]
      if (here[$3] || file[$3] || built == "y") state = "yes"
      else if (built == "m") state = "unloadable"
      else state = (configs || files) ? "no" : "unknown"
      print "fact kernel-" $2 " " state
    }'
  # Of the command line, \`iptables v1.8.9 (nf_tables)\`; none before the engine is there.
  backend=$(iptables -V 2>/dev/null | sed -n 's/.*(\\(.*\\)).*/\\1/p')
  command -v iptables >/dev/null && fact iptables "\${backend:-legacy}"
}

# ---- disks and memory ----

# fact disk-WHAT MOUNT FREE_MIB FREE_INODES rw|ro, for the folder itself or the nearest one above it that exists.
disk_facts() { # DATA_DIR
  docker_root=$(sed -n 's/.*"\\(data-root\\|graph\\)" *: *"\\([^"]*\\)".*/\\2/p' /etc/docker/daemon.json 2>/dev/null | head -n 1)
  for pair in "consul $1" "docker \${docker_root:-/var/lib/docker}" "download $state" \\
    'programs /usr/local/bin' 'packages /usr/bin' 'settings /etc'; do
    folder=\${pair#* }
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    mount=$(df -P "$folder" 2>/dev/null | awk 'NR == 2 { print $6 }')
    # The last of several mounts on one folder is the one that is seen.
    mode=$(awk -v mount="$mount" '$2 == mount { split($4, options, ","); mode = options[1] } END { print mode ? mode : "rw" }' /proc/mounts)
    free=$(df -Pk "$folder" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }')
    # File systems without a fixed number of inodes say 0 or -.
    inodes=$(df -Pi "$folder" 2>/dev/null | awk 'NR == 2 { print ($2 + 0 > 0) ? $4 : "-" }')
    [ -z "$free" ] || fact "disk-\${pair%% *}" "$mount $free \${inodes:--} $mode"
  done
}

memory_facts() {
  awk '$1 == "MemTotal:" { print "fact memory-total", int($2 / 1024) }
    $1 == "MemAvailable:" { print "fact memory-available", int($2 / 1024) }' /proc/meminfo
}

# ---- network ----

# fact routes NETWORK/PREFIX@INTERFACE \u2026: all but the default route. The kernel shows bytes in the order of the machine.
route_facts() {
  routes=$(awk '
    function byte(hex, i) { return 16 * (index("0123456789ABCDEF", substr(hex, i, 1)) - 1) + index("0123456789ABCDEF", substr(hex, i + 1, 1)) - 1 }
    function bits(n,  count) { for (count = 0; n > 0; n = int(n / 2)) count += n % 2; return count }
    NR > 1 && $8 != "00000000" {
      prefix = 0
      for (i = 1; i < 8; i += 2) prefix += bits(byte($8, i))
      printf "%s%d.%d.%d.%d/%d@%s", separator, byte($2, 7), byte($2, 5), byte($2, 3), byte($2, 1), prefix, $1
      separator = " "
    }' /proc/net/route)
  fact routes "$routes"
  fact nameservers "$(awk '$1 == "nameserver" { printf "%s%s", separator, $2; separator = " " }' /etc/resolv.conf 2>/dev/null)"
}

# fact unresolved NAME \u2026: all are asked at once, since a silent name server takes its time with each.
name_facts() {
  [ $# -gt 0 ] || return
  unresolved=$(
    for name; do
      { timeout 8 getent ahosts "$name" >/dev/null 2>&1 || printf '%s ' "$name"; } &
    done
    wait
  )
  fact unresolved "\${unresolved% }"
}

# Which firewall the host is run with, for the command that opens a port.
firewall_facts() {
  firewall=iptables
  command -v nft >/dev/null && ! command -v iptables >/dev/null && firewall=nft
  [ "$(systemctl is-active firewalld.service 2>/dev/null)" = active ] && firewall=firewalld
  grep -qsx 'ENABLED=yes' /etc/ufw/ufw.conf && firewall=ufw
  fact firewall "$firewall"
}

# ---- what this project has put here already ----

installed_facts() {
  # Written down by the steps: what a member cannot change.
  for pair in cluster=cluster consul-datacenter=fixed-consul-datacenter consul-data-dir=fixed-consul-dataDir; do
    [ ! -s "$state/\${pair#*=}" ] || fact "\${pair%%=*}" "$(head -n 1 "$state/\${pair#*=}")"
  done
  for program in consul weave; do
    recorded "file /usr/local/bin/$program" && [ -x "/usr/local/bin/$program" ] && fact "installed-$program" yes
  done
  if recorded 'unit weave.service'; then
    fact weave-peer "$(sed -n 's/.*--name \\([0-9a-f:]*\\).*/\\1/p' /etc/default/weave 2>/dev/null)"
  fi
}

# Which deploy has the host, as hold.sh writes it.
deploy_facts() {
  [ -s "$hold" ] || return
  {
    read -r by && fact deploy-by "$by"
    read -r since && fact deploy-since "$since"
    read -r from && fact deploy-from "$from"
  } <"$hold"
}
`;

// scripts/host/steps/names.sh
var names_default = "# Names and ports that scripts on hosts share with the rest of the project.\n# Written by `npm run reference` from cluster/names.ts, cluster/ports.ts and cluster/engines.ts. Change them there.\n# shellcheck shell=sh disable=SC2034\n\nstate=/var/lib/multicast-swarm\nhold=/run/multicast-swarm.deploy\nuploads=.multicast-swarm\nmanager_container=swarm-manager\nagent_container=swarm-agent\nweave_container=weave\ncluster_label=multicast-swarm\nverify_label=multicast-swarm.verify\nmulticast_group=224.2.2.3\nmulticast_port=54327\nverify_tcp_port=54328\nverify_mtu_port=54329\napi_streams=1.40\napi_logs=1.42\nengine_drop_in=docker.service.d/multicast-swarm.conf\nport_consul_server=8300\nport_consul_serf_wan=8302\nport_consul_serf_lan=8301\nport_consul_http=8500\nport_consul_dns=8600\nport_consul_grpc_tls=8503\nport_weave_peers=6783\nport_weave_fast_datapath=6784\nport_weave_proxy=12375\nport_weave_status=6782\nport_weave_api=6784\nport_weave_dns=53\nport_swarm_manager=4000\n";

// commands/preflight/programs.js
var programs_default = { host: [names_default, preflight_facts_default, preflight_default].join("\n"), portProbe: port_probe_default };

// commands/preflight/in-deploy.ts
async function main(inventoryFile) {
  if (inventoryFile === void 0) {
    throw new Error("usage: preflight INVENTORY");
  }
  return runPreflight(JSON.parse((0, import_node_fs3.readFileSync)(inventoryFile, "utf8")), programs_default, {
    deployer: process.env.deploy_by
  });
}
main(process.argv[2]).then(
  (status) => {
    process.exitCode = status;
  },
  (error) => {
    console.error(`preflight: could not tell: ${error.message}`);
    process.exitCode = 2;
  }
);
