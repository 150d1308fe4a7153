/** Rules that span fields, roles by default, and the host keys. */
import { describe, expect, test } from "vitest";
import { load, three } from "../fixtures/files.js";

describe("rules", () => {
  test.each([
    ["pg", 'conn_str: "postgres://ops:CANARY@db/state"', "conn_str", "PG_CONN_STR"],
    ["pg", 'conn_str: "host=db user=ops password=CANARY"', "conn_str", "PG_CONN_STR"],
    ["s3", "secret_key: CANARY", "secret_key", "AWS_SECRET_ACCESS_KEY"],
    ["s3", "access_key: CANARY", "access_key", "AWS_ACCESS_KEY_ID"],
    ["s3", "assume_role: { token: CANARY }", "assume_role.token", "AWS_PROFILE"],
    ["http", "password: CANARY", "password", "TF_HTTP_PASSWORD"],
    ["http", 'address: "https://ops:CANARY@state.example/x"', "address", "TF_HTTP_PASSWORD"],
    ["consul", "access_token: CANARY", "access_token", "CONSUL_HTTP_TOKEN"],
    ["consul", 'http_auth: "ops:CANARY"', "http_auth", "CONSUL_HTTP_AUTH"],
  ])("a credential for the %s backend is refused, and not shown: %s", (type, line, field, variable) => {
    const { problems } = load(three(`backend: { type: ${type}, config: { ${line} } }`));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`backend.config.${field}: found a credential, expected none`);
    expect(problems[0]).toContain(variable);
    expect(problems[0]).not.toContain("CANARY");
  });

  test.each([
    ["s3", "{ bucket: state, key: rack/terraform.tfstate, region: eu-north-1, use_lockfile: true }"],
    ["consul", "{ address: 10.0.0.1:8500, path: rack }"],
    ["http", "{ address: https://state.example/rack, lock_address: https://state.example/rack }"],
    ["pg", "{ schema_name: rack }"],
  ])("settings of the %s backend that are no credentials are taken", (type, config) => {
    expect(load(three(`backend: { type: ${type}, config: ${config} }`)).problems).toEqual([]);
  });

  test("hosts in another order are the same cluster", () => {
    const entries = ["h10", "h2", "h1"].map((name, i) => `  - { name: ${name}, address: 10.0.0.${i + 1} }`);
    const names = (lines: string[]) =>
      load(`name: test\nhosts:\n${lines.join("\n")}\n`).cluster?.hosts.map(({ name, consul }) => `${name} ${consul}`);
    expect(names(entries)).toEqual(["h1 server", "h2 server", "h10 server"]);
    expect(names([...entries].reverse())).toEqual(names(entries));
  });

  test.each([
    [
      "1.21.5",
      '6:20: consul.version: found "1.21.5", expected another version: 1.21.5 refuses the keys that Swarm writes; 1.21.4 and 1.22.0 take them',
    ],
    ["1.8.7", '6:20: consul.version: found "1.8.7", expected 1.9.0 or newer'],
    ["0.9.0", '6:20: consul.version: found "0.9.0", expected 1.9.0 or newer'],
  ])("Consul %s is refused", (version, message) => {
    expect(load(three(`consul: { version: ${version} }`)).problems).toEqual([`cluster.yaml:${message}`]);
  });

  test.each(["1.9.0", "1.10.0", "1.20.5", "1.21.4", "1.21.6", "1.22.0", "2.1.0"])("Consul %s is taken", (version) => {
    expect(load(three(`consul: { version: ${version} }`)).problems).toEqual([]);
  });

  const acl = "\nsecurity: { consulAcl: true }";
  test.each([
    ["version: 1.14.11", 'consul.version: found "1.14.11", expected 1.15.0 or newer, which security.consulAcl needs'],
    ["bootstrap: handover", 'consul.bootstrap: found "handover", expected expect, which security.consulAcl needs'],
  ])("Consul's access control with %s is refused", (line, message) => {
    const { problems } = load(three(`consul: { ${line} }${acl}`));
    expect(problems).toEqual([expect.stringContaining(message)]);
    expect(load(three(`consul: { ${line} }`)).problems).toEqual([]);
  });

  test.each([
    ["version: 1.11.11", 'version: found "1.11.11", expected 1.12.0 or newer, with security.consulTls'],
    [
      "bootstrap: handover",
      'bootstrap: found "handover", expected expect, with security.consulTls: a server that bootstraps has to ask the others, which answer on loopback alone',
    ],
  ])("Consul's TLS does not go with consul: { %s }", (field, message) => {
    const text = three(`consul: { ${field} }\nsecurity: { consulTls: true }\n`);
    const { problems } = load(text, {}, { lock: "ignore", hostKeys: "ignore", certificates: "ignore" });
    expect(problems).toEqual([expect.stringMatching(/^cluster\.yaml:6:\d+: consul\./)]);
    expect(problems[0]?.endsWith(message)).toBe(true);
  });

  test.each([
    ["2.6.5", "weaveworks", true],
    ["2.8.1", "weaveworks", true],
    ["2.6.4", "weaveworks", false],
    ["2.9.0", "weaveworks", false],
    ["2.8.3", "rajchaudhuri", true],
    ["2.9.0", "rajchaudhuri", true],
    ["2.8.1", "rajchaudhuri", false],
    ["2.8.2", "rajchaudhuri", false],
    ["2.10.0", "rajchaudhuri", false],
  ])("Weave Net %s of %s: %s", (version, images, fits) => {
    const { problems } = load(three(`weave: { version: ${version}, images: ${images} }`));
    expect(problems).toEqual(
      fits
        ? []
        : [
            `cluster.yaml:6:19: weave.version: found "${version}" with images of ${images}, expected 2.6.5 to 2.8.1 with images: weaveworks, or 2.8.3 to 2.9.0 with images: rajchaudhuri`,
          ],
    );
  });

  test("images that a team has built are of any version, and it says what nobody else knows of them", () => {
    const own = (more: string) =>
      load(three(`weave: { images: registry.example:5000/team, version: 3.0.0${more} }`)).problems;
    expect(own(', dockerApi: "1.24", script: https://files.example/weave')).toEqual([]);
    expect(own(', dockerApi: "1.24" }\nartifacts: { mirror: http://mirror.example')).toEqual([]);
    const [alone, ...more] = own("");
    expect(alone).toMatch(
      /^cluster\.yaml:6:18: weave\.images: found "registry\.example:5000\/team" alone, expected for images of your own also weave\.dockerApi, .*; and weave\.script, /,
    );
    expect(more).toEqual([]);
    expect(own(", script: https://files.example/weave")[0]).toMatch(/also weave\.dockerApi, [^;]*$/);
  });

  test("an owner that does not fit the default version is pointed at where it stands", () => {
    expect(load(three("weave: { images: weaveworks }")).problems[0]).toMatch(
      /^cluster\.yaml:6:18: weave\.version: found "2\.9\.0" with images of weaveworks, /,
    );
  });

  test.each([
    ["10.0.0.0/16", "a range without the hosts' addresses (hosts[0] is 10.0.0.1)"],
    ["10.32.0.1/12", "the range's first address: 10.32.0.0/12"],
    ["10.300.0.0/12", "an IPv4 range such as 10.32.0.0/12, with a prefix from 1 to 30"],
    ["10.32.0.0/31", "an IPv4 range such as 10.32.0.0/12, with a prefix from 1 to 30"],
    ["10.32.0.0", "an IPv4 range such as 10.32.0.0/12"],
  ])("weave.range %s", (range, expected) => {
    expect(load(three(`weave: { range: ${range} }`)).problems).toEqual([
      `cluster.yaml:6:17: weave.range: found "${range}", expected ${expected}`,
    ]);
  });

  test("a host inside the default range is pointed at, since the range stands nowhere", () => {
    expect(load("name: t\nhosts:\n  - { name: a, address: 10.40.0.1 }\n").problems).toEqual([
      `cluster.yaml:3:25: weave.range: found "10.32.0.0/12", expected a range without the hosts' addresses (hosts[0] is 10.40.0.1)`,
    ]);
  });

  describe("more hosts than a Weave router takes connections are refused", () => {
    const many = (hosts: number, rest = "") => {
      const lines = Array.from(
        { length: hosts },
        (_, i) => `  - { name: h${i}, address: 10.0.${i >> 7}.${(i & 127) + 1} }`,
      );
      return load(["name: t", "hosts:", ...lines, rest, ""].join("\n")).problems;
    };
    const enough = (hosts: number) =>
      `${hosts - 1} or more, or 0 for no limit: each of ${hosts} routers is connected to all others`;

    test("by Weave's own number where the cluster file has none", () => {
      expect(many(201)).toEqual([]);
      expect(many(202)).toEqual([
        `cluster.yaml:3:3: hosts: found 202 hosts, expected at most 201, since a router takes 200 connections, or weave.connectionLimit: ${enough(202)}`,
      ]);
    });

    test("by that of the cluster file, in both directions", () => {
      expect(many(4, "weave: { connectionLimit: 2 }")).toEqual([
        `cluster.yaml:7:27: weave.connectionLimit: found 2, expected ${enough(4)}`,
      ]);
      expect(many(202, "weave: { connectionLimit: 201 }")).toEqual([]);
      expect(many(300, "weave: { connectionLimit: 0 }")).toEqual([]);
    });
  });

  test.each([
    ["10.0.0.0/8", "the operators' own addresses: a range with a prefix of 16 or more"],
    ["0.0.0.0/0", "the operators' own addresses: a range with a prefix of 16 or more"],
    ["10.0.9.5/24", "the range's first address: 10.0.9.0/24"],
    ["10.0.9.300", "an IPv4 address such as 10.0.9.5 or a range such as 10.0.9.0/24"],
    ["10.0.9.0/33", "an IPv4 address such as 10.0.9.5 or a range such as 10.0.9.0/24"],
    ["127.0.0.1", "an address that hosts see, not a loopback, multicast or reserved one"],
    ["10.0.8.0/24", "one that no other entry holds (operators[0] is 10.0.8.7)"],
  ])("firewall.operators %s", (range, expected) => {
    expect(load(three(`firewall: { operators: [10.0.8.7, ${range}] }`)).problems).toEqual([
      `cluster.yaml:6:35: firewall.operators[1]: found "${range}", expected ${expected}`,
    ]);
  });

  test("operators are addresses and ranges of which none holds another", () => {
    const operators = "[10.0.9.5, 10.0.8.0/24, 172.17.0.0/16, 10.0.9.6/32]";
    expect(load(three(`firewall: { managed: true, operators: ${operators} }`)).problems).toEqual([]);
  });

  test("a mirror and a directory exclude each other", () => {
    expect(load(three("artifacts:\n  mirror: http://mirror\n  directory: files\n")).problems).toEqual([
      "cluster.yaml:8:3: artifacts.directory: found both mirror and directory, expected one of them",
    ]);
  });

  test("names and addresses belong to one host each", () => {
    const text = "name: t\nhosts:\n  - { name: a, address: 10.0.0.1 }\n  - { name: a, address: 10.0.0.1 }\n";
    expect(load(text).problems).toEqual([
      'cluster.yaml:4:13: hosts[1].name: found "a", expected a name of its own (hosts[0] has it too)',
      'cluster.yaml:4:25: hosts[1].address: found "10.0.0.1", expected an address of its own (hosts[0] has it too)',
    ]);
  });

  test("a removed host is no longer a host, and those that stay say what they are", () => {
    const text = `name: t
hosts:
  - { name: a, address: 10.0.0.1, consul: server }
  - { name: b, address: 10.0.0.2 }
removed:
  - { name: a, address: 10.0.0.3 }
  - { name: c, address: 10.0.0.2, lost: true }
`;
    expect(load(text).problems).toEqual([
      expect.stringMatching(/^cluster\.yaml:4:5: hosts\[1\].*consul: server or client, as b is in the running cluster/),
      expect.stringMatching(
        /^cluster\.yaml:6:13: removed\[0\]\.name: found "a", expected a name that no host has \(hosts\[0\]/,
      ),
      expect.stringMatching(
        /^cluster\.yaml:7:\d+: removed\[1\]\.address: found "10\.0\.0\.2", expected an address that no host has/,
      ),
    ]);
  });

  test("somebody has to be server, manager and agent", () => {
    expect(load("name: t\nhosts:\n  - { name: a, address: 10.0.0.1, consul: client, swarm: [] }\n").problems).toEqual([
      "cluster.yaml:3:3: hosts: found no Consul server, expected at least one host that is not consul: client",
      "cluster.yaml:3:3: hosts: found no Swarm manager, expected at least one host with swarm: [manager, …]",
      "cluster.yaml:3:3: hosts: found no Swarm agent, expected at least one host with swarm: [agent, …]",
    ]);
  });
});

