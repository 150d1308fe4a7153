/**
 * All switches of `security` in one deploy, and back: who is served by every host. Without the allow-list, which would
 * answer for them.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { pki, privatePki } from "../../cluster/pki.js";
import { strict } from "../../cluster/schema.js";
import { newAuthority, newKey, newRequest, sign } from "../../commands/pki/openssl.js";
import {
  atConsole,
  atConsoles,
  changesNothing,
  expectFailure,
  expectWords,
  type Host,
  healthyAgain,
  host,
  hosts,
  keyForms,
  lab,
  labFile,
  oneAfterTheOther,
  operator,
  read,
  tryLab,
  useCluster,
  write,
} from "./lab.js";
import { atOutsider, useOutsider } from "./outsider.js";
import { findable } from "./secrets.js";

useCluster();
oneAfterTheOther();
useOutsider();

const run = async (command: string, args: readonly string[]) => (await promisify(execFile)(command, args)).stdout;

const keys = mkdtempSync(join(tmpdir(), "multicast-swarm-outsider-"));
afterAll(() => rmSync(keys, { recursive: true, force: true }));

/** A certificate of a new key: files in the outsider's folder. */
function certificate(
  name: string,
  authority: { readonly certificate: string; readonly keyFile: string },
  { days = 365, usage = "clientAuth" as "clientAuth" | "serverAuth" } = {},
): void {
  const key = join(keys, `${name}.key`);
  writeFileSync(key, newKey());
  const signing = { authority: authority.certificate, authorityKeyFile: authority.keyFile, days, names: [] };
  writeFileSync(join(keys, `${name}.pem`), sign({ ...signing, request: newRequest(name, key), usages: [usage] }));
}

/** Those that an outsider can come with, once the cluster has an authority. */
function makeCertificates(): void {
  const own = { certificate: read(pki.authority), keyFile: labFile(privatePki.authorityKey) };
  const keyFile = join(keys, "ca.key");
  writeFileSync(keyFile, newKey());
  const foreign = { certificate: newAuthority("multicast-swarm lab", keyFile, 3650), keyFile };
  certificate("foreign", foreign);
  certificate("expired", own, { days: 0 });
  certificate("server", own, { usage: "serverAuth" });
  certificate("right", own);
}

const ways = ["plain", "tls", "foreign", "expired", "server", "right"] as const;

/** What is asked of each port. */
const asked = {
  12375: "/_ping",
  4000: "/_ping",
  8300: "Status.Leader",
  8500: "/v1/status/leader",
  8600: "node",
} as const;
type Asked = keyof typeof asked;

/**
 * Asks every port in every way, without looking at who answers, and prints what was answered: HTTP, Consul's RPC (one byte
 * says whether TLS or the call itself follows, which is MessagePack), and DNS.
 */
const knock = `
const [folder, ways, asked, hosts] = process.argv.slice(1);
const { get } = require("node:http"), https = require("node:https"), { existsSync, readFileSync } = require("node:fs");
const { connect } = require("node:net"), tls = require("node:tls"), { Resolver } = require("node:dns").promises;
const file = (name) => (existsSync(folder + "/" + name) ? readFileSync(folder + "/" + name) : undefined);
const text = (word) => Buffer.concat([Buffer.from([0xa0 | word.length]), Buffer.from(word)]);
const call = (what) => Buffer.concat(
  [[0x00, 0x82], text("ServiceMethod"), text(what), text("Seq"), [0x01], [0x80]].map((part) => Buffer.from(part)));
for (const [name, host] of JSON.parse(hosts)) for (const [port, what] of Object.entries(JSON.parse(asked)))
for (const way of ways.split(" ")) {
  const answered = () => console.log(name + " " + port + " " + way);
  const own = way === "tls" || way === "plain" ? {} : { cert: file(way + ".pem"), key: file(way + ".key") };
  const open = { rejectUnauthorized: false, ...own };
  if (what.startsWith("/")) {
    const options = { host, port, path: what, agent: false, timeout: 5000, ...open };
    const request = (way === "plain" ? get : https.get)(options, (answer) => {
      answer.resume();
      if (answer.statusCode === 200) answered();
    });
    request.on("timeout", () => request.destroy()).on("error", () => {});
  } else if (what.includes(".")) {
    const socket = connect({ host, port, timeout: 5000 });
    socket.on("timeout", () => socket.destroy()).on("error", () => {});
    const listen = (stream) => stream.on("error", () => {}).once("data", (data) => {
      if (data.includes(what)) answered();
      socket.destroy();
    }).write(call(what));
    if (way === "plain") listen(socket);
    else {
      socket.write(Buffer.from([0x03]));
      listen(tls.connect({ socket, ...open }));
    }
  } else if (way === "plain") {
    const resolver = new Resolver({ timeout: 2000, tries: 2 });
    resolver.setServers([host + ":" + port]);
    resolver.resolve4(name + "." + what + ".consul").then(answered, () => {});
  }
}`;

