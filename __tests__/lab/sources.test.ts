/**
 * Artifacts from real servers of a datacenter's own, with certificates of a private authority: images from Debian's
 * registry, which wants a login, everything else from an HTTPS server that redirects.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  atConsole,
  atConsoles,
  changesNothing,
  type Ended,
  expectFailure,
  expectWords,
  host,
  hosts,
  lab,
  labFile,
  oneAfterTheOther,
  operator,
  type Running,
  read,
  start,
  tryLab,
  useLab,
  verify,
  write,
} from "./lab.js";

const address = "198.18.0.1";
const registry = `${address}:5000`;
const login = "puller:a-word-of-the-test";
const secrets = [login, "a-word-of-the-test", Buffer.from(login).toString("base64")];
/** What `docker login` would write. */
const dockerConfig = (of = login) =>
  JSON.stringify({ auths: { [registry]: { auth: Buffer.from(of).toString("base64") } } });

const images = {
  "weaveworks/weave:2.6.5-api1.24": "weaveworks_weave_2.6.5-api1.24",
  "weaveworks/weaveexec:2.6.5-api1.24": "weaveworks_weaveexec_2.6.5-api1.24",
  "weaveworks/weavedb:latest": "weaveworks_weavedb_latest",
  "library/swarm:1.2.9": "swarm_1.2.9",
  "multicast-swarm/toolbox:1": "multicast-swarm_toolbox_1",
};

beforeAll(async () => {
  const { status, output } = await start("lab/parts/build", ["sources"]).ended;
  expect(status, output).toBe(0);
});
// A login user with sudo: the login to the registry is root's all the same. Engines pull by themselves or have containerd
// do it: today's on the host that has one, Debian's where the deploy installs it.
useLab("--hosts", "2", "--user", "ops", "--engine", "29,distribution");
oneAfterTheOther();

let servers: Running[] = [];
beforeAll(async () => {
  makeCertificates();
  const inLab = (...command: string[]) =>
    start("nsenter", [`--net=/run/netns/${process.env.LAB_NAME}`, "--", ...command]);
  write("servers/registry.yaml", registryConfiguration());
  const cache = `${process.env.XDG_CACHE_HOME ?? `${process.env.HOME}/.cache`}/multicast-swarm`;
  servers = [
    inLab(`${cache}/bin/docker-registry`, "serve", labFile("servers/registry.yaml")),
    inLab(
      ..."node --import tsx __tests__/lab/source-servers.ts".split(" "),
      labFile("servers"),
      labFile("mirror"),
      address,
      login,
    ),
  ];
  await servers[0]?.printed(/listening on/);
  await servers[1]?.printed(/listens on 8443[\s\S]*listens on 8444|listens on 8444[\s\S]*listens on 8443/);
});
afterAll(() => {
  for (const { pid } of servers) {
    process.kill(pid);
  }
});

function makeCertificates(): void {
  mkdirSync(labFile("servers/docker"), { recursive: true });
  const request = (name: string, ...more: string[]) =>
    execFileSync(
      "openssl",
      [
        ..."req -x509 -newkey rsa:2048 -nodes -days 7 -keyout".split(" "),
        `${name}.key`,
        "-out",
        `${name}.crt`,
        "-subj",
        `/CN=${name}`,
        ...more,
      ],
      { cwd: labFile("servers"), stdio: "pipe" },
    );
  request("authority");
  request(
    "server",
    ..."-CA authority.crt -CAkey authority.key -addext basicConstraints=critical,CA:FALSE -addext".split(" "),
    `subjectAltName=IP:${address}`,
  );
  request("token");
}

const registryConfiguration = () => `version: 0.1
storage: { filesystem: { rootdirectory: "${labFile("servers/registry")}" } }
http: { addr: "${registry}", tls: { certificate: "${labFile("servers/server.crt")}", key: "${labFile("servers/server.key")}" } }
auth:
  token: { realm: "https://${address}:8443/token", service: registry, issuer: lab, rootcertbundle: "${labFile("servers/token.crt")}" }
`;