describe("a host that is down", () => {
  const line = (name: string, rest = "") =>
    `  - { name: ${name}, address: 10.0.0.${name.charCodeAt(0) - 96}${rest} }\n`;
  const down = ", down: true";

  test("stays a host and a server, and is not up", () => {
    const { cluster, problems } = load(`name: t\nhosts:\n${line("a") + line("b") + line("c", down)}`);
    expect(problems).toEqual([]);
    expect(cluster?.hosts.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(cluster?.servers.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(cluster?.up.map(({ name }) => name)).toEqual(["a", "b"]);
  });

  test("needs no key in known_hosts", () => {
    const text = `name: t\nhosts:\n${line("a") + line("b", `, consul: client${down}`)}`;
    const { problems } = load(text, { known_hosts: "10.0.0.1 ssh-ed25519 AAAA\n" });
    expect(problems.filter((problem) => /known_hosts/.test(problem))).toEqual([]);
  });

  test.each([
    [
      "every host",
      line("a", down) + line("b", down),
      ["3:41: hosts[0].down: found true, expected at least one host that is not down"],
    ],
    [
      "half of the servers",
      line("a", ", consul: server") + line("b", `, consul: server${down}`),
      ["4:57: hosts[1].down: found true, expected a majority of the Consul servers up: 2 of 2, not 1"],
    ],
    [
      "two of three servers",
      line("a") + line("b", down) + line("c", down),
      ["4:41: hosts[1].down: found true, expected a majority of the Consul servers up: 2 of 3, not 1"],
    ],
    [
      "the only manager",
      line("a", ", swarm: [agent]") + line("b", `, consul: client${down}`),
      ["4:57: hosts[1].down: found true, expected at least one Swarm manager that is not down"],
    ],
    [
      "the only agent",
      line("a", ", swarm: [manager]") + line("b", `, consul: client${down}`),
      ["4:57: hosts[1].down: found true, expected at least one Swarm agent that is not down"],
    ],
  ])("cannot be %s", (_, hosts, problems) => {
    expect(load(`name: t\nhosts:\n${hosts}`).problems).toEqual(problems.map((problem) => `cluster.yaml:${problem}`));
  });

  test("cannot leave", () => {
    const removed = `removed:\n${line("b", down)}`;
    expect(load(`name: t\nhosts:\n${line("a", ", consul: server")}${removed}`).problems).toEqual([
      "cluster.yaml:5:41: removed[0].down: found true, expected no such line: a host that leaves is asked to; one that is gone for good has lost: true instead",
    ]);
  });

  test("is down or not", () => {
    expect(load(`name: t\nhosts:\n${line("a", ", down: maybe")}`).problems).toEqual([
      'cluster.yaml:3:41: hosts[0].down: found "maybe", expected true or false',
    ]);
  });
});

const hosts = (roles: readonly string[]) =>
  `name: t\nhosts:\n${roles.map((role, i) => `  - { name: h${i}, address: 10.0.0.${i + 1}${role && `, consul: ${role}`} }\n`).join("")}`;

describe("roles", () => {
  test.each([
    [1, 1],
    [2, 1],
    [3, 3],
    [4, 3],
    [5, 5],
    [9, 5],
  ])("of %i hosts without roles the first %i are servers", (count, servers) => {
    const { cluster, warnings } = load(hosts(Array(count).fill("")));
    expect(cluster?.hosts.map(({ consul }) => consul)).toEqual(
      Array.from({ length: count }, (_, i) => (i < servers ? "server" : "client")),
    );
    expect(cluster?.servers).toHaveLength(servers);
    expect(warnings).toEqual([]);
  });

  test("hosts with a role count, the others fill up to an odd number", () => {
    const roles = (written: readonly string[]) => load(hosts(written)).cluster?.servers.map(({ name }) => name);
    expect(roles(["client", "", "", ""])).toEqual(["h1", "h2", "h3"]);
    expect(roles(["", "", "", "", "server"])).toEqual(["h0", "h1", "h2", "h3", "h4"]);
    expect(roles(["", "", "client", "client", "server"])).toEqual(["h0", "h1", "h4"]);
    expect(roles(["", "", "client"])).toEqual(["h0"]);
  });

  test("an even number of servers and more than five are warned about, not refused", () => {
    expect(load(hosts(["server", "server"]))).toMatchObject({
      problems: [],
      warnings: [
        "warning: cluster.yaml:3:3: hosts: 2 Consul servers survive no more failures than 1: make one a client or add one",
      ],
    });
    expect(load(hosts(Array(7).fill("server"))).warnings).toEqual([
      "warning: cluster.yaml:3:3: hosts: 7 Consul servers: every write waits for a majority of them; 5 are enough",
    ]);
  });

  test("every host is manager and agent unless it says otherwise", () => {
    const { cluster } = load(
      "name: t\nhosts:\n  - { name: a, address: 10.0.0.1 }\n  - { name: b, address: 10.0.0.2, swarm: [agent] }\n",
    );
    expect(cluster?.hosts.map(({ manager }) => manager)).toEqual([true, false]);
    expect(cluster?.hosts.map(({ agent }) => agent)).toEqual([true, true]);
  });
});

describe("logins", () => {
  test("a host's own ssh settings go before the cluster's", () => {
    const text = `name: t
hosts:
  - { name: a, address: 10.0.0.1, ssh: { user: ops, port: 2222, keyFile: ~/.ssh/a } }
  - { name: b, address: 10.0.0.2 }
ssh: { user: admin, keyFile: keys/id, bastion: { address: 192.0.2.1 } }
`;
    const { cluster } = load(text);
    expect(cluster?.hosts.map(({ login }) => login)).toEqual([
      { address: "10.0.0.1", user: "ops", port: 2222, keyFile: "~/.ssh/a", hostKeys: [] },
      { address: "10.0.0.2", user: "admin", port: 22, keyFile: "keys/id", hostKeys: [] },
    ]);
    // The key of the hosts is offered to the bastion too, its user is not.
    expect(cluster?.bastion).toEqual({
      address: "192.0.2.1",
      user: "root",
      port: 22,
      keyFile: "keys/id",
      hostKeys: [],
    });
  });
});

describe("host keys", () => {
  const one = "name: t\nhosts:\n  - { name: a, address: 10.0.0.1 }\n";
  const keys = (text: string, known: string) => load(text, { known_hosts: known }).cluster?.hosts[0]?.login.hostKeys;

  test("all are kept, the one that Terraform negotiates first", () => {
    const known =
      "10.0.0.1 ssh-ed25519 EEEE\n# a comment\n\n10.0.0.2 ssh-rsa XXXX\n10.0.0.1 ssh-rsa RRRR\n10.0.0.1 ecdsa-sha2-nistp256 CCCC comment\n";
    expect(keys(one, known)).toEqual(["ecdsa-sha2-nistp256 CCCC", "ssh-rsa RRRR", "ssh-ed25519 EEEE"]);
  });

  test("several names on a line, and a port of its own", () => {
    expect(keys(one, "a,10.0.0.1 ssh-rsa RRRR\n")).toEqual(["ssh-rsa RRRR"]);
    const port = one.replace("10.0.0.1 }", "10.0.0.1, ssh: { port: 2222 } }");
    expect(keys(port, "10.0.0.1 ssh-rsa QQQQ\n[10.0.0.1]:2222 ssh-rsa RRRR\n")).toEqual(["ssh-rsa RRRR"]);
    expect(keys(port, "10.0.0.1 ssh-rsa QQQQ\n")).toEqual(["ssh-rsa QQQQ"]);
  });

  test("a revoked key and a certificate authority are no host keys", () => {
    const known =
      "10.0.0.1 ssh-rsa RRRR\n10.0.0.1 ssh-ed25519 EEEE\n@revoked * ssh-rsa RRRR\n@cert-authority 10.0.0.1 ssh-rsa SSSS\n";
    expect(keys(one, known)).toEqual(["ssh-ed25519 EEEE"]);
  });

  test.each([
    [
      "no known_hosts",
      undefined,
      one,
      '3:25: hosts[0].address: found no key of 10.0.0.1 (there is no known_hosts), expected one line "10.0.0.1 TYPE KEY" in known_hosts: run scripts/hostkeys',
    ],
    [
      "no key",
      "",
      one,
      '3:25: hosts[0].address: found no key of 10.0.0.1 in known_hosts, expected one line "10.0.0.1 TYPE KEY" in known_hosts: run scripts/hostkeys',
    ],
    [
      "hashed entries",
      "|1|salt=|hash= ssh-rsa RRRR\n",
      one,
      '3:25: hosts[0].address: found no key of 10.0.0.1 in known_hosts (its hashed entries cannot be read: 1), expected one line "10.0.0.1 TYPE KEY" in known_hosts: run scripts/hostkeys',
    ],
    [
      "a bastion without a key",
      "10.0.0.1 ssh-rsa RRRR\n",
      `${one}ssh: { bastion: { address: jump.example, port: 2200 } }`,
      '4:28: ssh.bastion.address: found no key of [jump.example]:2200 in known_hosts, expected one line "[jump.example]:2200 TYPE KEY" in known_hosts: run scripts/hostkeys',
    ],
    [
      "a host that leaves without a key",
      "10.0.0.1 ssh-rsa RRRR\n",
      `${one.replace("}", ", consul: server }")}removed:\n  - { name: b, address: 10.0.0.2, lost: true }\n  - { name: c, address: 10.0.0.3, ssh: { port: 2222 } }\n`,
      '6:25: removed[1].address: found no key of [10.0.0.3]:2222 in known_hosts, expected one line "[10.0.0.3]:2222 TYPE KEY" in known_hosts: run scripts/hostkeys',
    ],
  ])("%s", (_, known, text, message) => {
    const { problems } = load(text, known === undefined ? {} : { known_hosts: known }, { lock: "ignore" });
    expect(problems).toEqual([`cluster.yaml:${message}`]);
  });

  test("are not asked for when checking is off", () => {
    const { cluster, problems } = load(`${one}ssh: { hostKeyChecking: off }\n`, {}, { lock: "ignore" });
    expect(problems).toEqual([]);
    expect(cluster?.hosts[0]?.login.hostKeys).toEqual([]);
  });
});