/** What an outsider is answered, as `h1 12375 plain`. */
async function served(): Promise<string[]> {
  const targets = hosts().map(({ name, address }) => [name, address]);
  const node = [process.execPath, "-e", knock, keys, ways.join(" "), JSON.stringify(asked), JSON.stringify(targets)];
  const answered = await atOutsider(...node);
  return answered.split("\n").filter((line) => line !== "");
}
const everywhere = (way: (typeof ways)[number], on: readonly Asked[]) =>
  hosts()
    .flatMap(({ name }) => on.map((port) => `${name} ${port} ${way}`))
    .sort();
/** Consul's servers also take TLS from everybody then, some time after their start: that is no less open. */
const expectOpen = async () =>
  expect((await served()).filter((one) => one.endsWith(" plain")).sort()).toEqual(
    everywhere("plain", [12375, 4000, 8300, 8500, 8600]),
  );
const expectSecured = async () => expect((await served()).sort()).toEqual(everywhere("right", [12375, 4000, 8300]));

/** Every address and port on which a program of Docker's API listens, though the test may not know of it. */
const listeners = () =>
  atConsoles("ss -Hltnp | awk '/weaver|swarm|dockerd/ { print $4 }' | grep -vE '^127.0.0.1:678[24]$' | sort");
/** The ports on which others than the host itself reach Consul. */
const consulListens = () =>
  atConsoles('ss -Hlntup | awk \'/"consul"/ && $5 !~ /^127[.]/ { sub(/.*:/, "", $5); print $5 }\' | sort -u | xargs');

const secure = (tls: boolean | undefined) => {
  const { security: _, ...file } = parse(read("cluster.yaml")) as Record<string, unknown>;
  const security = tls ? strict.security : { dockerTls: false };
  write("cluster.yaml", stringify({ ...file, ...(tls === undefined ? {} : { security }) }));
};
const makePki = (...words: string[]) => operator("scripts/pki", ...words);
const containers = () => atConsoles("docker ps -q --no-trunc --filter name=^/swarm- --filter name=^/user | sort");
const shown = (port: number) =>
  atConsoles(
    `openssl s_client -connect "$(hostname -I | cut -d' ' -f1):${port}" </dev/null 2>/dev/null | openssl x509 -noout -serial`,
  );

it("in the open form, whoever reaches a port is served; without certificates nothing is changed", async () => {
  await expectOpen();
  await atConsole(
    host("h1"),
    "docker -H tcp://198.18.0.11:12375 run -d --name user multicast-swarm/toolbox:1 sleep 1d",
  );
  secure(true);
  expectFailure(await tryLab("deploy"), /pki\/ca\.pem:1:1: \(file\): found no such file.*run scripts\/pki/);
});

