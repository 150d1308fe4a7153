/** Hundreds of broken files: each is refused with the place that is wrong, and nothing but lines of errors. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadCluster } from "../../cluster/load.js";
import { files, load, three } from "../fixtures/files.js";
import { type Mutation, marked, place, rewrite, spotsOf } from "../fixtures/mutations.js";

const project = join(__dirname, "../..");
const example = (name: string) => readFileSync(join(project, "examples/smallest", name), "utf8");

/** Every field once; each host fit to be any of the cluster's. */
const full = `name: test
hosts:
  - name: a
    address: 10.0.0.1
    consul: server
    swarm: [manager, agent]
    rebuilt: 1
    down: false
    ssh:
      user: ops
      port: 2222
      keyFile: id_a
  - { name: b, address: 10.0.0.2, consul: server }
  - { name: c, address: 10.0.0.3, consul: server }
removed:
  - { name: d, address: 10.0.0.4, consul: client, lost: true }
ssh:
  user: root
  port: 22
  keyFile: id
  bastion: { address: jump.example, user: root, port: 22, keyFile: id }
  hostKeyChecking: required
  timeoutSeconds: 30
consul:
  version: 1.20.5
  datacenter: aha
  dataDir: /var/consul
  logLevel: INFO
  syslog: false
  ui: true
  bootstrap: expect
docker: { install: true, package: docker.io }
weave:
  version: 2.9.0
  images: rajchaudhuri
  range: 10.32.0.0/12
  dns: true
  fastDatapath: true
  mtu: 1376
swarm: { version: 1.2.9, replication: true, strategy: spread, heartbeat: 10s }
artifacts: { mirror: "http://mirror.example" }
providers: { docker: 4.5.0, local: 2.5.3, null: 3.2.4 }
backend:
  type: s3
  config: { bucket: state }
gates: { timeoutSeconds: 120 }
verify: { image: alpine/socat, eventBusImage: bus }
`;

const { values, keys } = spotsOf(full);
const free = (path: string) => path.startsWith("backend.config");
/** Some of these are written in place of each value; the first two where any other value goes. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: Terraform's, not ours
const template = "${x}";
const neverRight = [`"${template}"`, '"%{x}"', "[x]", "{ x: 1 }", "~", '"\u0430"', '"a b"', "-1", ".nan", "1e99"];
const wrongValues: readonly Mutation[] = values.flatMap((spot) =>
  neverRight.slice(0, free(spot.path) ? 2 : undefined).map((written) => rewrite(full, spot, written)),
);
const wrongKeys: readonly Mutation[] = keys
  .filter(({ path }) => !free(path) || path === "backend.config")
  .flatMap((spot, i) => {
    const key = full.slice(spot.from, spot.to);
    const others = [`${key}x`, key.toUpperCase(), `\u0455${key.slice(1)}`, `"${key}\u200b"`, "__proto__", "toString"];
    return others.filter((_, j) => (i + j) % 4 === 0).map((written) => rewrite(full, spot, written));
  });
const twice: readonly Mutation[] = spotsOf(full)
  .keys.filter(({ path }) => /^\w+$/.test(path))
  .map(({ path }) => marked(`${path} twice`, `${full}§${path}: 1\n`));

const flow = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
/** The lines of `three` with something wrong after them. */
const after = (name: string, more: string) => marked(name, three(more));
const host = (name: string, written: string) =>
  marked(name, three().replace("{ name: b, address: 10.0.0.2 }", written));

