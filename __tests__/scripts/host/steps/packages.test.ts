/** Where steps get from what they install, with stand-ins for a host's programs and servers. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../../fixtures/clusters.js";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

const usual =
  "awk basename cat chmod cmp cp cut date dirname dpkg dpkg-query find getent grep head ls mkdir mktemp mv rm sed sh sha256sum sleep sort stat tail timeout touch tr uname".split(
    " ",
  );

/** Steps as they lie on a host, with a state folder of their own. */
class Host {
  public readonly folder = temporaryFolder();
  public readonly state = join(this.folder, "state");
  private readonly bin = join(this.folder, "bin");
  private readonly scripts = join(this.folder, "scripts");

  public constructor() {
    cpSync("scripts/host/steps", this.scripts, { recursive: true });
    for (const folder of [this.state, this.bin, join(this.folder, "artifacts")]) {
      mkdirSync(folder);
    }
    this.edit("names.sh", /^state=.*$/m, `state=${this.state}`);
    this.edit("lib.sh", /^PATH=/m, `PATH=${this.bin}:`);
    this.write("artifacts.tsv", "");
  }

  public edit(script: string, from: RegExp, to: string): this {
    const path = join(this.scripts, script);
    const was = readFileSync(path, "utf8");
    if (!from.test(was)) {
      throw new Error(`${script} has no ${from}`);
    }
    writeFileSync(path, was.replace(from, to));
    return this;
  }

  public write(name: string, text: string): this {
    writeFileSync(join(this.folder, name), text);
    return this;
  }

  /** A program of the host; what it is called with goes to the file `called`. */
  public program(name: string, body: string): this {
    writeFileSync(join(this.bin, name), `#!/bin/sh\necho "${name} $*" >>${this.folder}/called\n${body}\n`, {
      mode: 0o755,
    });
    return this;
  }

  /** Of this machine's programs, the host has the usual ones and these. */
  public onlyHas(...names: readonly string[]): this {
    for (const name of [...usual, ...names]) {
      const path = ["/bin", "/sbin"].map((folder) => join(folder, name)).find(existsSync);
      if (path && !existsSync(join(this.bin, name))) {
        symlinkSync(path, join(this.bin, name));
      }
    }
    return this.edit("lib.sh", /^PATH=.*$/m, `PATH=${this.bin}`);
  }

  public get called(): string[] {
    const path = join(this.folder, "called");
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  }
  public get record(): string[] {
    const path = join(this.state, "created");
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  }
  public has = (path: string) => existsSync(join(this.folder, path));

  /** Runs commands that lib.sh and artifacts.sh offer, or a step. */
  public run(commands: string, name = "part"): Promise<{ status: number | null; said: string }> {
    writeFileSync(
      join(this.scripts, `${name}.sh`),
      `. "$(dirname "$0")/lib.sh"\n. "$here/artifacts.sh"\n${commands}\n`,
    );
    return this.step(name);
  }
  public step(name: string, ...args: string[]): Promise<{ status: number | null; said: string }> {
    const child = spawn("sh", [join(this.scripts, `${name}.sh`), ...args]);
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text) => (said += text));
    }
    return new Promise((resolve) => child.on("close", (status) => resolve({ status, said })));
  }
}

