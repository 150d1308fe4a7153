/** What a person reads who made a mistake in the cluster file. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadCluster } from "../../cluster/load.js";
import { files, load, three } from "../fixtures/files.js";

describe("mistakes in single values", () => {
  test.each([
    [
      "a name",
      "name: My_Cluster",
      'cluster.yaml:6:7: name: found "My_Cluster", expected a name of lower-case letters, digits and dashes that begins with a letter',
    ],
    [
      "an unquoted version",
      "consul: { version: 1.20 }",
      "cluster.yaml:6:20: consul.version: found 1.2, expected a full version such as 1.22.7, quoted if YAML would read it as a number",
    ],
    [
      "a number where text is meant",
      "consul: { datacenter: 1 }",
      "cluster.yaml:6:23: consul.datacenter: found 1, expected lower-case letters, digits, _ and -, as text in quotes",
    ],
    [
      "a choice",
      "swarm: { strategy: spraed }",
      'cluster.yaml:6:20: swarm.strategy: found "spraed", expected one of spread, binpack, random',
    ],
    ["a flag", "weave: { dns: on }", 'cluster.yaml:6:15: weave.dns: found "on", expected true or false'],
    ["a port", "ssh: { port: 70000 }", "cluster.yaml:6:14: ssh.port: found 70000, expected a port from 1 to 65535"],
    ["a section without content", "consul:", "cluster.yaml:6:8: consul: found nothing, expected a mapping"],
    ["a list for a section", "weave: [dns]", "cluster.yaml:6:8: weave: found a list, expected a mapping"],
    [
      "something needed that is absent",
      "backend: { config: {} }",
      "cluster.yaml:6:10: backend.type: found nothing, expected one of local, consul, s3, http, pg",
    ],
    [
      "a URL",
      'artifacts: { mirror: "http://mirror/" }',
      'cluster.yaml:6:22: artifacts.mirror: found "http://mirror/", expected an http(s) URL without a slash at its end',
    ],
    [
      "a registry",
      "artifacts: { registry: https://reg.example/mirror }",
      'cluster.yaml:6:24: artifacts.registry: found "https://reg.example/mirror", expected a registry, with a port and a path where it has them: registry.example:5000/mirror',
    ],
    [
      "a URL with a login",
      'artifacts: { mirror: "http://me:word@mirror" }',
      "cluster.yaml:6:22: artifacts.mirror: found a URL with a login, expected one without, since it would be stored in the lock file and in Terraform's state",
    ],
  ])("%s", (_, line, message) => {
    const text = line.startsWith("name:")
      ? `${three().replace("name: test\n", "")}${line}\n`.replace(/^/, "\n")
      : three(`${line}\n`);
    expect(load(text).problems).toEqual([message]);
  });

  test("a long value is shortened", () => {
    const [problem] = load(three(`consul: { datacenter: "${"a b ".repeat(40)}" }`)).problems;
    expect(problem).toMatch(/found "(a b )+.*…", expected lower-case letters/);
    expect(problem?.length).toBeLessThan(180);
  });
});

describe("unknown keys", () => {
  test("are pointed at, with the known ones and the likely one", () => {
    expect(load(three("consul:\n  datacentre: x\n")).problems).toEqual([
      "cluster.yaml:7:3: consul.datacentre: found an unknown key, expected one of version, datacenter, dataDir, logLevel, syslog, ui, bootstrap (did you mean datacenter?)",
    ]);
  });

  test("without a likely one get no guess", () => {
    expect(load(three("docker: { colour: red }")).problems).toEqual([
      "cluster.yaml:6:11: docker.colour: found an unknown key, expected one of install, package, version, lowerApiFloor",
    ]);
  });

  test.each([
    ["hosts[0].ip", "name: t\nhosts: [{ name: a, ip: 10.0.0.1, address: 10.0.0.1 }]"],
    ["hosts[0].ssh.prot", "name: t\nhosts: [{ name: a, address: 10.0.0.1, ssh: { prot: 22 } }]"],
    ["ssh.bastion.usr", three("ssh: { bastion: { address: 10.0.0.9, usr: x } }")],
  ])("deep inside: %s", (path, text) => {
    const { problems } = load(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`: ${path}: found an unknown key, expected one of `);
  });
});

describe("broken YAML", () => {
  test("is reported alone, with its place", () => {
    const { problems } = load("name: test\nhosts:\n  - name: a\n   address: 10.0.0.1\n");
    expect(problems[0]).toMatch(/^cluster\.yaml:\d+:\d+: \(file\): found broken YAML, expected valid YAML: /);
    expect(problems.every((line) => line.includes("broken YAML"))).toBe(true);
  });

  test("a key that stands twice is named, beside all other mistakes", () => {
    expect(load(three("consul: { ui: true }\nweave: { dns: 1 }\nconsul:\n  ui: false\n")).problems).toEqual([
      "cluster.yaml:7:15: weave.dns: found 1, expected true or false",
      "cluster.yaml:8:1: consul: found a duplicate key, expected each key once",
    ]);
  });

  test("a second document", () => {
    expect(load(`${three()}---\nname: other\n`).problems).toEqual([
      "cluster.yaml:6:1: (file): found a second YAML document, expected one YAML document in the file",
    ]);
  });

  test("an empty file", () => {
    expect(load("").problems).toEqual([
      "cluster.yaml:1:1: (file): found nothing, expected a mapping with name and hosts",
    ]);
  });

  test("a file that is not there is shown as it was given", () => {
    expect(() => loadCluster("no/such.yaml")).toThrow(
      "no/such.yaml:1:1: (file): found no such file, expected a cluster file (examples/ has some)",
    );
  });

  test("a folder in place of the file", () => {
    const folder = files({});
    expect(() => loadCluster(folder)).toThrow(/: \(file\): found EISDIR.*, expected a readable file/);
  });

  test("null as the name of a provider needs no quotes", () => {
    expect(load(three("providers: { null: 1.0.0 }")).cluster?.settings.providers.null).toBe("1.0.0");
  });

  test("anchors and aliases are followed", () => {
    const text =
      "name: t\nhosts:\n  - &a { name: a, address: 10.0.0.1, ssh: &s { port: 0 } }\n  - { name: b, address: 10.0.0.2, ssh: *s }\n";
    expect(load(text).problems).toEqual([
      "cluster.yaml:3:54: hosts[0].ssh.port: found 0, expected a port from 1 to 65535",
      "cluster.yaml:3:54: hosts[1].ssh.port: found 0, expected a port from 1 to 65535",
    ]);
  });
});

describe("all at once", () => {
  test("values, keys, rules, host keys and the lock file in one error, in the order of the file", () => {
    const text = `name: test
hosts:
  - name: a
    address: 10.0.0.1
  - name: B
    adress: 10.0.0.2
  - name: c
    address: 10.0.0.1
    swarm: [manger]
consul:
  version: 1.21.5
weave:
  version: 2.6.5
`;
    const { problems } = load(text, { known_hosts: "" }, {});
    expect(problems).toEqual([
      'cluster.yaml:4:14: hosts[0].address: found no key of 10.0.0.1 in known_hosts, expected one line "10.0.0.1 TYPE KEY" in known_hosts: run scripts/hostkeys',
      "cluster.yaml:5:5: hosts[1].address: found nothing, expected an IPv4 address such as 10.0.1.104",
      'cluster.yaml:5:11: hosts[1].name: found "B", expected a name of lower-case letters, digits and dashes that begins with a letter',
      "cluster.yaml:6:5: hosts[1].adress: found an unknown key, expected one of name, address, consul, swarm, rebuilt, down, ssh (did you mean address?)",
      'cluster.yaml:8:14: hosts[2].address: found "10.0.0.1", expected an address of its own (hosts[0] has it too)',
      'cluster.yaml:9:13: hosts[2].swarm[0]: found "manger", expected one of manager, agent',
      'cluster.yaml:11:12: consul.version: found "1.21.5", expected another version: 1.21.5 refuses the keys that Swarm writes; 1.21.4 and 1.22.0 take them',
      'cluster.yaml:13:12: weave.version: found "2.6.5" with images of rajchaudhuri, expected 2.6.5 to 2.8.1 with images: weaveworks, or 2.8.3 to 2.9.0 with images: rajchaudhuri',
      "artifacts.lock.json:1:1: (file): found no such file, expected every artifact with its SHA-256: run scripts/lock",
    ]);
  });

  test("hosts that are no list leave the rest checked", () => {
    expect(load("name: test\nhosts: 3\nconsul: { ui: 1 }\n").problems).toEqual([
      "cluster.yaml:2:8: hosts: found 3, expected a list of hosts",
      "cluster.yaml:3:15: consul.ui: found 1, expected true or false",
    ]);
  });

  test("a host that is no mapping leaves the others checked", () => {
    expect(load("name: test\nhosts:\n  - a\n  - { name: b, address: 127.0.0.1 }\n").problems).toEqual([
      'cluster.yaml:3:5: hosts[0]: found "a", expected a mapping with name and address',
      `cluster.yaml:4:25: hosts[1].address: found "127.0.0.1", expected the host's own address on the LAN, not a loopback, multicast or reserved one`,
    ]);
  });
});

describe("secrets", () => {
  const key = "PVcExGWGZeYR79CiRUT4vA==";

  test.each([
    ["as a value", `consul: { datacenter: "${key}" }`],
    ["as a value of an unknown key", `consul: { encrypt: "${key}" }`],
    ["as a key", `consul: { ${key}: x }`],
    ["in broken YAML", `consul: { encrypt: *${key}`],
    ["where a mapping is expected", `weave: "${key}"`],
    ["as a file path", `ssh: { keyFile: "${key}" }`],
  ])("a gossip key %s is never printed", (_, line) => {
    const { problems } = load(three(line));
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join("\n")).not.toContain(key.slice(0, 12));
  });

  test("nor is a private key", () => {
    const pem = '"-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU"';
    expect(load(three(`ssh: { keyFile: ${pem} }`)).problems).toEqual([
      "cluster.yaml:6:17: ssh.keyFile: found a value that is not shown, expected a path of letters, digits and . _ ~ / @ + -",
    ]);
  });

  test("ordinary values are shown, long names and addresses too", () => {
    expect(load(three("consul: { dataDir: srv/consul/server-data/production }")).problems[0]).toContain(
      'found "srv/consul/server-data/production"',
    );
  });
});

test("files are shown beside the cluster file as it was given", () => {
  const folder = files({ "my.yaml": three() });
  expect(() => loadCluster(join(folder, "my.yaml"), { hostKeys: "ignore" })).toThrow(
    `${folder}/artifacts.lock.json:1:1: (file): found no such file`,
  );
});
