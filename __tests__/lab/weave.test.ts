/** Weave's router and proxy come back, whatever has stopped them, with the images and the number of peers that are wanted now. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { asRead } from "../fixtures/clusters.js";
import {
  atConsole,
  atConsoles,
  expectFailure,
  expectWords,
  type Host,
  host,
  hosts,
  keyForms,
  lab,
  labFile,
  oneAfterTheOther,
  operator,
  read,
  tryLab,
  until,
  useLab,
  write,
} from "./lab.js";
import { findable } from "./secrets.js";
import { listenFor } from "./sniffer.js";

useLab("--hosts", "2");
oneAfterTheOther();

const toolbox = "multicast-swarm/toolbox:1";
const container = (on: Host) => `on-${on.name}`;
const run = (on: Host, name = container(on)) =>
  atConsole(
    on,
    `timeout 60 docker -H tcp://${on.address}:12375 run -d --restart always --name ${name} ${toolbox} sleep 1d`,
  );
const addressOf = (on: Host, name = container(on)) =>
  atConsole(on, `docker exec ${name} ip -o -4 address show ethwe | awk '{ print $4 }'`);
const routerOf = async (on: Host) =>
  (await atConsole(on, "docker inspect -f '{{.Id}}' weave 2>/dev/null || true")).trim();

/** What a step of Weave's is called with on a host, from what was deployed. */
function step(on: Host, name: "install" | "launch"): string {
  const stack = JSON.parse(asRead(read("cdktf.out/stacks/lab/cdk.tf.json")));
  return stack.resource.null_resource[`${on.name}_weave_${name}`].triggers.command;
}
const launch = (on: Host) => step(on, "launch");

/** The proxy answers, and every host's container is found by its name from the other host. */
async function connected(): Promise<boolean> {
  const [one, other] = hosts() as [Host, Host];
  const seen = await atConsoles(`
    # As whoever uses the script by hand.
    set -a; . /etc/default/weave; set +a
    for address in ${one.address} ${other.address}; do
      timeout 20 docker -H tcp://$address:12375 version >/dev/null 2>&1 || exit 0
    done
    me=on-$(uname -n)
    for name in ${container(one)} ${container(other)}; do
      [ $name = $me ] || docker exec $me ping -c 1 -w 1 $name.weave.local >/dev/null 2>&1 || exit 0
    done
    weave ps | grep -q "$(docker inspect -f '{{.Id}}' $me | cut -c1-12) .*$(docker exec $me ip -o -4 address show ethwe | awk '{ print $4 }')" || exit 0
    echo yes`);
  return Object.values(seen).every((text) => text === "yes\n");
}

/** Does something to both hosts at once that takes their routers away, and awaits other routers, and the same addresses. */
async function comesBack(faults: Readonly<Record<string, string>>): Promise<void> {
  const of = () => Promise.all(hosts().map(async (on) => [await routerOf(on), await addressOf(on)] as const));
  const before = await of();
  await Promise.all(hosts().map((on) => atConsole(on, faults[on.name] ?? "true")));
  await until(async () => {
    const routers = await Promise.all(hosts().map(routerOf));
    return routers.every((id, i) => id !== "" && id !== before[i]?.[0]) && (await connected());
  });
  expect((await of()).map(([, address]) => address)).toEqual(before.map(([, address]) => address));
}

beforeAll(async () => {
  await lab("up", "--hosts", "2", "--to", "cluster");
});

it("who was to wait for the votes of hosts that have left waits for those that there are", async () => {
  const [one, other] = hosts() as [Host, Host];
  await atConsole(other, "systemctl stop weave");
  const uploads = "/root/.multicast-swarm";
  const alone = await atConsole(
    one,
    `cd /root; cp ${uploads}/hosts.tsv /run/; sed -i /${other.address}/d ${uploads}/hosts.tsv; ${launch(one)}`,
  );
  expectWords(alone, /found Weave: 2 peers are to vote .* there are 1\n.*changed weave.service \(restarted\)/);
  await run(one);
  expect(await addressOf(one)).toMatch(/^10\./);

  // Back: nothing is restarted now that there are addresses.
  await atConsole(other, "systemctl start weave");
  const router = await routerOf(one);
  expectWords(await atConsole(one, `cd /root; cp /run/hosts.tsv ${uploads}/; ${launch(one)}`), /changed peers: 198/);
  expect(await routerOf(one)).toBe(router);
  await run(other);
  await until(connected);
});

it("the unit comes back when the engine was stopped and started, and when its container was restarted", async () => {
  await comesBack({ h1: "systemctl stop docker; systemctl start docker", h2: "docker restart weave" });
});