/** Fills the registry as a team does: from an engine, with `docker push`. */
beforeAll(async () => {
  const authority = read("servers/authority.crt");
  const [withEngine, without] = [host("h1"), host("h2")];
  // Root's login on both hosts. One engine is told whom to trust, the other finds it in the host's store when it starts.
  await atConsole(withEngine, `mkdir -p /etc/docker/certs.d/${registry}`);
  await atConsole(withEngine, `cat >/etc/docker/certs.d/${registry}/ca.crt <<'END'\n${authority}END`);
  await atConsoles(
    `cat >/usr/local/share/ca-certificates/authority.crt <<'END'\n${authority}END\nupdate-ca-certificates >/dev/null 2>&1`,
  );
  await atConsole(without, `mkdir -m 700 /root/.docker && echo '${dockerConfig()}' >/root/.docker/config.json`);
  const push = Object.entries(images).map(
    ([image, file]) => `
      /usr/lib/apt/apt-helper -q download-file http://${address}/images/${file}_amd64.tar /root/image.tar >/dev/null
      docker load -q -i /root/image.tar
      rm /root/image.tar
      for path in mirror public; do
        docker tag ${image.replace("library/", "")} ${registry}/$path/${image}
        docker push -q ${registry}/$path/${image}
      done`,
  );
  await atConsole(
    withEngine,
    `export HOME=/root
    echo '${login.split(":")[1]}' | docker login -u '${login.split(":")[0]}' --password-stdin ${registry} 2>/dev/null
    ${push.join("\n")}
    docker image prune -a -f`,
  );
});

/** `scripts/lock` with what an operator's machine trusts, and the logins that it has. */
async function lock(logins?: string, trusted = true): Promise<Ended> {
  rmSync(labFile("servers/docker/config.json"), { force: true });
  if (logins !== undefined) {
    write("servers/docker/config.json", logins);
  }
  process.env.DOCKER_CONFIG = labFile("servers/docker");
  if (trusted) {
    process.env.NODE_EXTRA_CA_CERTS = labFile("servers/authority.crt");
  }
  try {
    return await tryLab("lock");
  } finally {
    delete process.env.DOCKER_CONFIG;
    delete process.env.NODE_EXTRA_CA_CERTS;
  }
}

function comesFrom(path: string): void {
  write(
    "cluster.yaml",
    read("cluster.yaml").replace(
      /^artifacts:\n( {2}.*\n)+/m,
      `artifacts:\n  mirror: https://${address}:8443/mirror\n  registry: ${registry}/${path}\n`,
    ),
  );
}
const locked = (): { name: string; source: string }[] => JSON.parse(read("artifacts.lock.json")).artifacts;

it("nothing is taken from a server that the operator's machine does not trust", async () => {
  comesFrom("public");
  expectFailure(await lock(undefined, false), /https:\/\/\S+: \S+ .*; NODE_EXTRA_CA_CERTS names a file/);
});

it("images that everybody may pull are locked with a token for everybody", async () => {
  const { status, output } = await lock();
  expect(status, output).toBe(0);
  expectWords(output, /found +198\.18\.0\.1:5000\/public\/weaveworks\/weave:2\.6\.5-api1\.24 @ sha256:/);
});

it("others are not locked without a login, nor with a wrong one", async () => {
  comesFrom("mirror");
  expectFailure(await lock(), /the registry wants a login \(.*\): docker login 198\.18\.0\.1:5000, here and as root/);
  expectFailure(await lock(dockerConfig("puller:no")), /refuses the login that docker has for 198\.18\.0\.1:5000/);
});