it("scripts/pki makes what is missing, and a second time nothing", async () => {
  const first = await makePki();
  expect(first.status).toBe(0);
  expectWords(first.output, /h3 pki: changed \/etc\/multicast-swarm\/next\.pem/, /signed +operator: 364 days left/);
  const made = () => [...hosts().map(({ name }) => pki.host(name)), pki.authority].map(read);
  const before = made();
  const second = await makePki();
  expect(second).toMatchObject({ status: 0, output: expect.not.stringMatching(/changed|signed/) });
  expect(made()).toEqual(before);
  // What destroy removes.
  expect(await atConsole(host("h1"), "grep multicast-swarm$ /var/lib/multicast-swarm/created")).toBe(
    "directory /etc/multicast-swarm\n",
  );
});

it("one deploy leads to TLS: whoever has no certificate of the cluster's is answered by nobody", async () => {
  makeCertificates();
  const before = await listeners();
  await lab("deploy");
  await expectSecured();
  expect(await consulListens()).toEqual(Object.fromEntries(hosts().map(({ name }) => [name, "8300 8301 8302\n"])));
  // No other address or port has come in place of them.
  expect(await listeners()).toEqual(before);
  expect(await atConsole(host("h1"), "docker inspect -f '{{.State.Running}}' user")).toBe("true\n");
  await changesNothing();
  await healthyAgain();
  const { status, output } = await operator(
    "scripts/swarm",
    "run",
    "--rm",
    "multicast-swarm/toolbox:1",
    "echo",
    "hello",
  );
  expect([status, output]).toEqual([0, "hello\n"]);
});

it("keys are for root alone, and a copy for Consul's user, and in no other place", async () => {
  const copy = await atConsoles("stat -c '%U %a' /etc/consul.d/tls/agent.pem");
  expect(copy).toEqual({ h1: "consul 400\n", h2: "consul 400\n", h3: "consul 400\n" });
  const keyFiles = await atConsoles("cat /etc/multicast-swarm/key.pem");
  const own = ["ca.key", "operator/key.pem"].map((name) => [name, read(`${privatePki.folder}/${name}`)] as const);
  const bodies = Object.fromEntries(
    [...Object.entries(keyFiles), ...own].map(([name, pem]) => [name, pem.split("\n")[1] ?? ""] as const),
  );
  const [gossip = "", hex = ""] = keyForms();
  expect(await findable({ ...bodies, gossip, hex })).toEqual({ h1: [], h2: [], h3: [] });
  const containers = await atConsoles("docker inspect swarm-manager weave");
  const operators = await run("sh", [
    "-c",
    'cd "$1" && cat *.tfstate* && find cdktf.out -type f -exec cat {} + && cat pki/ca.pem pki/hosts/*',
    "sh",
    labFile("."),
  ]);
  for (const body of Object.values(bodies)) {
    expect(body).toHaveLength(64);
    expect(Object.values(containers).join("") + operators).not.toContain(body);
  }
  expect(await run("find", [labFile(privatePki.folder), "-name", "*key*", "-perm", "/077"])).toBe("");
});

/** The words that each of these commands is answered with, by the host's own agent. */
const answers = (on: Host, commands: readonly string[], token = "") =>
  atConsole(
    on,
    `export CONSUL_HTTP_TOKEN=${token}; for words in ${commands.map((one) => `'${one}'`).join(" ")}; do
      if said=$(consul $words 2>&1); then echo "$words: done"; else
        case $said in *"Permission denied"*) echo "$words: denied" ;; *) echo "$words: $said" ;; esac
      fi
    done`,
  );
const each = (commands: readonly string[], what: "done" | "denied") =>
  commands.map((one) => `${one}: ${what}\n`).join("");
const swarms = ["kv put docker/swarm/one x", "kv delete docker/swarm/one", "operator raft list-peers"];
const others = ["kv put one x", "kv get one", "services register -name one"];
const managing = ["acl token list", "operator raft remove-peer -id one", "force-leave h3", "leave"];