it("the unit comes back when the engine has crashed, and when it was restarted", async () => {
  await comesBack({ h1: "kill -9 $(cat /run/docker.pid)", h2: "systemctl restart docker" });
});

it("who stops the unit has stopped it; what a prune takes meanwhile is there again at its start", async () => {
  const where = host("h2");
  const images = () => atConsole(where, "docker image inspect -f '{{.Id}}' $(docker image ls -q | sort) | sort");
  const [before, address] = [await images(), await addressOf(where)];
  expect(await atConsole(where, "systemctl stop weave; systemctl show --value -p ActiveState -p SubState weave")).toBe(
    "inactive\ndead\n",
  );
  await atConsole(where, "docker system prune -a -f");
  expect(await images()).not.toBe(before);
  await atConsole(where, "systemctl start weave");
  expect(await images()).toBe(before);
  await until(connected);
  expect(await addressOf(where)).toBe(address);

  // These have never run, which is what a prune of containers looks for; the router runs on, and starts again.
  await atConsole(where, "docker container prune -f; docker image rm -f weaveworks/weaveexec:2.6.5");
  await comesBack({ h1: "docker kill weave", h2: "systemctl restart weave" });
});

it("a container in the router's place goes if its image is ours, and stays if it is somebody else's", async () => {
  const where = host("h1");
  const state = "/var/lib/multicast-swarm";
  await atConsole(where, `systemctl stop weave; docker rm -f weave; docker create --name weave ${toolbox}`);
  await atConsole(where, "systemctl start weave");
  expect(await atConsole(where, "docker inspect -f '{{.Config.Image}}' weave")).toBe("weaveworks/weave:2.6.5\n");

  await atConsole(where, `systemctl stop weave; docker rm -f weave; docker tag ${toolbox} stranger:1`);
  await atConsole(where, "docker create --name weave stranger:1; ! systemctl start weave 2>/dev/null");
  expect(await atConsole(where, "journalctl -u weave -o cat -n 20")).toMatch(
    /weave-prepare: ERROR: the container weave is of stranger:1, .*docker rm -f weave/,
  );
  expect(await atConsole(where, `ls ${state}/images`)).toMatch(/weaveworks_weave_2\.6\.5\.tar/);
  // It goes on by itself once that is gone.
  await atConsole(where, "docker rm -f weave; docker image rm stranger:1");
  await until(connected);
});

/**
 * Weave's images and script as another owner would publish them, under another version, in the lab's mirror.
 *
 * @param more what their configurations have besides
 */
function publishSecondOwner(more: { readonly Entrypoint?: readonly string[] } = {}): void {
  const real = Object.fromEntries(
    ["images", "weave"].map((name) => {
      const path = labFile(`mirror/${name}`);
      const target = realpathSync(path);
      if (lstatSync(path).isSymbolicLink()) {
        rmSync(path);
        mkdirSync(path);
        for (const file of readdirSync(target)) {
          symlinkSync(join(target, file), join(path, file));
        }
      }
      return [name, target];
    }),
  );
  mkdirSync(labFile("mirror/weave/2.9.0"), { recursive: true });
  const script = readFileSync(`${real.weave}/2.6.5/weave`, "utf8");
  write("mirror/weave/2.9.0/weave", script.replace('SCRIPT_VERSION="2.6.5"', 'SCRIPT_VERSION="2.9.0"'));
  for (const [image, was, is] of [
    ["weave", "2.6.5", "2.9.0"],
    ["weaveexec", "2.6.5", "2.9.0"],
    ["weavedb", "latest", "latest"],
  ] as const) {
    const folder = labFile(`second/${image}`);
    mkdirSync(folder, { recursive: true });
    execFileSync("tar", ["-C", folder, "-xf", `${real.images}/weaveworks_${image}_${was}_amd64.tar`]);
    const [manifest] = JSON.parse(readFileSync(`${folder}/manifest.json`, "utf8"));
    // An image of its own: its id is the hash of its configuration.
    const first = JSON.parse(readFileSync(`${folder}/${manifest.Config}`, "utf8"));
    const router = manifest.Layers[1];
    if (router !== undefined) {
      // What runs calls itself by the new version.
      execFileSync("sed", ["-i", `s/${was.replaceAll(".", "\\.")}/${is}/g`, `${folder}/${router}`]);
      const sha256 = createHash("sha256")
        .update(readFileSync(`${folder}/${router}`))
        .digest("hex");
      first.rootfs.diff_ids[1] = `sha256:${sha256}`;
    }
    const config = JSON.stringify({ ...first, author: "second", config: { ...first.config, ...more } });
    rmSync(`${folder}/${manifest.Config}`);
    manifest.Config = `${createHash("sha256").update(config).digest("hex")}.json`;
    manifest.RepoTags = [`rajchaudhuri/${image}:${is}`];
    writeFileSync(`${folder}/${manifest.Config}`, config);
    writeFileSync(`${folder}/manifest.json`, JSON.stringify([manifest]));
    const archive = labFile(`mirror/images/rajchaudhuri_${image}_${is}_amd64.tar`);
    execFileSync("tar", ["-C", folder, "-cf", archive, ...readdirSync(folder)]);
    rmSync(folder, { recursive: true });
  }
}

