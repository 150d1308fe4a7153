/** Packages: what hosts answer becomes lock entries. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadCluster } from "../../../cluster/load.js";
import type { Artifact } from "../../../cluster/model.js";
import { fromHosts, merge, parseAnswer } from "../../../commands/lock/packages.js";
import { inventoryHere } from "../../../commands/shared/command.js";
import { hostScript } from "../../../commands/shared/host-scripts.js";
import type { Run, SshResult } from "../../../ssh/ssh.js";
import { files, three } from "../../fixtures/files.js";

const sum = (digit: string) => digit.repeat(64);

const inventory = inventoryHere(
  loadCluster(join(files({ "cluster.yaml": three() }), "cluster.yaml"), { lock: "ignore", hostKeys: "ignore" }),
);

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
    expect(await fromHosts(inventory, run, [], (line) => said.push(line))).toEqual([
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
      "answered a (1 of 3): debian-12-amd64, lacks unzip (1 package)",
      "answered b (2 of 3): debian-12-amd64, lacks nothing",
      "answered c (3 of 3): debian-12-amd64, lacks docker-engine and unzip (2 packages)",
    ]);
  });

  test("hosts are asked for nftables only where they get an allow-list, and it is kept then", async () => {
    const asked: (readonly string[] | undefined)[] = [];
    const run: Run = async (_, __, args) => {
      asked.push(args);
      return ok(debian);
    };
    const nftables = { ...(old[2] as Artifact), name: "package:nftables:nftables", platform: "debian-12-amd64" };
    const managed = (firewall: { managed: boolean; operators: string[] } | undefined) =>
      fromHosts(
        { ...inventory, settings: { ...inventory.settings, ...(firewall && { firewall }) } },
        run,
        [nftables],
        () => {},
      );
    expect(await managed(undefined)).toEqual([]);
    expect(await managed({ managed: false, operators: ["10.0.9.5"] })).toEqual([]);
    expect(await managed({ managed: true, operators: [] })).toEqual([nftables]);
    const [first, second, third] = [0, 3, 6].map((i) => asked[i]);
    expect([first, second, third]).toEqual([["docker.io"], ["docker.io"], ["docker.io", "", "nftables"]]);
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
    await expect(fromHosts(inventory, run, [], () => {})).rejects.toThrow(
      [
        "a (10.0.0.1): unreachable: 10.0.0.1 port 22: connection timed out; to fix it: start the host and check its network, or correct its address in the cluster file",
        "c (10.0.0.3): E: Unable to locate package nodocker; apt-get cannot install nodocker",
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

  test("a source that wants a login is an error that does not show it", () => {
    const answer = unzip.replace("http://", "http://ops:CANARY@");
    const merged = () => merge([parseAnswer({ name: "a" }, debian + answer)], [], () => {});
    expect(merged).toThrow("package:unzip:unzip: the package source of a wants a login");
    expect(merged).not.toThrow(/CANARY/);
  });

  test("entries of a group that no host lacks any more are kept, for the day a host is rebuilt", () => {
    const said: string[] = [];
    expect(
      merge([parseAnswer({ name: "a" }, debian + unzip)], old, (line) => said.push(line)).map(({ name }) => name),
    ).toEqual(["package:unzip:unzip", "package:docker-engine:docker.io", "package:docker-engine:runc"]);
    expect(said).toEqual(["kept     2 packages that no host lacks any more: a rebuilt host needs them"]);
  });

  test("entries of a group that a host lacks are replaced as a whole", () => {
    expect(merge([parseAnswer({ name: "a" }, debian + engine())], old, () => {})).toEqual([
      expect.objectContaining({ name: "package:docker-engine:docker.io", version: "20.10" }),
    ]);
  });
});

test("the script for hosts asks apt for nothing when nothing is lacking", () => {
  const folder = files({});
  for (const name of ["dockerd", "unzip", "apt-get", "dpkg"]) {
    writeFileSync(join(folder, name), "#!/bin/sh\necho amd64\n");
    chmodSync(join(folder, name), 0o755);
  }
  const stdout = execFileSync("sh", ["-s", "--", "docker.io"], {
    input: hostScript("probes/resolve-packages.sh"),
    encoding: "utf8",
    env: { PATH: `${folder}:${process.env.PATH}` },
  });
  expect(stdout).toMatch(/^platform [a-z]+-[0-9.]+-amd64\n$/);
});

test("the script for hosts asks apt for unzip alone where the engine is not wanted, and for nftables when told to", () => {
  const folder = files({
    "apt-get": `#!/bin/sh\necho "apt-get $*" >>"$(dirname "$0")/called"\ncase "$*" in *print-uris*) exit 1 ;; esac\n`,
    "apt-config": "#!/bin/sh\necho 'APT \"\";'\n",
    dpkg: "#!/bin/sh\necho amd64\n",
  });
  for (const name of ["apt-get", "apt-config", "dpkg"]) {
    chmodSync(join(folder, name), 0o755);
  }
  for (const name of ["sed", "grep", "cat", "mktemp", "mkdir", "rm", "dirname", "sh"]) {
    symlinkSync(join("/bin", name), join(folder, name));
  }
  const script = hostScript("probes/resolve-packages.sh").replace(/^PATH=.*$/m, `PATH=${folder}`);
  const called = (...args: string[]) => {
    spawnSync("/bin/sh", ["-s", "--", ...args], { input: script });
    return readFileSync(join(folder, "called"), "utf8");
  };
  expect(called("-")).toMatch(/print-uris install unzip\n$/);
  writeFileSync(join(folder, "unzip"), "#!/bin/sh\n", { mode: 0o755 });
  expect(called("-", "", "nftables")).toMatch(/print-uris install nftables\n$/);
});
