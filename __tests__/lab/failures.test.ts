/** Deploys that cannot work, and deploys that are cut off. */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import {
  atConsole,
  atConsoles,
  expectFailure,
  expectWords,
  type Host,
  host,
  hosts,
  killBelow,
  lab,
  labFile,
  oneAfterTheOther,
  operator,
  read,
  start,
  startGroup,
  tryLab,
  until,
  useLab,
  verify,
  write,
} from "./lab.js";
import { changes, snapshots, unchanged } from "./snapshot.js";

// A login user that needs sudo, which can be wrong too.
useLab("--hosts", "3", "--user", "ops");
beforeAll(async () => {
  await lab("lock");
});

/** What a deploy may have brought to a host before it changes anything there. */
const staging = / (\/home\/ops\/\.multicast-swarm\S*|\/var\/lib\/multicast-swarm(\/download(\/\S+)?)?) ?$/;

describe("a deploy stops before anything is changed on any host", () => {
  let before: Record<string, string[]>;
  beforeAll(async () => {
    before = await snapshots();
  });

  /** Deploys, and expects an error in words that match, and hosts without a trace of it. */
  async function refused({ errors, on = hosts() }: { errors: readonly RegExp[]; on?: readonly Host[] }) {
    const deploy = await tryLab("deploy");
    expectFailure(deploy, ...errors);
    expect(deploy.output.includes(read("gossip.key").trim()), "the gossip key is printed").toBe(false);
    const were = Object.fromEntries(on.map(({ name }) => [name, before[name] ?? []]));
    expect(changes(were, await snapshots(on), staging)).toEqual(unchanged(on));
  }

  /** The preflight's table with nothing but this problem. */
  const found = ({ name, address }: Host, problem: string) => [
    new RegExp(`${name} \\(${address}\\) +${problem}`),
    /preflight: 1 problem on 1 of 3 hosts; nothing was changed/,
  ];

  /** Runs a test with another content of one of the operator's files. */
  async function having(name: string, edit: (text: string) => string, body: () => Promise<void>) {
    const was = read(name);
    const text = edit(was);
    expect(text, `${name} is not edited`).not.toBe(was);
    write(name, text);
    try {
      await body();
    } finally {
      write(name, was);
    }
  }

  it("at an address that nobody has", async () => {
    const { name, address } = host("h2");
    const wrong = "198.18.0.99";
    const edit = (text: string) => text.replaceAll(address, wrong);
    await having("cluster.yaml", edit, () =>
      having("known_hosts", edit, () =>
        refused({ errors: found({ name, address: wrong }, `reach +unreachable: ${wrong} port 22`) }),
      ),
    );
  });

  it("for a host that is off", async () => {
    const off = host("h3");
    await lab("poweroff", off.name);
    try {
      const on = hosts().filter(({ name }) => name !== off.name);
      await refused({ errors: found(off, `reach +unreachable: ${off.address} port 22`), on });
    } finally {
      await lab("poweron", off.name);
      await atConsole(off, "systemctl is-system-running --wait || true");
    }
  });

  it("when sudo wants a password", async () => {
    const where = host("h2");
    await atConsole(where, "cp -p /etc/sudoers.d/ops /run/ops && sed -i 's/NOPASSWD: //' /etc/sudoers.d/ops");
    try {
      expectFailure(await tryLab("deploy"), ...found(where, "sudo +sudo asks ops for a password"));
    } finally {
      await atConsole(where, "cp -p /run/ops /etc/sudoers.d/ops && rm /run/ops");
    }
    expect(changes(before, await snapshots(), staging)).toEqual(unchanged());
  });

  it("when somebody else has port 8500", async () => {
    const where = host("h1");
    const listens = async () => (await atConsole(where, "ss -Hlnt 'sport = :8500'")) !== "";
    // It goes on listening when the preflight of another host has knocked.
    const server = "IO::Socket::INET->new(LocalPort => 8500, Listen => 5) or die; sleep";
    await atConsole(where, `systemd-run -q --unit=other perl -MIO::Socket::INET -e 'my $s = ${server}'`);
    await until(listens);
    try {
      const { status, output } = await tryLab("deploy");
      expect(status, output).not.toBe(0);
      for (const error of found(where, "ports +port 8500/tcp is taken by .*other.service")) {
        expect(output).toMatch(error);
      }
    } finally {
      await atConsole(where, "systemctl stop other.service");
      await until(async () => !(await listens()));
    }
    expect(changes(before, await snapshots(), staging)).toEqual(unchanged());
  });

  it("when a host's key is not the one in known_hosts", async () => {
    const [one, other] = [host("h1"), host("h2")];
    const keysOfOther = (text: string) =>
      text
        .split("\n")
        .filter((line) => !line.startsWith(other.name))
        .concat(text.split("\n").flatMap((line) => (line.startsWith(one.name) ? [swapped(line)] : [])))
        .concat("")
        .join("\n");
    const swapped = (line: string) => line.replace(one.name, other.name).replace(one.address, other.address);
    await having("known_hosts", keysOfOther, () =>
      refused({ errors: found(other, "host key +the host key is not the one in known_hosts") }),
    );
  });

  it("when a download is not what was locked", async () => {
    // Only the host without an engine downloads it: the others must not be changed either.
    const wrong = "0".repeat(64);
    await having(
      "artifacts.lock.json",
      (text) => {
        const lock = JSON.parse(text) as { artifacts: { name: string; sha256: string }[] };
        for (const artifact of lock.artifacts) {
          if (/docker-engine:docker/.test(artifact.name)) {
            artifact.sha256 = wrong;
          }
        }
        return `${JSON.stringify(lock, null, 2)}\n`;
      },
      () => refused({ errors: [new RegExp(`h3 fetch: ERROR: checksum mismatch: \\S*docker\\S* .* says ${wrong}`)] }),
    );
  });

  it("with a malformed gossip key", async () => {
    await having(
      "gossip.key",
      (key) => key.trim().slice(0, -1),
      () => refused({ errors: [/The gossip key in TF_VAR_gossip_key is malformed/] }),
    );
  });

  it("with the key that the guide prints", async () => {
    await having(
      "gossip.key",
      () => "PVcExGWGZeYR79CiRUT4vA==\n",
      async () => {
        await refused({ errors: [] });
        // cdktf now and then loses the end of what Terraform says when that ends with an error.
        const plan = await operator("terraform", `-chdir=${labFile("cdktf.out/stacks/lab")}`, "plan", "-no-color");
        expectFailure(plan, /The gossip key in TF_VAR_gossip_key is the one that the guide prints/);
      },
    );
  });
});

