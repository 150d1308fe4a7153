/** Packages: what hosts answer becomes lock entries; and how hosts are spoken to. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { loadCluster } from "../../../cluster/load.js";
import type { Artifact, Cluster } from "../../../cluster/model.js";
import { fromHosts, merge, parseAnswer } from "../../../commands/lock/packages.js";
import { explain, inParallel, type Run, type SshResult, withSsh } from "../../../ssh/ssh.js";
import { files, three } from "../../fixtures/files.js";

const sum = (digit: string) => digit.repeat(64);

function cluster(more = ""): Cluster {
  const folder = files({
    "cluster.yaml": three(more),
    id: "a private key",
    known_hosts: "10.0.0.1 ssh-ed25519 AAAA\n[10.0.0.2]:2222 ssh-rsa BBBB\njump ssh-rsa CCCC\n",
  });
  return loadCluster(join(folder, "cluster.yaml"), { lock: "ignore", hostKeys: "ignore" });
}

const engine = (version = "20.10", digit = "a") =>
  `package docker-engine docker.io ${version} ${sum(digit)} http://deb.example/docker.io_${version}.deb\n`;
const unzip = `package unzip unzip 6.0-28 ${sum("b")} http://deb.example/unzip.deb\n`;
const debian = "platform debian-12-amd64\n";
const ok = (stdout: string): SshResult => ({ status: 0, stdout, stderr: "" });

/** Hosts that answer so. */
const hosts =
  (answers: Record<string, SshResult>): Run =>
  async (where) =>
    (where === "bastion" ? undefined : answers[where.name]) ?? { status: 255, stdout: "", stderr: "" };

const old: Artifact[] = [
  {
    name: "package:docker-engine:docker.io",
    platform: "debian-12-amd64",
    version: "20.9",
    sha256: sum("c"),
    source: "http://deb.example/old.deb",
  },
  {
    name: "package:docker-engine:runc",
    platform: "debian-12-amd64",
    version: "1.0",
    sha256: sum("d"),
    source: "http://deb.example/runc.deb",
  },
  {
    name: "package:unzip:unzip",
    platform: "debian-11-amd64",
    version: "5",
    sha256: sum("e"),
    source: "http://deb.example/unzip5.deb",
  },
  { name: "weave", platform: "any", version: "2.9.0", sha256: sum("f"), source: "https://x/weave" },
];

describe("what hosts lack", () => {
  test("is put together over all hosts, and said for each", async () => {
    const said: string[] = [];
    const run = hosts({ a: ok(`${debian}${unzip}`), b: ok(debian), c: ok(`${debian}${engine()}${unzip}`) });
    expect(await fromHosts(cluster(), run, [], (line) => said.push(line))).toEqual([
      {
        name: "package:unzip:unzip",
        platform: "debian-12-amd64",
        version: "6.0-28",
        sha256: sum("b"),
        source: "http://deb.example/unzip.deb",
      },
      {
        name: "package:docker-engine:docker.io",
        platform: "debian-12-amd64",
        version: "20.10",
        sha256: sum("a"),
        source: "http://deb.example/docker.io_20.10.deb",
      },
    ]);
    expect(said).toEqual([
      "asking   3 hosts which packages they lack",
      "answered a (1 of 3): debian-12-amd64, lacks unzip (1 packages)",
      "answered b (2 of 3): debian-12-amd64, lacks nothing",
      "answered c (3 of 3): debian-12-amd64, lacks docker-engine and unzip (2 packages)",
    ]);
  });

  test("every host that does not answer is named", async () => {
    const run = hosts({
      a: { status: 255, stdout: "", stderr: "ssh: connect to host 10.0.0.1 port 22: Connection timed out\r\n" },
      b: ok(debian),
      c: {
        status: 1,
        stdout: debian,
        stderr: "E: Unable to locate package nodocker\napt-get cannot install nodocker\n",
      },
    });
    await expect(fromHosts(cluster(), run, [], () => {})).rejects.toThrow(
      [
        "a (root@10.0.0.1:22): not reachable by ssh: ssh: connect to host 10.0.0.1 port 22: Connection timed out",
        "c (root@10.0.0.3:22): E: Unable to locate package nodocker; apt-get cannot install nodocker",
      ].join("\n"),
    );
  });

  test("hosts whose package sources differ are an error that names both", () => {
    const answers = [
      parseAnswer({ name: "a" }, debian + engine("1", "a")),
      parseAnswer({ name: "b" }, debian + engine("2", "b")),
    ];
    expect(() => merge(answers, [], () => {})).toThrow(
      "package:docker-engine:docker.io: a finds version 1, b finds 2: give the hosts the same package sources",
    );
  });

  test("entries of a group that no host lacks any more are kept, for the day a host is rebuilt", () => {
    const said: string[] = [];
    expect(
      merge([parseAnswer({ name: "a" }, debian + unzip)], old, (line) => said.push(line)).map(({ name }) => name),
    ).toEqual(["package:unzip:unzip", "package:docker-engine:docker.io", "package:docker-engine:runc"]);
    expect(said).toEqual(["kept     2 packages that hosts have by now and a rebuilt host will want"]);
  });

  test("entries of a group that a host lacks are replaced as a whole", () => {
    expect(merge([parseAnswer({ name: "a" }, debian + engine())], old, () => {})).toEqual([
      expect.objectContaining({ name: "package:docker-engine:docker.io", version: "20.10" }),
    ]);
  });
});