const terraformIsStuck = /error fetching container information/;

it("images that do not run stop the deploy at the first host, and Terraform until `scripts/recover`", async () => {
  publishSecondOwner({ Entrypoint: ["/home/weave/for-another-machine"] });
  const file = parse(read("cluster.yaml"));
  write("cluster.yaml", stringify({ ...file, weave: { ...file.weave, version: "2.9.0", images: "rajchaudhuri" } }));
  await lab("lock");
  const was = await routerOf(host("h2"));
  expectFailure(await tryLab("deploy"), /h1 weave-launch: ERROR: weave.service does not start: .*for-another-machine/);
  expect(await routerOf(host("h2"))).toBe(was);
  expectFailure(await tryLab("deploy"), terraformIsStuck);
  const { output } = await operator("scripts/preflight");
  expectWords(output, /h1 \(\S+\) +weave proxy +.*12375/, /fix: +scripts\/recover/);
  expectWords(
    await lab("recover"),
    /h1 recover: found that weave\.service does not start/,
    /recover: h1: took docker_container\.h1_swarm_agent and docker_container\.h1_swarm_manager out of Terraform's state/,
  );
});

it("images of another owner and version take over, one host after the other, with all addresses", async () => {
  publishSecondOwner();
  // What the network knows, and the containers that have an address in it.
  const kept = () =>
    atConsoles("docker inspect -f '{{.Id}}' weavedb; docker exec on-$(uname -n) ip -o -4 address show ethwe");
  const before = await kept();
  await lab("lock");
  const output = await lab("deploy");
  expectWords(
    output,
    /h1 weave-launch: changed weave.service \(started\)[\s\S]*h2 weave-launch: changed weave.service \(restarted\)/,
  );
  expectWords(output, /Peers: 2 \(with 2 established connections\)/);
  await until(connected);
  expect(await kept()).toEqual(before);
  const now = await atConsoles(`
    docker inspect -f '{{.Config.Image}}' weave
    docker image ls --format '{{.Repository}}:{{.Tag}}' | grep weave: | sort
    ls /var/lib/multicast-swarm/images | grep _weave_
    set -a; . /etc/default/weave; weave status | sed -n 's/^ *Version: \\([0-9.]*\\).*/\\1/p'`);
  for (const { name } of hosts()) {
    const image = "rajchaudhuri/weave:2.9.0\n";
    expect(now[name]).toBe(`${image}${image}rajchaudhuri_weave_2.9.0.tar\n2.9.0\n`);
  }
});

/** Which of a container's words to one other, and to all, can be read on the way. */
async function readOnTheWay(): Promise<string[]> {
  const [from, to] = hosts() as [Host, Host];
  const [one, all, end] = ["a-word-to-one", "a-word-to-all", "everything-has-passed"] as const;
  const sniffer = await listenFor(one, all, end);
  const at = (await addressOf(to)).trim().replace(/\/.*/, "");
  await atConsole(
    to,
    `docker exec -d ${container(to)} sh -c 'timeout 60 socat -u UDP4-RECV:5000 OPEN:/heard,creat,trunc'
    docker exec -d ${container(to)} sh -c 'timeout 60 socat -u UDP4-RECV:54327,ip-add-membership=224.2.2.3:ethwe OPEN:/heard-all,creat,trunc'`,
  );
  // The words are no arguments: the engine tells Swarm's managers of each command, over the same network.
  const say = (word: string, where: string) =>
    `echo ${word} | docker exec -i ${container(from)} socat -u - UDP4-DATAGRAM:${where}`;
  await until(async () => {
    await atConsole(from, `${say(one, `${at}:5000`)}; ${say(all, "224.2.2.3:54327")}`);
    const heard = await atConsole(to, `docker exec ${container(to)} sh -c 'cat /heard /heard-all 2>/dev/null; true'`);
    return heard.includes(one) && heard.includes(all);
  });
  // Packets are listened to in their order.
  await until(async () => {
    await atConsole(from, `bash -c 'echo ${end} >/dev/udp/${to.address}/9'`);
    return sniffer.heard.has(end);
  });
  sniffer.end();
  return [one, all].filter((word) => sniffer.heard.has(word));
}