/** A deploy, or another command, of somebody else: with files and a state of Terraform's of their own. */
const second = labFile("second/cdktf.out");
const secondDeploy = () => {
  mkdirSync(dirname(second), { recursive: true });
  return operator("npx", "cdktf", "deploy", "--auto-approve", "--skip-provider-lock", "--output", second);
};
/** Who has the hosts, as others are told. */
const held = new RegExp(
  `h1 \\(\\S+\\) +deploy +a deploy has this host: \\S+@\\S+:${labFile("cdktf.out")}\\S+, from \\S+, since \\S+`,
);
const holds = () => atConsoles("cat /run/multicast-swarm.deploy 2>/dev/null || true");

describe("a deploy that is cut off", () => {
  oneAfterTheOther();

  it("by Ctrl-C, while a host installs packages", async () => {
    const deploy = startGroup("scripts/lab", ["deploy"]);
    const installing = async () => (await atConsole(host("h3"), "grep -lsx dpkg /proc/[0-9]*/comm || true")) !== "";
    let over = false;
    void deploy.ended.then(() => {
      over = true;
    });
    await until(async () => over || (await installing()));
    process.kill(-deploy.pid, "SIGINT");
    expect((await deploy.ended).status).not.toBe(0);
  });

  it("keeps the hosts until somebody else's scripts/recover takes them", async () => {
    expectFailure(await secondDeploy(), held, /fix: +.*scripts\/recover/);
    const { status, output } = await operator("scripts/recover", "--output", second);
    expectWords(output, /h1 recover: changed the hold of \S+, from \S+, since .* \(released\)/);
    expect(status).toBe(0);
    expect(await holds()).toEqual({ h1: "", h2: "", h3: "" });
  });

  it("goes on with the same command; then Terraform is killed while a host loads images", async () => {
    const deploy = start("scripts/lab", ["deploy"]);
    await deploy.printed(/h3 docker-engine: .*(found|changed)[\s\S]*h3_weave_install.*: Creating/);
    killBelow(deploy, /^(terraform|tofu)$/);
    // With what status is cdktf's affair: 0 has been seen.
    await deploy.ended;
    expectWords(await lab("recover"), /recover: \d+ steps run again with the next deploy/);
  });

  it("goes on after `scripts/recover`; then all of it is killed while containers are created", async () => {
    const deploy = start("scripts/lab", ["deploy"]);
    await deploy.printed(/docker_container.*: Creating/);
    killBelow(deploy);
    await deploy.ended;
  });

  it("is finished by another, which lets go of the hosts", async () => {
    expectWords(await lab("deploy"), /lab: the last deploy was killed/, /recover: \d+ steps run again/);
    expect(await holds()).toEqual({ h1: "", h2: "", h3: "" });
    await verify();
    // Nothing was made twice, and nothing is left to do.
    const names = await atConsoles("docker ps -a --format '{{.Names}}' | grep '^swarm' | sort");
    for (const one of hosts()) {
      expect(names[one.name]).toBe("swarm-agent\nswarm-manager\n");
    }
    expectWords(await lab("deploy"), /0 added, 0 changed, 0 destroyed/);
  });
});
