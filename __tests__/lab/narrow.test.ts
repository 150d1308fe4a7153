/** A whole life by way of a jump host alone, on hosts that let in, and are set up, in other ways than the lab's usual ones. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  atConsole,
  expectFailure,
  expectWords,
  host,
  lab,
  labFile,
  oneAfterTheOther,
  operateBehind,
  operator,
  outside,
  read,
  start,
  tryLab,
  tryVerify,
  until,
  useLab,
  write,
} from "./lab.js";
import { changes, snapshots, unchanged } from "./snapshot.js";

useLab("--hosts", "3");
oneAfterTheOther();

const members = () => [host("h1"), host("h2")];
let before: Record<string, string[]>;

/** Holds the only copy of the key that h1 lets in. */
const agent = mkdtempSync(join(tmpdir(), "agent-"));
let agentPid = 0;
afterAll(() => {
  process.kill(agentPid);
  rmSync(agent, { recursive: true });
});

async function startAgent(): Promise<string> {
  process.env.SSH_AUTH_SOCK = join(agent, "socket");
  const script = `ssh-agent -a "$SSH_AUTH_SOCK" && ssh-keygen -q -t ed25519 -N '' -f ${agent}/id &&
    ssh-add -q ${agent}/id && rm ${agent}/id && cat ${agent}/id.pub`;
  const { output } = await start("sh", ["-c", script]).ended;
  agentPid = Number(/SSH_AGENT_PID=(\d+)/.exec(output)?.[1]);
  return output.trim().split("\n").at(-1) ?? "";
}

/** Makes sshd show one key and no other. */
const showOnly = (type: string) =>
  `echo 'HostKey /etc/ssh/ssh_host_${type}_key' >/etc/ssh/sshd_config.d/narrow.conf; systemctl restart ssh`;

const install = (name: string) =>
  `{ apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install ${name}; } >/dev/null 2>&1`;

/** As documented. */
const [, sudoers = ""] =
  /```sudoers\n([\s\S]*?)```/.exec(readFileSync(join(__dirname, "../../docs/privileges.md"), "utf8")) ?? [];

beforeAll(async () => {
  const key = await startAgent();
  await Promise.all([
    // Another port and shell, files for their owner's eyes alone, an Ed25519 key only, a login by the agent from
    // the jump host (and the lab, which locks) that is for commands alone, and sudo for what docs/privileges.md lists.
    atConsole(
      host("h1"),
      `${install("tcsh")}
      useradd --create-home --shell /bin/tcsh ops
      cat >/etc/sudoers.d/ops <<'END'
${sudoers}END
      mkdir /home/ops/.ssh && echo 'restrict,pty,from="${host("h3").address},198.18.0.1" ${key}' >/home/ops/.ssh/authorized_keys && chown -R ops: /home/ops/.ssh
      echo 'session optional pam_umask.so umask=0077' >>/etc/pam.d/common-session
      echo 'Port 2222' >>/etc/ssh/sshd_config
      ${showOnly("ed25519")}`,
    ),
    // Another language, an ECDSA key only, and nothing is run from where everybody may write.
    atConsole(
      host("h2"),
      `mv /etc/dpkg/dpkg.cfg.d /run/ # which has translations left out
      ${install("locales")}
      mv /run/dpkg.cfg.d /etc/dpkg/
      echo 'de_DE.UTF-8 UTF-8' >/etc/locale.gen && locale-gen >/dev/null && echo LANG=de_DE.UTF-8 >/etc/default/locale
      for folder in /tmp /var/tmp /dev/shm; do mount -t tmpfs -o mode=1777,nosuid,nodev,noexec tmpfs $folder; done
      ${showOnly("ecdsa")}`,
    ),
    // A jump host that nobody can log in to.
    atConsole(
      host("h3"),
      `useradd --create-home --shell /usr/sbin/nologin jump && cp -r /root/.ssh /home/jump/ && chown -R jump: /home/jump/.ssh`,
    ),
  ]);
  expect((await tryLab("ssh", "h2", "cat", "/nothing")).output).toMatch("Datei oder Verzeichnis nicht gefunden");
  write(
    "known_hosts",
    read("known_hosts")
      .split("\n")
      .filter((line) => !/^h1\S+ (?!ssh-ed25519)|^h2\S+ (?!ecdsa)/.test(line))
      .map((line) => line.replace(/^h1,(\S+)/, "[$1]:2222").replace(/^h3,\S+/, outside))
      .join("\n"),
  );
  const cluster = read("cluster.yaml")
    .replace(/^ {2}keyFile: .*\n/m, "")
    .replace(/^ {2}- name: h3\n( {4}.*\n)+/m, "")
    .replace(/^( {4}address: 198\.18\.0\.11)$/m, "$1\n    ssh: { user: ops, port: 2222 }")
    .replace(/^( {4}address: 198\.18\.0\.12)$/m, "$1\n    ssh: { keyFile: id_ed25519 }");
  write("cluster.yaml", cluster);
  await lab("lock");
  const bastion = `  bastion: { address: ${outside}, user: jump, keyFile: id_ed25519 }`;
  write("cluster.yaml", cluster.replace(/^ssh:$/m, `$&\n${bastion}`));
  await operateBehind(host("h3"));
  before = await snapshots(members());
});