const yamlItself: readonly Mutation[] = [
  marked("empty", ""),
  marked("a comment alone", "# nothing\n"),
  marked("a document of nothing", "---§\n"),
  marked("a list", "§- name: test\n"),
  marked("text", "§hello\n"),
  marked("a number", "§1\n"),
  after("a tab", "consul:\n§\tui: true\n"),
  after("a second document", "§---\nname: other\n"),
  after("text after the end", "...\n§foo\n"),
  after("an unclosed quote", 'consul: { datacenter: "abc }\n§'),
  after("a colon of another script", "§consul\uff1a {}\n"),
  after("a blank of another script", "§\u00a0consul: {}\n"),
  after("a tag", "consul: §!foo { ui: true }\n"),
  after("a set", "consul: §!!set { ui }\n"),
  after("binary", "consul: { datacenter: §!!binary aGFsbG8= }\n"),
  after("an alias without its anchor", "consul: §*x\n"),
  after("an anchor after its alias", "consul: §*x\nweave: &x {}\n"),
  after("an alias inside what it stands for", "backend: { type: s3, config: &c { x: §*c } }\n"),
  marked("hosts of themselves", "name: t\nhosts: &h [§*h]\n"),
  after("a merge key", "consul: &c { version: 1.20.5 }\nweave:\n  §<<: *c\n"),
  after("a list as a key", "? §[a, b]\n: c\n"),
  after("a mapping as a key", "? §{ a: b }\n: c\n"),
  after("nothing as a key", "§~: c\n"),
  after("no key", "§: c\n"),
  after("a number as a key", "§1: c\n"),
  after("a key of escapes", '§"\\e[31mred": 1\n'),
  marked("another YAML", `§%YAML 1.1\n---\n${three("weave: { dns: on }\n")}`),
  marked("no YAML", `%YAML §1.3\n---\n${three()}`),
  after("a long key", `§${"k".repeat(5000)}: 1\n`),
  after("lists in lists", `backend: { type: s3, config: { x: ${"[".repeat(29)}§${flow(500)}${"]".repeat(29)} } }\n`),
  after("mappings in mappings", `backend: { type: s3, config: ${"{ x: ".repeat(30)}§{ x: 1 }${" }".repeat(30)} }\n`),
  after(
    "aliases that multiply",
    `backend:\n  type: s3\n  config:\n    a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n${[..."bcdefghij"]
      .map(
        (name, i) =>
          `    ${name}: &${name} ${name === "f" ? "§" : ""}[${Array(10).fill(`*${"abcdefghi"[i]}`).join(", ")}]\n`,
      )
      .join("")}`,
  ),
];

const meaning: readonly Mutation[] = [
  host("IPv6", '{ name: b, address: §"fd00::1" }'),
  host("an address in a range", "{ name: b, address: §10.0.0.2/24 }"),
  host("an address with a port", "{ name: b, address: §10.0.0.2:22 }"),
  host("a name for an address", "{ name: b, address: §b.example }"),
  host("an address of five", "{ name: b, address: §10.0.0.0.2 }"),
  host("an address out of range", "{ name: b, address: §10.0.0.256 }"),
  host("an address with leading zeros", "{ name: b, address: §010.0.0.2 }"),
  host("loopback", "{ name: b, address: §127.0.0.1 }"),
  host("multicast", "{ name: b, address: §224.0.0.1 }"),
  host("an address of another", "{ name: b, address: §10.0.0.1 }"),
  host("a name of another", "{ name: §a, address: 10.0.0.2 }"),
  host("a look-alike of a name", "{ name: §\u0430, address: 10.0.0.2 }"),
  host("port 0", "{ name: b, address: 10.0.0.2, ssh: { port: §0 } }"),
  host("port 65536", "{ name: b, address: 10.0.0.2, ssh: { port: §65536 } }"),
  host("half a port", "{ name: b, address: 10.0.0.2, ssh: { port: §22.5 } }"),
  host("a port in quotes", '{ name: b, address: 10.0.0.2, ssh: { port: §"22" } }'),
  host("a role of another component", "{ name: b, address: 10.0.0.2, consul: §manager }"),
  host("a role in a list", "{ name: b, address: 10.0.0.2, consul: §[server] }"),
  host("roles without a list", "{ name: b, address: 10.0.0.2, swarm: §manager }"),
  host("a host that leaves", "{ name: b, address: 10.0.0.2, §lost: true }"),
  marked("clients alone", "name: t\nhosts:\n  §- { name: a, address: 10.0.0.1, consul: client }\n"),
  marked("agents alone", "name: t\nhosts:\n  §- { name: a, address: 10.0.0.1, swarm: [agent] }\n"),
  marked("managers alone", "name: t\nhosts:\n  §- { name: a, address: 10.0.0.1, swarm: [manager] }\n"),
  marked("nobody up", "name: t\nhosts:\n  - { name: a, address: 10.0.0.1, down: §true }\n"),
  marked("no hosts", "name: t\nhosts: §[]\n"),
  marked("hosts by name", "name: t\nhosts: §{ a: 10.0.0.1 }\n"),
  after("a removed host that stays", "removed: [{ name: §a, address: 10.0.0.9 }]\n"),
  marked(
    "no role while removing",
    three("removed: [{ name: d, address: 10.0.0.4 }]\n").replace("{ name: b", "§{ name: b"),
  ),
  after("a range with hosts in it", "weave: { range: §10.0.0.0/8 }\n"),
  after("a range of one address", "weave: { range: §10.32.0.0/32 }\n"),
  after("an address for a range", "weave: { range: §10.32.0.0 }\n"),
  after("not the first address", "weave: { range: §10.32.0.1/12 }\n"),
  after("an IPv6 range", 'weave: { range: §"fd00::/64" }\n'),
  after("a version as a number", "consul: { version: §1.20 }\n"),
  after("two sources", "artifacts: { mirror: 'http://mirror', §directory: d }\n"),
  after("a mirror with a template", `artifacts: { mirror: §'http://${template}' }\n`),
  after("a template deep inside", "backend: { type: s3, config: { a: [{ b: §'%{ if x }' }] } }\n"),
  after("a template as a key", `backend: { type: s3, config: { §'${template}': b } }\n`),
  after("a credential", "backend: { type: s3, config: { secret_key: §abc } }\n"),
];