it("Consul's tokens are for root and Consul, and the management token is in no file", async () => {
  const token = read("consul.token").trim();
  const [, agents = ""] =
    /"default":"([^"]*)"/.exec(await atConsole(host("h2"), "cat /etc/consul.d/*/encrypt.json")) ?? [];
  expect(agents).toHaveLength(36);
  // But for Consul's own data, which has all tokens.
  const found = await atConsoles(`
    grep -rlsF -e ${token} -e ${agents} /etc /root /home /tmp /run /var/lib/multicast-swarm /var/log --exclude-dir=docker --exclude-dir=containerd || true
    stat -c '%a %U:%G' /etc/consul.d/*/encrypt.json
    docker inspect swarm-manager swarm-agent >/run/containers
    grep -cF -e ${token} -e ${agents} /run/containers || true`);
  for (const { name } of hosts()) {
    expect(found[name]).toBe("/etc/consul.d/server/encrypt.json\n640 root:consul\n0\n");
  }
  expect(await findable({ token, agents })).toEqual({ h1: [], h2: [], h3: [] });
  const operators = await run("sh", [
    "-c",
    'cd "$1" && cat *.tfstate* && find cdktf.out -type f -exec cat {} +',
    "sh",
    labFile("."),
  ]);
  for (const secret of [token, agents]) {
    expect(operators).not.toContain(secret);
  }
});

it("Consul does what Swarm needs for a host's programs, nothing for whoever is nobody, and all for one token alone", async () => {
  const on = host("h2");
  expect(await answers(on, [...swarms, ...others, ...managing])).toBe(
    each(swarms, "done") + each([...others, ...managing], "denied"),
  );
  const forAll = [...swarms, ...others, "kv get docker/swarm/one"];
  expect(await answers(on, forAll, "anonymous")).toBe(each(forAll, "denied"));
  const all = ["kv put one x", "kv get one", "kv delete one", "acl token list"];
  expect(await answers(on, all, read("consul.token").trim())).toBe(each(all, "done"));
  await expect(atOutsider("bash", "-c", `exec 3<>/dev/tcp/${on.address}/8500`)).rejects.toThrow(/refused/);
});

it("a renewed certificate restarts what serves with it, on that host alone, and Consul's agent nowhere", async () => {
  const agents = () => atConsoles("systemctl show -p MainPID --value consul.service");
  const [before, proxies, managers, pids] = [await containers(), await shown(12375), await shown(4000), await agents()];
  rmSync(labFile(pki.host("h2")));
  expectWords((await makePki()).output, /same +h1/, /signed +h2 .*there was no certificate/, /same +h3/);
  await lab("deploy");
  const [proxiesNow, managersNow] = [await shown(12375), await shown(4000)];
  expect(proxiesNow).toEqual({ ...proxies, h2: expect.not.stringContaining(proxies.h2 ?? "") });
  expect(managersNow).toEqual({ ...managers, h2: proxiesNow.h2 });
  expect(await shown(8300)).toEqual(proxiesNow);
  expect(await agents()).toEqual(pids);
  expect(await containers()).toEqual(before);
  await healthyAgain();
});

it("a key that was lost on its host is missed before anything is changed", async () => {
  await atConsole(host("h3"), "mv /etc/multicast-swarm/key.pem /root/");
  const { status, output } = await operator("scripts/preflight");
  expect(status).toBe(1);
  expectWords(output, /h3 .*certificate +the host has no key of its own for pki\/hosts\/h3\.pem(?:.|\n)*scripts\/pki/);
  await atConsole(host("h3"), "mv /root/key.pem /etc/multicast-swarm/");
});

it("one deploy leads back, and the next without the line changes nothing", async () => {
  secure(false);
  await lab("deploy");
  await expectOpen();
  expect(await atConsoles("cat /etc/consul.d/tls/agent.pem 2>/dev/null || true")).toEqual({ h1: "", h2: "", h3: "" });
  await healthyAgain();
  secure(undefined);
  await changesNothing();
});