it("with the operator's login they are, by what the registry says of them", async () => {
  const { status, output } = await lock(dockerConfig());
  expect(status, output).toBe(0);
  expect(locked().filter(({ name }) => /^image:(swarm|weaveworks\/weave):/.test(name))).toMatchObject([
    { name: "image:swarm:1.2.9", source: `docker://${registry}/mirror/library/swarm` },
    { name: "image:weaveworks/weave:2.6.5-api1.24", source: `docker://${registry}/mirror/weaveworks/weave` },
  ]);
  expect(locked().find(({ name }) => name === "consul")?.source).toMatch(/^https:\/\/198\.18\.0\.1:8443\/mirror\//);
});

it("hosts without the login are told so before anything is touched, and by the deploy that does not look first", async () => {
  await atConsoles("mv /root/.docker/config.json /run/");
  try {
    const preflight = await operator("scripts/preflight");
    expectFailure(
      preflight,
      /^h1 .*registry +198\.18\.0\.1:5000 does not give root's docker mirror\/\S+@sha256:/m,
      /docker login 198\.18\.0\.1:5000 as root on h1/,
      /^h2 .*registry +warning: 198\.18\.0\.1:5000 asks who h2 is, and root's docker has no login for it/m,
    );
    process.env.MULTICAST_SWARM_PREFLIGHT = "off";
    expectFailure(
      await tryLab("deploy"),
      /cannot pull 198\.18\.0\.1:5000\/mirror\/[\s\S]* docker login 198\.18\.0\.1:5000 as root/,
    );
  } finally {
    delete process.env.MULTICAST_SWARM_PREFLIGHT;
    await atConsoles("mv /run/config.json /root/.docker/");
  }
  expect((await operator("scripts/preflight")).output).not.toMatch(/ registry /);
  expect(await atConsole(host("h1"), "ls /usr/local/bin")).toBe("");
});

it("hosts with the login become a cluster, an engine of their own or not; the login stays where it was", async () => {
  const output = await lab("deploy");
  await verify();
  const named = await atConsoles("docker image ls --format '{{.Repository}}:{{.Tag}}' | grep -v '<none>'");
  for (const { name } of hosts()) {
    expect(named[name]).toMatch(/^swarm:1\.2\.9$/m);
    expect(named[name]).toMatch(/^weaveworks\/weaveexec:2\.6\.5-api1\.24$/m);
  }
  const kept = execFileSync(
    "cat",
    ["artifacts.lock.json", "cdktf.out/stacks/lab/cdk.tf.json", "terraform.lab.tfstate"],
    {
      cwd: labFile(""),
      encoding: "utf8",
    },
  );
  const onHosts = Object.values(await atConsoles("cat /var/lib/multicast-swarm/created; journalctl -o cat")).join("");
  for (const secret of secrets) {
    expect(
      [output, kept, onHosts].map((text) => text.includes(secret)),
      secret.slice(0, 6),
    ).toEqual([false, false, false]);
  }
  await changesNothing();
});

// The deploy has used apt's: the hosts had no other.
it.each([["wget"], ["curl"]])(
  "%s follows redirects, and trusts and believes whom the host trusts",
  async (downloader) => {
    const where = host("h2");
    await atConsole(
      where,
      `echo 'deb [trusted=yes] http://${address}/downloaders ./' >/root/downloaders.list
    apt="apt-get -y -qq --no-install-recommends -o Dir::Etc::SourceList=/root/downloaders.list -o Dir::Etc::SourceParts=/dev/null"
    { $apt update; DEBIAN_FRONTEND=noninteractive $apt install ${downloader}; } >/dev/null 2>&1`,
    );
    const fetches = (url: string) =>
      atConsole(
        where,
        `cd /home/ops/.multicast-swarm
      sh -c '. "$(dirname "$0")/lib.sh"; . "$here/artifacts.sh"; fetched=/run/fetched; rm -f /run/fetched*; fetch_url "$1"; ls -s /run/fetched.part; sha256sum </run/fetched.part' \\
        scripts/fetch.sh ${url} 2>&1 || true`,
      );
    const script = locked().find(({ name }) => name === "weave") as unknown as { source: string; sha256: string };
    expect(await fetches(script.source)).toContain(script.sha256);
    expect(await fetches(`https://${address}:8443/mirror/no-such-file`)).toMatch(/does not exist any more/);
    await atConsole(
      where,
      "mv /usr/local/share/ca-certificates/authority.crt /run/ && update-ca-certificates --fresh >/dev/null 2>&1",
    );
    expect(await fetches(script.source)).toMatch(/ERROR: cannot download .*certificate/i);
    await atConsole(
      where,
      "mv /run/authority.crt /usr/local/share/ca-certificates/ && update-ca-certificates >/dev/null 2>&1",
    );
  },
);

it("destroy takes what was pulled along with everything else", async () => {
  expectWords(await lab("destroy"), /h1 uninstall: .*nothing of multicast-swarm is left/);
  expect(await atConsole(host("h1"), "docker image ls -aq")).toBe("");
});
