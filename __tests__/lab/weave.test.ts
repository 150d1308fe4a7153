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
import {
  atConsole,
  atConsoles,
  expectFailure,
  expectWords,
  type Host,
  host,
  hosts,
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

/** What the step that launches Weave on a host is called with, from what was deployed. */
function launch(on: Host): string {
  const stack = JSON.parse(read("cdktf.out/stacks/lab/cdk.tf.json"));
  return stack.resource.null_resource[`${on.name}_weave_launch`].triggers.command;
}

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