const cdktf = (verb: string) => [
  ...`npx cdktf ${verb} --auto-approve --skip-provider-lock --output`.split(" "),
  labFile("cdktf.out"),
];

async function throughTunnel(...command: string[]): Promise<string> {
  const { status, output } = await operator("scripts/tunnel", "--", ...command);
  expect(status, output.split("\n").slice(-60).join("\n")).toBe(0);
  return output;
}

it("may not do as root what is not on the list of docs/privileges.md", async () => {
  const sudo = (command: string) => atConsole(host("h1"), `su -s /bin/sh ops -c 'sudo -n ${command}' 2>&1 || true`);
  expect(await sudo("id -u")).toMatch(/password is required/);
  expect(await sudo("env id -u")).toBe("0\n");
});

it("refuses a deploy that would not reach the Docker API of the hosts, and names the way", async () => {
  expectFailure(
    await operator(...cdktf("deploy")),
    /h2 \(198\.18\.0\.12\) +links +12375\/tcp not reached from this machine \(network is unreachable\)/,
    /scripts\/tunnel -- npx cdktf deploy/,
    /preflight: 2 problems on 2 of 2 hosts; nothing was changed/,
  );
  expect(changes(before, await snapshots(members()))).toEqual(unchanged(members()));
});

it("deploys through the tunnel, verifies, and changes nothing the second time", async () => {
  expectWords(await throughTunnel(...cdktf("deploy")), /Apply complete/);
  expectWords((await tryVerify()).output, /verify: healthy/);
  expectWords(await throughTunnel(...cdktf("deploy")), /0 added, 0 changed, 0 destroyed/);
});

it("runs containers from there, with their input and output", async () => {
  const ran = operator("sh", "-c", "echo said | scripts/swarm run -i --rm multicast-swarm/toolbox:1 cat");
  expect((await ran).output).toMatch(/said/);
});

it("carries an edit, and leaves nothing running here", async () => {
  write("cluster.yaml", `${read("cluster.yaml")}swarm:\n  strategy: binpack\n`);
  expectWords(await throughTunnel(...cdktf("deploy")), /h2_swarm_manager: Creation complete/);
  const left = () => start("ip", ["netns", "pids", `${process.env.LAB_NAME}-outside`]).ended;
  await until(async () => (await left()).output === "");
});

it("destroys everything that it had created", async () => {
  const output = await throughTunnel(...cdktf("destroy"));
  expectWords(
    output,
    /h1 uninstall: .*nothing of multicast-swarm is left/,
    /h2 uninstall: .*nothing of multicast-swarm is left/,
  );
  expect(changes(before, await snapshots(members()))).toEqual(unchanged(members()));
});