// They wait for time-outs, so they do that together.
describe.concurrent("downloads", () => {
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });
  const serve = async (listener: RequestListener): Promise<string> => {
    const started = createServer(listener);
    servers.push(started);
    await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(started.address() as AddressInfo).port}/file`;
  };
  const downloaders = [
    ["curl", ["curl"]],
    ["wget", ["wget"]],
    ["apt-helper", []],
  ] as const;

  it.each(downloaders)("%s ends when the server stalls", async (_, has) => {
    const url = await serve((_, response) => {
      response.writeHead(200, { "Content-Length": "100000" });
      // Something comes all the time, so that no program's patience for the next byte runs out.
      const timer = setInterval(() => response.write("."), 100);
      response.on("close", () => clearInterval(timer));
    });
    const host = new Host()
      .onlyHas(...has)
      .edit("artifacts.sh", /^slowest_seconds=.*$/m, "slowest_seconds=2")
      .edit("artifacts.sh", /--retry 3 /, "--retry 1 ");
    const { status, said } = await host.run(`fetch ${url} ${sha256("x")}`);
    expect(said).toMatch(/part: ERROR: cannot download http.*; is it reachable from this host, and fast enough\?/);
    expect(status).toBe(1);
    expect(readdirSync(join(host.state, "download"))).toEqual([]);
  });

  it.each(downloaders)("%s goes on where it is slow and not slower than that", async (_, has) => {
    const piece = "x".repeat(2000);
    const url = await serve((_, response) => {
      response.writeHead(200, { "Content-Length": String(40 * piece.length) });
      let sent = 0;
      const timer = setInterval(() => {
        sent++;
        if (sent < 40) {
          response.write(piece);
        } else {
          response.end(piece);
        }
        if (sent === 40) {
          clearInterval(timer);
        }
      }, 100);
    });
    const host = new Host().onlyHas(...has).edit("artifacts.sh", /^slowest_seconds=.*$/m, "slowest_seconds=1");
    const { status, said } = await host.run(`fetch ${url} ${sha256(piece.repeat(40))}`);
    expect(said).toBe("");
    expect(status).toBe(0);
  });

  it.each(downloaders)("%s: what the source no longer has needs a new lock file", async (_, has) => {
    const url = await serve((_, response) => response.writeHead(404).end());
    const { status, said } = await new Host().onlyHas(...has).run(`fetch ${url} ${sha256("x")}`);
    expect(said).toMatch(/part: ERROR: http\S+ does not exist any more: .*run scripts\/lock, review, and deploy again/);
    expect(status).toBe(1);
  });

  it.each(downloaders)("%s brings what is there", async (_, has) => {
    const url = await serve((_, response) => response.end("content"));
    const { said } = await new Host().onlyHas(...has).run(`fetch ${url} ${sha256("content")}; cat "$fetched"`);
    expect(said).toBe("content");
  });
});

describe("artifacts from the operator's machine", () => {
  it.each([["its checksum"], ["its name"]])("are found by %s, and kept once", async (by) => {
    const place = by === "its name" ? "artifacts/weave" : `artifacts/${sha256("right")}`;
    const host = new Host().write(place, "right");
    const { status, said } = await host.run(`fetch file:some/weave ${sha256("right")}; cat "$fetched"`);
    expect(said).toBe("right");
    expect(status).toBe(0);
    expect(host.has(place)).toBe(false);
    // Again, when it has been fetched already.
    expect((await host.run(`fetch file:some/weave ${sha256("right")}`)).status).toBe(0);
  });

  it("of the same name are told apart, and a wrong one stays where it is", async () => {
    const host = new Host().write("artifacts/weave", "other").write(`artifacts/${sha256("right")}`, "right");
    expect((await host.run(`fetch file:a/weave ${sha256("right")}; cat "$fetched"`)).said).toBe("right");
    const { status, said } = await host.run(`fetch file:b/weave ${sha256("wrong")}`);
    expect(said).toMatch(/ERROR: checksum mismatch/);
    expect(status).toBe(1);
    expect(host.has("artifacts/weave")).toBe(true);
  });
});

describe("images from registries", () => {
  const digest = sha256("image");
  const pulled = `registry.example/weave@sha256:${digest}`;
  const table = (platform = "any") =>
    [
      ["consul", platform, "1", sha256("c"), "file:consul.zip"],
      ["weave", platform, "1", sha256("w"), "file:weave"],
      ["image:weave:1", platform, "1", digest, "docker://registry.example/weave"],
    ]
      .map((row) => `${row.join("\t")}\n`)
      .join("");
  const staged = () =>
    new Host()
      .write("artifacts.tsv", table())
      .write("artifacts/consul.zip", "c")
      .write("artifacts/weave", "w")
      .program("dockerd", "")
      .program("unzip", "")
      .program("sleep", "");
  /** An engine that has what it has pulled, after `failures` that a registry is to blame for. */
  const engine = (host: Host, failures: number, says = "toomanyrequests") =>
    host.program(
      "docker",
      `case "$*" in
        version*) ;;
        "image inspect ${pulled}") [ -e ${host.folder}/pulled ] ;;
        "image inspect"*) exit 1 ;;
        pull*) [ "$(grep -c '^docker pull' ${host.folder}/called)" -gt ${failures} ] && touch ${host.folder}/pulled || { echo "${says}"; exit 1; } ;;
      esac`,
    );

  it("are pulled by their digest before anything is installed, with patience", async () => {
    const host = engine(staged(), 2);
    const { status, said } = await host.step("fetch", "images=weave:1");
    expect(said).toMatch(/changed .*download \(3 artifacts/);
    expect(status).toBe(0);
    expect(host.called.filter((line) => line.startsWith("docker pull"))).toEqual(
      Array(3).fill(`docker pull -q ${pulled}`),
    );
    expect(host.record).toEqual([`image ${pulled}`]);
    // The next run finds it.
    await host.step("fetch", "images=weave:1");
    expect(host.called.filter((line) => line.startsWith("docker pull")).length).toBe(3);
  });

  it("stop the deploy when the registry does not give them", async () => {
    const { status, said } = await engine(staged(), 99).step("fetch", "images=weave:1");
    expect(said).toMatch(/ERROR: cannot pull registry.example\/weave@sha256:\w+: toomanyrequests/);
    expect(status).toBe(1);
  });

  it.each([
    "Head https://registry.example/v2/weave/manifests/1: unauthorized: authentication required",
    "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://x: 401 Unauthorized",
    "pull access denied, repository does not exist or may require authorization",
  ])("are not asked for again when the registry wants a login: %s", async (says) => {
    const host = engine(staged(), 99, `Error response from daemon: ${says}`);
    const { status, said } = await host.step("fetch", "images=weave:1");
    expect(said).toMatch(/ERROR: cannot pull .*, docker login registry\.example as root on this host/);
    expect(status).toBe(1);
    expect(host.called.filter((line) => line.startsWith("docker pull")).length).toBe(1);
  });

  it("wait for the engine on a host without one", async () => {
    const host = staged().program("docker", "exit 1");
    const { status, said } = await host.step("fetch", "images=weave:1");
    expect(said).toMatch(/found no engine yet that could pull weave:1 from its registry/);
    expect(status).toBe(0);
  });
});

it("what steps that run side by side note and record is whole, whoever is first", async () => {
  const host = new Host().write("cluster.tsv", "lab");
  const step = (name: string) => `for i in $(seq 150); do rm -f "$state/cluster"; record file /${name}-$i; done`;
  const ended = await Promise.all([host.run(step("a"), "a"), host.run(step("b"), "b")]);
  expect(ended).toEqual([
    { status: 0, said: "" },
    { status: 0, said: "" },
  ]);
  expect(host.record.length).toBe(300);
  expect(readdirSync(host.state).sort()).toEqual(["cluster", "created"]);
});

describe("a directory that a step wants", () => {
  const own = (host: Host, path: string) =>
    host.run(`own_directory ${path} "$(id -un):$(id -gn)" 0750; stat -L -c %a ${path}`);

  it("is new", async () => {
    const host = new Host();
    const path = join(host.folder, "data");
    expect((await own(host, path)).said).toMatch(/changed \S+data \(new directory\)\n750\n$/);
    expect(host.record).toEqual([`directory ${path}`]);
  });

  it("is borrowed when it is empty, also behind a link, and may have something in it from then on", async () => {
    const host = new Host();
    const [path, behind] = [join(host.folder, "data"), join(host.folder, "elsewhere")];
    mkdirSync(behind);
    chmodSync(behind, 0o711);
    symlinkSync(behind, path);
    expect((await own(host, path)).said).toMatch(/an empty directory of this host's.*\n750\n$/);
    expect(host.record).toEqual([expect.stringMatching(/^borrowed 711 \d+:\d+ \/.*\/data$/)]);
    host.write("elsewhere/raft", "1");
    expect((await own(host, path)).said).toBe("750\n");
  });

  it.each([["elsewhere/file"], ["data"]])("is refused where somebody has %s", async (theirs) => {
    const host = new Host();
    const [path, behind] = [join(host.folder, "data"), join(host.folder, "elsewhere")];
    mkdirSync(behind);
    chmodSync(behind, 0o711);
    if (theirs !== "data") {
      symlinkSync(behind, path);
    }
    host.write(theirs, "theirs");
    const { status, said } = await own(host, path);
    expect(said).toMatch(/ERROR: \S+data exists, is not empty and was not put there by multicast-swarm/);
    expect(status).toBe(1);
    expect(statSync(behind).mode & 0o777).toBe(0o711);
    expect(host.record).toEqual([]);
  });
});

describe("an engine", () => {
  const step = (host: Host) =>
    host
      .onlyHas()
      .program("systemctl", 'case "$1" in cat) exit 1 ;; esac')
      .step("docker-engine", "api=1.24", "lower=ours");

  it("from a snap is refused", async () => {
    const host = new Host().program("snap", '[ "$*" = "list docker" ]').program("ss", "");
    const { status, said } = await step(host);
    expect(said).toMatch(/docker-engine: ERROR: found Docker from a snap on this host, and no docker.service/);
    expect(status).toBe(1);
    expect(host.record).toEqual([]);
  });

  it("that listens on the socket and is no service is refused", async () => {
    const host = new Host().program("ss", "echo 'u_str LISTEN 0 4096 /run/docker.sock 24141 * 0'");
    const { status, said } = await step(host);
    expect(said).toMatch(
      /ERROR: found something that is not docker.service listening on \/run\/docker.sock on this host/,
    );
    expect(status).toBe(1);
  });

  it("that docker.service starts from another place is used", async () => {
    const host = new Host()
      .program("docker", "case $* in *MinAPIVersion}}) echo 1.24 ;; *) echo Docker Engine 28 ;; esac")
      .onlyHas()
      .program("systemctl", "");
    const { status, said } = await host.step("docker-engine", "api=1.24", "lower=ours");
    expect(said).toMatch(/found Docker Engine on the host; it stays as it is/);
    expect(status).toBe(0);
    expect(host.record).toEqual([]);
  });

  it("of the host's own is not told to answer older clients without leave, and nothing of it is changed", async () => {
    const host = new Host()
      .program("docker", "case $* in *MinAPIVersion}}) echo 1.40 ;; *) echo Docker Engine 29 ;; esac")
      .onlyHas()
      .program("systemctl", "");
    const { status, said } = await host.step("docker-engine", "api=1.24", "lower=ours");
    expect(said).toMatch(/ERROR: the host's Docker Engine refuses clients below API 1.40.* docker.lowerApiFloor: true/);
    expect(status).toBe(1);
    expect(host.record).toEqual([]);
    expect(host.called.filter((call) => /systemctl (re|daemon)/.test(call))).toEqual([]);
  });
});

describe("the rules that an engine leaves", () => {
  const forget = async (saved: string): Promise<string> => {
    const host = new Host().write("saved", saved);
    return (await host.run(`. "$here/uninstall-rules.sh"\nengine_rules <${host.folder}/saved`)).said;
  };

  it("are named one by one, version by version", async () => {
    const [of20, of28, local] = [
      [
        "-A FORWARD -j DOCKER-USER",
        "-A FORWARD -j DOCKER-ISOLATION-STAGE-1",
        "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A FORWARD -o docker0 -j DOCKER",
        "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
        "-A FORWARD -i docker0 -o docker0 -j ACCEPT",
        "-A FORWARD -i docker0 -o docker0 -j DROP",
      ],
      [
        "-A FORWARD -j DOCKER-FORWARD",
        "-A FORWARD -m set --match-set docker-ext-bridges-v4 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A FORWARD -m set --match-set docker-ext-bridges-v4 dst -j DOCKER",
        "-A FORWARD -i docker0 -j ACCEPT",
      ],
      [
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
        "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER",
        "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
        "-A POSTROUTING -s fd00::/64 ! -o docker0 -j MASQUERADE",
        "-A POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE",
      ],
    ];
    const deleted = (rules: readonly string[]) => rules.map((rule) => rule.replace("-A", "-D"));
    const chains = ["DOCKER", "DOCKER-BRIDGE", "DOCKER-CT", "DOCKER-FORWARD", "DOCKER-INTERNAL", "DOCKER-USER"];
    const lines = (...parts: readonly string[][]) => `${parts.flat().join("\n")}\n`;
    expect(
      await forget(
        lines(
          ["*filter", ":FORWARD DROP [0:0]", ...chains.map((name) => `:${name} - [0:0]`)],
          [
            ...of20,
            ...of28,
            "-A DOCKER-USER -j RETURN",
            "-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -j ACCEPT",
            "COMMIT",
          ],
          ["*nat", ":DOCKER - [0:0]", ...local, "-A DOCKER -i docker0 -j RETURN", "COMMIT"],
        ),
      ),
    ).toBe(
      lines(
        ["*filter", ...deleted([...of20, ...of28])],
        [...chains.map((name) => `-F ${name}`), ...chains.map((name) => `-X ${name}`), "COMMIT"],
        ["*nat", ...deleted(local), "-F DOCKER", "-X DOCKER", "COMMIT"],
      ),
    );
  });

  it("are none of those that others have for its bridge, or called like it", async () => {
    const others = [
      "*filter",
      ":FORWARD DROP [0:0]",
      ":MYDOCKER - [0:0]",
      ":DOCKERS - [0:0]",
      "-A INPUT -i docker0 -p udp -m udp --dport 53 -j ACCEPT",
      "-A FORWARD -i docker0 -o eth0 -j ACCEPT",
      "-A FORWARD -d 192.0.2.1/32 -i docker0 -j DROP",
      '-A FORWARD -m comment --comment "for DOCKER" -j ACCEPT',
      "-A FORWARD -j MYDOCKER",
      "-A MYDOCKER -o docker0 -j DROP",
      "COMMIT",
      "*nat",
      "-A POSTROUTING -s 192.0.2.0/24 -o docker0 -j MASQUERADE",
      "-A POSTROUTING -s 192.0.2.0/24 ! -o eth0 -j MASQUERADE",
      "COMMIT",
    ];
    expect(await forget(`${others.join("\n")}\n`)).toBe("");
  });
});

it("a package that is used once is unpacked from its locked file, and neither installed nor recorded", async () => {
  const text = "the package";
  const host = new Host()
    .write("artifacts.tsv", `package:unzip:no-such-package\tany\t1\t${sha256(text)}\tfile:unzip.deb\n`)
    .program("dpkg-deb", 'mkdir -p "$3/usr/bin" && cp "$2" "$3/usr/bin/unzip"')
    .program("apt-get", "exit 1");
  host.write("artifacts/unzip.deb", text);
  const { status, said } = await host.run('. "$here/packages.sh"\ncat "$(unpack_packages unzip)/usr/bin/unzip"');
  expect(said).toBe(text);
  expect(status).toBe(0);
  expect(host.record).toEqual([]);
  expect(host.called.filter((line) => line.startsWith("apt-get"))).toEqual([]);
  // What it was for has failed; after another try nothing stays.
  const again = await host.run(
    '. "$here/packages.sh"\ncat "$(unpack_packages unzip)/usr/bin/unzip"\ndrop_downloads unzip',
  );
  expect(again).toEqual({ status: 0, said: text });
  expect(readdirSync(join(host.state, "download"))).toEqual([]);
  expect((await host.run('. "$here/packages.sh"\nunpack_packages unzip')).said).toMatch(
    /ERROR: file:unzip.deb is not on this host: run scripts\/recover, .* and deploy again/,
  );

  const other = new Host()
    .write("artifacts.tsv", `package:unzip:no-such-package\tany\t1\t${sha256("other")}\tfile:unzip.deb\n`)
    .write("artifacts/unzip.deb", text);
  const refused = await other.run('. "$here/packages.sh"\nunzip=$(unpack_packages unzip)/usr/bin/unzip\necho went on');
  expect(refused.said).toMatch(/ERROR: checksum mismatch/);
  expect(refused.said).not.toMatch(/went on/);
});

it("a package that the operator's machine has sent is there for another try when apt has failed, and goes after it", async () => {
  const text = "the package";
  const host = new Host()
    .write("artifacts.tsv", `package:tool:no-such-package\tany\t1\t${sha256(text)}\tfile:tool.deb\n`)
    .write("artifacts/tool.deb", text);
  const install = '. "$here/packages.sh"\ninstall_packages tool';
  host.program("apt-get", "echo locked; exit 1");
  expect(await host.run(install)).toEqual({
    status: 1,
    said: expect.stringMatching(/locked\n.*ERROR: apt-get could not/),
  });
  mkdirSync(join(host.state, "download/tool"), { recursive: true });
  writeFileSync(join(host.state, "download/tool/of-an-earlier-lock_0.deb"), "old");
  host.program("apt-get", "");
  expect(await host.run(install)).toEqual({
    status: 0,
    said: expect.stringContaining("changed packages no-such-package 1"),
  });
  const [, last = ""] = host.called.filter((line) => line.startsWith("apt-get"));
  expect(last.split(" ").filter((word) => word.endsWith(".deb"))).toEqual([
    join(host.state, "download/tool/no-such-package_1.deb"),
  ]);
  expect(readdirSync(join(host.state, "download"))).toEqual([]);
});

describe("a file that a step writes", () => {
  it("is whole, or as it was, and says whether it has changed", async () => {
    const host = new Host();
    const file = join(host.folder, "settings");
    const owner = '"$(id -un):$(id -gn)"';
    const put = (what: string) => host.run(`if put ${file} ${owner} 0640 ${what}; then echo "is new"; fi`);
    expect((await put("printf 'a\\nb\\n'")).said).toMatch(/changed .*settings\nis new/);
    expect((await put("printf 'a\\nb\\n'")).said).toMatch(/found .*settings unchanged\n$/);
    expect(await put(`sh -c 'echo half; exit 1'`)).toEqual({
      status: 1,
      said: expect.stringMatching(/ERROR: cannot write/),
    });
    expect(readFileSync(file, "utf8")).toBe("a\nb\n");
    expect(readdirSync(host.folder).filter((name) => name.startsWith("settings"))).toEqual(["settings"]);
  });

  it("that cannot be written ends the step, whatever the step makes of the answer", async () => {
    const host = new Host();
    const file = join(host.folder, "missing/settings");
    for (const line of [
      `put ${file} root:root 0644 echo x || true`,
      `if put ${file} root:root 0644 echo x; then :; fi`,
    ]) {
      const { status, said } = await host.run(`${line}\necho went on`);
      expect(said).toMatch(/ERROR: cannot write .*settings/);
      expect(said).not.toMatch(/went on/);
      expect(status).toBe(1);
    }
  });
});

describe("an allow-list that has become shorter", () => {
  /** A host with nftables; its unit lies beside the state. */
  const host = () => {
    const made = new Host();
    return made
      .write("hosts.tsv", "h1\t198.18.0.11\tserver\n")
      .edit("firewall.sh", /root:root/g, "$(id -un):$(id -gn)")
      .edit("firewall.sh", /"\/etc\/systemd\/system\/\$firewall_unit"/, '"$state/$firewall_unit"')
      .program("nft", `[ "$1" != list ] || [ -e ${made.folder}/loaded ]`)
      .program("systemctl", `[ "$1" != reload-or-restart ] || touch ${made.folder}/loaded`)
      .program("ip", "")
      .program("ss", "");
  };
  const [before, after] = ["operators=192.0.2.1,192.0.2.2", "operators=192.0.2.1"];

  it("is not said to be loaded where the disk is full", async () => {
    const full = host();
    expect((await full.step("firewall", before)).said).toMatch(/changed .*\(loaded\)/);
    // Files that are there can still be opened and made, and take no byte.
    full.edit("firewall.sh", /^fresh=no$/m, "$&\ntrap '' XFSZ\nulimit -f 0");
    const { status, said } = await full.step("firewall", after);
    expect(said).toMatch(/ERROR: cannot write .*firewall\.nft/);
    expect(said).not.toMatch(/loaded/);
    expect(status).toBe(1);
    expect(readFileSync(join(full.state, "firewall.nft"), "utf8")).toContain("192.0.2.2");
    expect(readdirSync(full.state).filter((name) => name.startsWith("firewall.nft"))).toEqual(["firewall.nft"]);
  });

  it("is not written without its beginning", async () => {
    const broken = host();
    expect((await broken.step("firewall", before)).said).toMatch(/changed .*\(loaded\)/);
    const list = readFileSync(join(broken.state, "firewall.iptables"), "utf8");
    broken.program(
      "cat",
      'text=$(/bin/cat "$@"); case $text in *"*filter"*) exit 1 ;; esac; [ -z "$text" ] || printf "%s\\n" "$text"',
    );
    const { status, said } = await broken.step("firewall", after);
    expect(said).toMatch(/ERROR: cannot write .*firewall\.iptables/);
    expect(status).toBe(1);
    expect(readFileSync(join(broken.state, "firewall.iptables"), "utf8")).toBe(list);
  });
});

it("no step writes a file from a pipeline, where it would go on when that fails", () => {
  const scripts = ["steps", "probes"].flatMap((folder) =>
    readdirSync(`scripts/host/${folder}`).map((name) => `scripts/host/${folder}/${name}`),
  );
  expect(scripts.filter((path) => /\|\s*put /.test(readFileSync(path, "utf8")))).toEqual([]);
});