describe("ssh", () => {
  const path = process.env.PATH;
  afterEach(() => {
    process.env.PATH = path;
  });

  /** Puts a program called ssh in front of the real one. */
  function standIn(script: string): void {
    const folder = files({ ssh: `#!/bin/sh\n${script}\n` });
    chmodSync(join(folder, "ssh"), 0o755);
    process.env.PATH = `${folder}:${path}`;
  }

  const real = () => execFileSync("/bin/sh", ["-c", "command -v ssh"], { encoding: "utf8" }).trim();

  async function settings(of: Cluster, where = 0): Promise<Record<string, string>> {
    standIn(`exec ${real()} -G "$@"`);
    const host = of.hosts[where];
    if (!host) throw new Error("no such host");
    const { stdout } = await withSsh(of, (run) => run(host, ""));
    return Object.fromEntries(
      stdout.split("\n").map((line) => [line.split(" ")[0] ?? "", line.split(" ").slice(1).join(" ")]),
    );
  }

  test("logs in as the cluster file says and as nothing else does", async () => {
    const of = cluster("ssh: { user: ops, port: 2222, keyFile: id, timeoutSeconds: 7 }");
    expect(await settings(of, 1)).toMatchObject({
      hostname: "10.0.0.2",
      user: "ops",
      port: "2222",
      identityfile: join(of.directory, "id"),
      identitiesonly: "yes",
      batchmode: "yes",
      connecttimeout: "7",
      stricthostkeychecking: "true",
      globalknownhostsfile: "/dev/null",
    });
  });

  test("through the bastion, by the agent, without checking when that is off", async () => {
    const of = cluster("ssh: { hostKeyChecking: off, bastion: { address: jump } }");
    expect(await settings(of)).toMatchObject({
      proxyjump: "_bastion",
      identityfile: "none",
      stricthostkeychecking: "false",
      userknownhostsfile: "/dev/null",
    });
  });

  test("hands over known keys, the script and its arguments, and leaves no file behind", async () => {
    const notes = join(files({}), "notes");
    standIn(
      `cat "$(dirname "$2")/known_hosts"; shift 2; printf '%s|' "$@"; cat; echo oops >&2; echo "$0" >${notes}; exit 3`,
    );
    const of = cluster();
    let folder = "";
    const result = await withSsh(of, async (run) => {
      const host = of.hosts[1];
      if (!host) throw new Error("no host");
      return run(host, "the script\n", ["a b", "it's"]);
    });
    folder = readFileSync(notes, "utf8");
    expect(folder).not.toBe("");
    expect(result).toEqual({
      status: 3,
      stdout: "10.0.0.1 ssh-ed25519 AAAA\nb|sh -s -- 'a b' 'it'\\''s'|the script\n",
      stderr: "oops\n",
    });
  });

  test("gives up when the time is over, and still cleans up", async () => {
    const notes = join(files({}), "notes");
    standIn(`echo "$2" >${notes}; exec sleep 30`);
    const of = cluster();
    const host = of.hosts[0];
    if (!host) throw new Error("no host");
    const result = await withSsh(of, (run) => run(host, "", [], 0.5));
    expect(explain(host, result)).toBe("a (root@10.0.0.1:22): no answer in time");
    expect(existsSync(readFileSync(notes, "utf8").trim())).toBe(false);
  });

  test("a key file that is not there is said before anybody is contacted", async () => {
    const of = cluster("ssh: { keyFile: no/key }");
    await expect(withSsh(of, async () => 1)).rejects.toThrow(
      `keyFile: found no file ${of.directory}/no/key, expected a private key`,
    );
  });

  test.each([
    [
      "@@@\r\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\nHost key verification failed.\r\n",
      "shows another host key than known_hosts has: find out why; scripts/hostkeys --replace records the new one",
    ],
    [
      "No ED25519 host key is known for 10.0.0.1 and you have requested strict checking.\r\nHost key verification failed.\r\n",
      "known_hosts has no key of this machine: run scripts/hostkeys",
    ],
    [
      "root@10.0.0.1: Permission denied (publickey).\r\n",
      "login refused: check ssh.user and ssh.keyFile (root@10.0.0.1: Permission denied (publickey).)",
    ],
    [
      "stdio forwarding failed\r\nkex_exchange_identification: Connection closed by remote host\r\n",
      "the bastion does not reach it",
    ],
    [
      "ssh: connect to host 10.0.0.1 port 22: No route to host\r\n",
      "not reachable by ssh: ssh: connect to host 10.0.0.1 port 22: No route to host",
    ],
  ])("failures are one line each", (stderr, text) => {
    const host = cluster().hosts[0];
    if (!host) throw new Error("no host");
    expect(explain(host, { status: 255, stdout: "", stderr })).toBe(`a (root@10.0.0.1:22): ${text}`);
  });
});

test("work in parallel keeps its order and its limit", async () => {
  let [running, most] = [0, 0];
  const results = await inParallel(
    [5, 1, 3, 2, 4],
    async (n) => {
      most = Math.max(most, ++running);
      await new Promise((done) => setTimeout(done, n));
      running--;
      return n * 10;
    },
    2,
  );
  expect(results).toEqual([50, 10, 30, 20, 40]);
  expect(most).toBe(2);
});

test("the script for hosts asks apt for nothing when nothing is lacking", () => {
  const folder = files({});
  for (const name of ["dockerd", "unzip", "apt-get", "dpkg"]) {
    writeFileSync(join(folder, name), "#!/bin/sh\necho amd64\n");
    chmodSync(join(folder, name), 0o755);
  }
  const script = join(__dirname, "../../../scripts/host/probes/resolve-packages.sh");
  const stdout = execFileSync("sh", [script, "docker.io"], {
    encoding: "utf8",
    env: { PATH: `${folder}:${process.env.PATH}` },
  });
  expect(stdout).toMatch(/^platform [a-z]+-[0-9.]+-amd64\n$/);
});