const lock = example("artifacts.lock.json");
const lockSpots = spotsOf(lock);
const lockFiles: readonly Mutation[] = [
  ...lockSpots.values
    .slice(0, 12)
    .flatMap((spot) =>
      [`"${template}"`, '"%{x}"', "[]", "{}", "null", '"\u0430"', '"a b"', "-1"].map((written) =>
        rewrite(lock, spot, written),
      ),
    ),
  ...lockSpots.keys.slice(0, 7).map((spot) => rewrite(lock, spot, '"nmae"')),
  ...lockSpots.keys.slice(2, 7).map((spot) => {
    const again = `${lock.slice(spot.from, spot.to)}: "x", `;
    return {
      name: `${spot.path} twice`,
      text: lock.slice(0, spot.from) + again + lock.slice(spot.from),
      at: place(lock.slice(0, spot.from) + again, spot.from + again.length),
    };
  }),
  marked("empty", ""),
  marked("a list", "§[]"),
  marked("half of it", `${lock.slice(0, 300)}§`),
  marked("a conflict", `{\n§<<<<<<< HEAD\n  "formatVersion": 1,\n=======\n}`),
  marked("an artifact twice", lock.replace(/(\n {4})(\{"name":"weave".*\})/, "$1$2,$1§$2")),
];

const known = example("known_hosts");
const afterKeys = (name: string, line: string) => marked(name, `${known}${line}\n`);
const knownHosts: readonly Mutation[] = [
  afterKeys("one word", "§10.0.0.1"),
  afterKeys("two words", "10.0.0.1 §ssh-rsa"),
  afterKeys("a marker alone", "§@revoked"),
  afterKeys("an unknown marker", "§@trusted 10.0.0.1 ssh-rsa AAAA"),
  afterKeys("a key without its address", "ssh-rsa §AAAAB3NzaC1yc2EAAAADAQABAAABgQDAGwCHu52G9RTVjntb"),
  afterKeys("a key that is cut off", "10.0.0.1 ssh-rsa §AAAAB"),
  afterKeys("a key with a template", `10.0.0.1 ssh-rsa §${template}`),
  afterKeys("an address of another script", "§10.0.0.\uff11 ssh-rsa AAAA"),
  afterKeys("a blank of another script", "§10.0.0.1\u00a0ssh-rsa AAAA x"),
  afterKeys("a type of capitals", "10.0.0.1 §SSH-RSA AAAA"),
  afterKeys("a conflict", "§======="),
  afterKeys("a conflict's end", "<<<<<<< §HEAD"),
  marked("a byte order mark", `§\ufeff${known}`),
];

/** What is said of a broken file. */
const ofCluster = ({ text }: Mutation) => load(text).problems;
const ofLock = ({ text }: Mutation) => load(example("cluster.yaml"), { lock: text }).problems;
const ofKnownHosts = ({ text }: Mutation) => load(example("cluster.yaml"), { known_hosts: text }).problems;

const corpus: readonly (readonly [string, string, readonly Mutation[], (mutation: Mutation) => readonly string[]])[] = [
  ["values of the cluster file", "cluster.yaml", wrongValues, ofCluster],
  ["keys of the cluster file", "cluster.yaml", wrongKeys, ofCluster],
  ["keys that stand twice", "cluster.yaml", twice, ofCluster],
  ["the cluster file as YAML", "cluster.yaml", yamlItself, ofCluster],
  ["what the cluster file means", "cluster.yaml", meaning, ofCluster],
  ["the lock file", "artifacts.lock.json", lockFiles, ofLock],
  ["known_hosts", "known_hosts", knownHosts, ofKnownHosts],
];