/** Deploys with these settings in the section `security`. */
async function secure(security: object): Promise<string> {
  write("cluster.yaml", stringify({ ...parse(read("cluster.yaml")), security }));
  return await lab("deploy");
}
const addresses = () => Promise.all(hosts().map((on) => addressOf(on)));
const status = () => atConsoles("set -a; . /etc/default/weave; set +a; weave status; weave status connections");

it("what containers send can be read between the hosts, until it is encrypted", async () => {
  expect(await readOnTheWay()).toEqual(["a-word-to-one", "a-word-to-all"]);
  const before = await addresses();
  expectWords(await secure({ weaveEncryption: true }), /Peers: 2 \(with 2 established connections\)/);
  await until(connected);
  expect(await addresses()).toEqual(before);
  for (const said of Object.values(await status())) {
    expectWords(said, /Encryption: enabled/, /established encrypted/);
  }
  expect(await readOnTheWay()).toEqual([]);
});

it("the password can be found in the router's environment, and the gossip key nowhere; nothing that the operator has shows either", async () => {
  const password = read("weave.password").trim();
  const [key = "", hex = ""] = keyForms();
  expect(await atConsoles("stat -c '%a %U' /etc/default/weave-password")).toEqual({
    h1: "600 root\n",
    h2: "600 root\n",
  });
  for (const places of Object.values(await findable({ password, key, hex }))) {
    expect(places).toEqual(["password in the environment of weaver"]);
  }
  const plan = labFile("plan-for-test");
  const terraform = (...words: string[]) =>
    operator("terraform", `-chdir=${labFile("cdktf.out/stacks/lab")}`, ...words);
  // Replacing what has the password among its inputs: a plan without changes would hold no configuration of it.
  const planned = await terraform("plan", "-input=false", `-out=${plan}`, "-replace=null_resource.h1_weave_install");
  const texts = [
    planned.output,
    (await terraform("show", "-json", plan)).output,
    (await operator("busybox", "unzip", "-p", plan)).output,
    read("cdktf.out/stacks/lab/cdk.tf.json"),
    read("terraform.lab.tfstate"),
  ];
  for (const text of texts) {
    expect(text).toMatch(/h1_weave_install/);
    expect([password, key, hex].filter((secret) => text.includes(secret))).toEqual([]);
  }
});

it("another password is refused where it is not said to be one, and otherwise taken by all routers at once", async () => {
  const [one] = hosts() as [Host, Host];
  const before = await addresses();
  const another = "another/password+of/the+cluster+12345678";
  const sent = "/root/.multicast-swarm/secrets/weave-password";
  expectWords(
    await atConsole(
      one,
      `cd /root; echo WEAVE_PASSWORD=${another} >${sent}; ! ${step(one, "install")} 2>&1; [ ! -e ${sent} ]`,
    ),
    /ERROR: the router has another password than the one in TF_VAR_weave_password: .* raise security.weavePasswordChanged/,
  );
  write("weave.password", another);
  expectWords(
    await secure({ weaveEncryption: true, weavePasswordChanged: 1 }),
    /Peers: 2 \(with 2 established connections\)/,
  );
  await until(connected);
  expect(await addresses()).toEqual(before);
  expect(await atConsole(one, "cat /etc/default/weave-password")).toBe(`WEAVE_PASSWORD=${another}\n`);
});

it("encryption can be turned off again", async () => {
  const output = await secure({});
  expectWords(output, /h2 weave-launch: changed .*weave-password \(removed\)/);
  await until(connected);
  for (const said of Object.values(await status())) {
    expectWords(said, /Encryption: disabled/);
  }
});

it("of two hosts one is left, which forgets the other", async () => {
  const [one, other] = hosts() as [Host, Host];
  const file = parse(read("cluster.yaml"));
  const entries: { name: string; consul?: string }[] = file.hosts;
  const [stays, goes] = entries;
  write("cluster.yaml", stringify({ ...file, hosts: [{ ...stays, consul: "server" }], removed: [goes] }));
  expectWords(await lab("deploy"), /h1 weave-launch: changed peers: none/, /gate-weave: found Weave: Peers: 1/);
  expect(await atConsole(one, "set -a; . /etc/default/weave; weave status targets")).not.toContain(other.address);
  await run(one, "another");
  expect(await addressOf(one, "another")).toMatch(/^10\./);
});