describe("a broken file is refused where it is broken", () => {
  test("and what it was made of is right", () => {
    expect(load(full).problems).toEqual([]);
    expect(load(example("cluster.yaml"), { known_hosts: known, lock }).problems).toEqual([]);
  });

  test.each(corpus)("%s", (_, file, mutations, problemsOf) => {
    const unexpected = mutations.flatMap((mutation) => {
      const problems = problemsOf(mutation);
      const wellFormed = problems.every((line) =>
        /^[ -~…]+:\d+:\d+: [ -~]+: found [ -~…]+, expected [ -~…]+$/.test(line),
      );
      const pointed = problems.some((line) => line.startsWith(`${file}:${mutation.at}: `));
      return wellFormed && pointed ? [] : [{ mutation: mutation.name, at: mutation.at, problems }];
    });
    expect(unexpected).toEqual([]);
  });

  test("of which there are hundreds", () => {
    expect(corpus.flatMap(([, , mutations]) => mutations).length).toBeGreaterThan(300);
  });
});

test("mistakes in several places are all reported at once", () => {
  const spots = values.filter(({ path }) => !free(path));
  fc.assert(
    fc.property(fc.subarray(spots, { minLength: 2, maxLength: 12 }), (chosen) => {
      // From the end, so that the places before stay where they are; on one line, what comes later moves.
      const text = [...chosen]
        .sort((one, other) => other.from - one.from)
        .reduce((at, spot) => rewrite(at, spot, `"${template}"`).text, full);
      const lines = (of: readonly string[]) => of.map((line) => / (\S+): found "\$\{x\}"/.exec(line)?.[1]).sort();
      expect(lines(load(text).problems)).toEqual(expect.arrayContaining(chosen.map(({ path }) => path)));
    }),
    { numRuns: 10 },
  );
});

describe("files that are unusual and right", () => {
  test.each([
    ["with Windows' line ends", three().replaceAll("\n", "\r\n")],
    ["with a byte order mark", `\ufeff${three()}`],
    ["with tabs between words", three("consul:\t{ ui: true }\n")],
    ["with tags that say what is there anyway", three('consul: !!map { datacenter: !!str "1" }\n')],
  ])("%s", (_, text) => {
    expect(load(text).problems).toEqual([]);
  });

  test("a hundred and fifty hosts share one login by an alias", () => {
    const hosts = Array.from(
      { length: 150 },
      (_, i) => `  - { name: h${i}, address: 10.0.0.${i + 1}, ssh: ${i ? "*s" : "&s { user: ops }"} }\n`,
    );
    expect(load(`name: t\nhosts:\n${hosts.join("")}`).cluster?.hosts[149]?.login.user).toBe("ops");
  });
});

describe("large files end soon", () => {
  test("beyond a megabyte unread", () => {
    expect(load(three(`# ${"x".repeat(10_000_000)}\n`)).problems).toEqual([
      "cluster.yaml:1:1: (file): found 10000126 bytes, expected at most 1000000",
    ]);
  });

  test.each([
    ["keys", three(Array.from({ length: 5_000 }, (_, i) => `k${i}: 1\n`).join("")), 5_000],
    ["hosts that are all the same", `name: t\nhosts:\n${"  - { name: a, address: 10.0.0.1 }\n".repeat(2_000)}`, 3_998],
    ["lists in lists", three(`consul: ${flow(20_000)}\n`), 1],
  ])("below it with every mistake: %s", (_, text, atLeast) => {
    expect(load(text).problems.length).toBeGreaterThanOrEqual(atLeast);
  });
});

test("bytes that are no UTF-8 are pointed at", () => {
  const folder = files({});
  const text = Buffer.concat([Buffer.from("name: t\nhosts: "), Buffer.from([0xff, 0xfe])]);
  writeFileSync(join(folder, "cluster.yaml"), text);
  expect(() => loadCluster(join(folder, "cluster.yaml"))).toThrow(
    "cluster.yaml:2:8: (file): found bytes that are no UTF-8, expected text in UTF-8",
  );
});

test("synthesis ends with status 1 and nothing but the errors", () => {
  const folder = files({ "cluster.yaml": three("backend: { type: s3, config: &c { x: *c } }\n") });
  const { status, stdout, stderr } = spawnSync(join(project, "scripts/synth"), { cwd: folder, encoding: "utf8" });
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: "",
    stderr:
      "cluster.yaml:6:38: backend.config.x: found an alias inside what it stands for, expected a value that has an end\n",
  });
});
