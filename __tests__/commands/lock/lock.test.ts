/** `scripts/lock`: from a mirror, a folder, and publishers of our own on 127.0.0.1; and the lock file's errors. */
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadCluster } from "../../../cluster/load.js";
import { lockFileText, nameInRegistry, placeholder } from "../../../cluster/lock-file.js";
import type { Artifact } from "../../../cluster/model.js";
import { parseImage, publishers, resolveArtifacts } from "../../../commands/lock/artifact-sources.js";
import { lock } from "../../../commands/lock/lock.js";
import { files, load, logsIn, three } from "../../fixtures/files.js";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

// Not the logins of whoever runs the tests.
process.env.DOCKER_CONFIG = files({});

/** Path to content, or to a handler. Whatever is not there is answered with 404. */
let served: Record<string, string | ((response: ServerResponse, authorization: string | undefined) => void)> = {};
let requests: string[] = [];
let server: Server;
let base = "";

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.url ?? "");
    const content = served[request.url ?? ""];
    if (content === undefined) {
      response.writeHead(404).end();
    } else if (typeof content === "string") {
      response.end(content);
    } else {
      content(response, request.headers.authorization);
    }
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  served = {};
  requests = [];
});

// Every host is asked which packages it lacks; these lack none.
const path = process.env.PATH;
beforeAll(() => {
  process.env.PATH = `${programs({ ssh: `${logsIn}cat >/dev/null; echo platform debian-12-amd64` })}:${path}`;
});
afterAll(() => {
  process.env.PATH = path;
});

const weaveworks =
  "weave: { version: 2.6.5, images: weaveworks }\ndocker: { install: false }\nverify: { image: me/tools:1 }\n";

const store: Record<string, string> = {
  "consul/1.22.7/consul_1.22.7_linux_amd64.zip": "consul amd64",
  "consul/1.22.7/consul_1.22.7_linux_arm64.zip": "consul arm64",
  "weave/2.6.5/weave": "weave script",
  "images/weaveworks_weave_2.6.5_amd64.tar": "weave",
  "images/weaveworks_weaveexec_2.6.5_amd64.tar": "weaveexec",
  "images/weaveworks_weavedb_latest_amd64.tar": "weavedb",
  "images/swarm_1.2.9_amd64.tar": "swarm",
  "images/swarm_1.2.9_arm64.tar": "swarm arm64",
  "images/me_tools_1_amd64.tar": "tools",
};

const mirror = (contents = store) =>
  Object.fromEntries(Object.entries(contents).map(([path, text]) => [`/${path}`, text]));

/** Runs `lock` on a cluster file; what it said, without the temporary folder. */
async function run(
  folder: string,
  patienceSeconds?: number,
): Promise<{ said: string[]; written: Artifact[]; error?: string }> {
  const said: string[] = [];
  let error: string | undefined;
  const say = (line: string) => said.push(line.replaceAll(`${folder}/`, ""));
  await lock(join(folder, "cluster.yaml"), say, patienceSeconds).catch((e: Error) => {
    error = e.message;
  });
  const path = join(folder, "artifacts.lock.json");
  const written = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).artifacts : [];
  return { said, written, ...(error === undefined ? {} : { error }) };
}

/** A folder of programs. */
function programs(scripts: Readonly<Record<string, string>>): string {
  const folder = files(
    Object.fromEntries(Object.entries(scripts).map(([name, text]) => [name, `#!/bin/sh\n${text}\n`])),
  );
  for (const name of Object.keys(scripts)) {
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

describe("where every host has an engine of its own", () => {
  const engine = `package docker-engine docker.io 20.10 ${sha256("engine")} http://deb.example/docker.deb`;
  const unzip = `package unzip unzip 6.0-28 ${sha256("unzip")} http://deb.example/unzip.deb`;

  test("unzip is locked for those that lack it, and no package of the engine's", async () => {
    const before = process.env.PATH;
    // The script for hosts is told which of the two it is asked for.
    process.env.PATH = `${programs({
      ssh: `${logsIn}cat >/dev/null; echo platform debian-12-amd64; echo '${unzip}'; case "$*" in *' - '*|*' -') ;; *) echo '${engine}' ;; esac`,
    })}:${path}`;
    try {
      served = mirror();
      const at = files({ "cluster.yaml": three(`${weaveworks}artifacts: { mirror: "${base}" }\n`) });
      const old = { name: "package:docker-engine:runc", platform: "debian-12-amd64", version: "1" };
      writeFileSync(
        join(at, "artifacts.lock.json"),
        lockFileText([{ ...old, sha256: sha256("runc"), source: "http://deb.example/runc.deb" }]),
      );
      const { written } = await run(at);
      expect(written.map(({ name }) => name).filter((name) => name.startsWith("package:"))).toEqual([
        "package:unzip:unzip",
      ]);
    } finally {
      process.env.PATH = before;
    }
  });

  test("also in a folder", async () => {
    const at = files({ "cluster.yaml": three(`${weaveworks}artifacts: { directory: . }\n`) });
    const packages = {
      "packages/unzip/debian-12-amd64/unzip_6.0-28_amd64.deb": "unzip",
      "packages/docker-engine/debian-12-amd64/docker.io_20.10_amd64.deb": "engine",
    };
    for (const [name, text] of Object.entries({ ...store, ...packages })) {
      mkdirSync(dirname(join(at, name)), { recursive: true });
      writeFileSync(join(at, name), text);
    }
    expect((await run(at)).written.map(({ name }) => name).filter((name) => name.startsWith("package:"))).toEqual([
      "package:unzip:unzip",
    ]);
  });
});

describe("a mirror", () => {
  const folder = () => files({ "cluster.yaml": three(`${weaveworks}artifacts: { mirror: "${base}" }\n`) });

  test("every artifact is hashed, for each architecture that the mirror has", async () => {
    served = mirror();
    const at = folder();
    const { said, written, error } = await run(at);
    expect(error).toBeUndefined();
    expect(written.map(({ name, platform }) => `${name} ${platform}`)).toEqual([
      "consul amd64",
      "consul arm64",
      "image:me/tools:1 amd64",
      "image:swarm:1.2.9 amd64",
      "image:swarm:1.2.9 arm64",
      "image:weaveworks/weave:2.6.5 amd64",
      "image:weaveworks/weavedb:latest amd64",
      "image:weaveworks/weaveexec:2.6.5 amd64",
      "weave any",
    ]);
    expect(written[0]).toEqual({
      name: "consul",
      platform: "amd64",
      version: "1.22.7",
      sha256: sha256("consul amd64"),
      source: `${base}/consul/1.22.7/consul_1.22.7_linux_amd64.zip`,
    });
    expect(said).toContain(
      `left out image:weaveworks/weave:2.6.5 for arm64: no images/weaveworks_weave_2.6.5_arm64.tar in the mirror ${base}`,
    );
    expect(said).toContain("added    consul 1.22.7 (amd64)");
    expect(said.at(-1)).toBe("wrote artifacts.lock.json (9 artifacts): review it and commit it");
    expect(loadCluster(join(at, "cluster.yaml"), { hostKeys: "ignore" }).artifacts).toEqual(written);
  });

  test("a second run writes the same bytes and tells what changed", async () => {
    served = mirror();
    const at = folder();
    await run(at);
    const before = readFileSync(join(at, "artifacts.lock.json"), "utf8");
    expect((await run(at)).said.filter((line) => /^(added|changed|removed)/.test(line))).toEqual([]);
    expect(readFileSync(join(at, "artifacts.lock.json"), "utf8")).toBe(before);

    served = mirror({ ...store, "weave/2.6.5/weave": "another script" });
    delete served["/images/swarm_1.2.9_arm64.tar"];
    expect((await run(at)).said.filter((line) => /^(added|changed|removed)/.test(line))).toEqual([
      `changed  weave 2.6.5 (any): sha256 was ${sha256("weave script")}, is ${sha256("another script")}`,
      "removed  image:swarm:1.2.9 1.2.9 (arm64)",
    ]);
  });

  test("an artifact that is missing altogether is an error, and nothing is written", async () => {
    served = mirror();
    const at = folder();
    await run(at);
    const before = readFileSync(join(at, "artifacts.lock.json"), "utf8");
    delete served["/images/swarm_1.2.9_amd64.tar"];
    delete served["/images/swarm_1.2.9_arm64.tar"];
    expect((await run(at)).error).toBe(
      `image:swarm:1.2.9 1.2.9: neither images/swarm_1.2.9_amd64.tar nor images/swarm_1.2.9_arm64.tar in the mirror ${base}`,
    );
    expect(readFileSync(join(at, "artifacts.lock.json"), "utf8")).toBe(before);
  });

  test("the image of the network tests may be missing", async () => {
    const { "images/me_tools_1_amd64.tar": _, ...rest } = store;
    served = mirror(rest);
    const { said, error } = await run(folder());
    expect(error).toBeUndefined();
    expect(said.join("\n")).toContain("left out image:me/tools:1: no images/me_tools_1_amd64.tar nor ");
  });

  test("the event bus's image is locked when the cluster file names it, and may be missing", async () => {
    const named = `${weaveworks.replace("tools:1", "tools:1, eventBusImage: me/bus:2")}artifacts: { mirror: "${base}" }\n`;
    served = mirror();
    expect((await run(files({ "cluster.yaml": three(named) }))).said.join("\n")).toContain(
      "left out image:me/bus:2: no ",
    );
    served = mirror({ ...store, "images/me_bus_2_amd64.tar": "bus" });
    const { written } = await run(files({ "cluster.yaml": three(named) }));
    expect(written.find(({ name }) => name === "image:me/bus:2")).toMatchObject({
      version: "2",
      sha256: sha256("bus"),
    });
  });

  test("other answers than 404 are errors that name the URL", async () => {
    served = mirror();
    served["/weave/2.6.5/weave"] = (response) => response.writeHead(403).end();
    expect((await run(folder())).error).toBe(`${base}/weave/2.6.5/weave: HTTP status 403 Forbidden`);
  });

  test("a download that breaks off is an error", async () => {
    served = mirror();
    served["/weave/2.6.5/weave"] = (response) => {
      response.writeHead(200, { "content-length": "1000" }).write("half");
      setTimeout(() => response.destroy(), 20);
    };
    expect((await run(folder())).error).toMatch(/\/weave\/2\.6\.5\/weave: broke off: /);
  });

  test.each([
    ["before", /\/weave\/2\.6\.5\/weave: silent for 0\.2 s$/, () => {}],
    [
      "amid",
      /\/weave\/2\.6\.5\/weave: broke off: silent for 0\.2 s$/,
      (response: ServerResponse) => response.writeHead(200, { "content-length": "1000" }).write("half"),
    ],
  ])("a mirror that falls silent %s its answer is not waited for", async (_, message, answer) => {
    served = mirror();
    served["/weave/2.6.5/weave"] = (response) => {
      answer(response);
    };
    const { error } = await run(folder(), 0.2);
    expect(error).toMatch(message);
  });

  test("a mirror that is not there", async () => {
    const at = files({ "cluster.yaml": three(`${weaveworks}artifacts: { mirror: "http://127.0.0.1:1" }\n`) });
    expect((await run(at)).error).toMatch(/^http:\/\/127\.0\.0\.1:1\/consul\/.*: ./);
  });
});

describe("a folder", () => {
  test("holds the same files; sources are relative to the cluster file", async () => {
    const at = files({
      "cluster.yaml": three(
        `${weaveworks.replace("install: false", "install: true")}artifacts: { directory: pool/ }\n`,
      ),
    });
    const packages = {
      "packages/unzip/debian-12-amd64/unzip_6.0-28_amd64.deb": "unzip",
      "packages/docker-engine/debian-12-amd64/docker.io_1%3a20.10.24+dfsg1-1~b2_amd64.deb": "engine",
    };
    for (const [path, text] of Object.entries({ ...store, ...packages })) {
      mkdirSync(dirname(join(at, "pool", path)), { recursive: true });
      writeFileSync(join(at, "pool", path), text);
    }
    const { written, error } = await run(at);
    expect(error).toBeUndefined();
    expect(written).toHaveLength(11);
    expect(written.find(({ name }) => name === "weave")).toEqual({
      name: "weave",
      platform: "any",
      version: "2.6.5",
      sha256: sha256("weave script"),
      source: "file:pool/weave/2.6.5/weave",
    });
    expect(written.find(({ name }) => name === "package:docker-engine:docker.io")).toMatchObject({
      platform: "debian-12-amd64",
      version: "1:20.10.24+dfsg1-1~b2",
      sha256: sha256("engine"),
      source: "file:pool/packages/docker-engine/debian-12-amd64/docker.io_1%3a20.10.24+dfsg1-1~b2_amd64.deb",
    });
    expect(loadCluster(join(at, "cluster.yaml"), { hostKeys: "ignore" }).artifacts).toEqual(written);
  });

  test("without packages, hosts need an engine already, and that is said", async () => {
    const at = files({
      "cluster.yaml": three(`${weaveworks.replace("install: false", "install: true")}artifacts: { directory: . }\n`),
    });
    for (const [path, text] of Object.entries(store)) {
      mkdirSync(dirname(join(at, path)), { recursive: true });
      writeFileSync(join(at, path), text);
    }
    expect((await run(at)).said.join("\n")).toContain("left out packages: no folder packages in file:.");
  });
});

describe("the publishers", () => {
  const index = JSON.stringify({ schemaVersion: 2, manifests: [] });
  const type = "application/vnd.oci.image.index.v1+json";
  const images = [
    "rajchaudhuri/weave",
    "rajchaudhuri/weaveexec",
    "rajchaudhuri/weavedb",
    "library/swarm",
    "alpine/socat",
  ];
  const tags: Record<string, string> = {
    "rajchaudhuri/weavedb": "latest",
    "library/swarm": "1.2.9",
    "alpine/socat": "1.8.0.3",
  };
  const manifest = (image: string) => `/v2/${image}/manifests/${tags[image] ?? "2.9.0"}`;

  const here = () => ({
    consul: `${base}/consul`,
    consulKey: publishers.consulKey,
    weave: { rajchaudhuri: `${base}/rajch`, weaveworks: `${base}/ww` },
    registry: () => base,
  });

  async function resolve() {
    const cluster = loadCluster(join(files({ "cluster.yaml": three() }), "cluster.yaml"), {
      lock: "ignore",
      hostKeys: "ignore",
    });
    return resolveArtifacts(cluster, () => {}, { from: here() });
  }

  beforeEach(() => {
    served = {
      "/consul/1.22.7/consul_1.22.7_SHA256SUMS": ["amd64", "386", "arm64"]
        .map((arch) => `${sha256(arch)}  consul_1.22.7_linux_${arch}.zip\n`)
        .join(""),
      "/rajch/v2.9.0/weave": "weave script",
    };
    for (const image of images) {
      served[manifest(image)] = (response, authorization) => {
        if (authorization === `Bearer for-${image}`) {
          response.writeHead(200, { "content-type": type }).end(`${index}${image}`);
        } else {
          const challenge = `Bearer realm="${base}/token",service="registry.test",scope="repository:${image}:pull"`;
          response.writeHead(401, { "www-authenticate": challenge }).end();
        }
      };
      const query = new URLSearchParams({ service: "registry.test", scope: `repository:${image}:pull` });
      served[`/token?${query}`] = JSON.stringify({ token: `for-${image}` });
    }
  });

  test("Consul by its list of checksums, the script by download, images by digest with an anonymous token", async () => {
    const artifacts = await resolve();
    expect(artifacts).toHaveLength(8);
    expect(artifacts.slice(0, 3)).toEqual([
      {
        name: "consul",
        platform: "amd64",
        version: "1.22.7",
        sha256: sha256("amd64"),
        source: `${base}/consul/1.22.7/consul_1.22.7_linux_amd64.zip`,
      },
      {
        name: "consul",
        platform: "arm64",
        version: "1.22.7",
        sha256: sha256("arm64"),
        source: `${base}/consul/1.22.7/consul_1.22.7_linux_arm64.zip`,
      },
      {
        name: "weave",
        platform: "any",
        version: "2.9.0",
        sha256: sha256("weave script"),
        source: `${base}/rajch/v2.9.0/weave`,
      },
    ]);
    expect(artifacts.find(({ name }) => name === "image:swarm:1.2.9")).toEqual({
      name: "image:swarm:1.2.9",
      platform: "any",
      version: "1.2.9",
      sha256: sha256(`${index}library/swarm`),
      source: "docker://docker.io/library/swarm",
    });
    // The zip itself need not be downloaded.
    expect(requests.filter((url) => url.endsWith(".zip"))).toEqual([]);
  });

  test("a checksum list without the file", async () => {
    served["/consul/1.22.7/consul_1.22.7_SHA256SUMS"] = `${sha256("amd64")}  consul_1.22.7_linux_amd64.zip\n`;
    await expect(resolve()).rejects.toThrow("consul_1.22.7_SHA256SUMS: no checksum of consul_1.22.7_linux_arm64.zip");
  });

  test("a registry whose stated digest is not that of its answer", async () => {
    served[manifest("library/swarm")] = (response) =>
      response.writeHead(200, { "content-type": type, "docker-content-digest": `sha256:${placeholder}` }).end(index);
    await expect(resolve()).rejects.toThrow(
      `the registry states sha256:${placeholder}, its answer has sha256:${sha256(index)}`,
    );
  });

  test("a manifest of the old kind, whose digest pins nothing", async () => {
    served[manifest("library/swarm")] = (response) =>
      response
        .writeHead(200, { "content-type": "application/vnd.docker.distribution.manifest.v1+prettyjws" })
        .end("{}");
    await expect(resolve()).rejects.toThrow(
      'found a manifest of type "application/vnd.docker.distribution.manifest.v1+prettyjws"',
    );
  });

  test("a registry that wants a login", async () => {
    served[manifest("library/swarm")] = (response) =>
      response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    await expect(resolve()).rejects.toThrow(
      'the registry wants a login (Basic realm="x"): docker login docker.io, here and as root on the hosts',
    );
  });

  test("an image that does not exist", async () => {
    delete served[manifest("library/swarm")];
    await expect(resolve()).rejects.toThrow("/v2/library/swarm/manifests/1.2.9: HTTP status 404 Not Found");
  });

  test("image references", () => {
    expect(parseImage("swarm:1.2.9")).toEqual({ host: "docker.io", repository: "library/swarm", reference: "1.2.9" });
    expect(parseImage("weaveworks/weave")).toEqual({
      host: "docker.io",
      repository: "weaveworks/weave",
      reference: "latest",
    });
    expect(parseImage("reg.example:5000/a/b:1")).toEqual({
      host: "reg.example:5000",
      repository: "a/b",
      reference: "1",
    });
    expect(parseImage("localhost/a@sha256:12")).toEqual({ host: "localhost", repository: "a", reference: "sha256:12" });
    expect(publishers.registry("docker.io")).toBe("https://registry-1.docker.io");
    expect(publishers.registry("127.0.0.1:5000")).toBe("http://127.0.0.1:5000");
    expect(publishers.registry("reg.example")).toBe("https://reg.example");
  });
});

describe("a registry for all images", () => {
  const type = "application/vnd.oci.image.index.v1+json";
  const images = ["weaveworks/weave", "weaveworks/weaveexec", "weaveworks/weavedb", "library/swarm", "me/tools"];
  const tags: Record<string, string> = {
    "weaveworks/weavedb": "latest",
    "library/swarm": "1.2.9",
    "me/tools": "1",
  };
  const login = Buffer.from("me:a-word:of-mine").toString("base64");
  const host = () => base.replace("http://", "");
  const file = () =>
    files({
      "cluster.yaml": three(`${weaveworks}artifacts: { mirror: "${base}", registry: "${host()}/pro-xy/hub" }\n`),
    });

  /** Serves the images to those who send this. */
  function serve(wanted: string | undefined, challenge = ""): void {
    served = Object.fromEntries(Object.entries(mirror()).filter(([path]) => !path.startsWith("/images/")));
    for (const image of images) {
      served[`/v2/pro-xy/hub/${image}/manifests/${tags[image] ?? "2.6.5"}`] = (response, authorization) =>
        authorization === wanted
          ? response.writeHead(200, { "content-type": type }).end(image)
          : response.writeHead(401, { "www-authenticate": challenge }).end();
    }
    served["/v2/pro-xy/hub/swarm/manifests/1.2.9"] = (response, authorization) =>
      authorization === wanted
        ? response.writeHead(404).end()
        : response.writeHead(401, { "www-authenticate": challenge }).end();
    served["/token?service=s&scope=x"] = (response, authorization) =>
      authorization === `Basic ${login}` ? response.end('{"token":"t"}') : response.writeHead(401).end();
  }
  const basic = 'Basic realm="me"';
  const bearer = () => `Bearer realm="${base}/token",service="s",scope="x"`;

  test("images have its name in their source, and everything else the mirror's", async () => {
    serve(undefined);
    const at = file();
    const { written, said } = await run(at);
    expect(written.map(({ name, source }) => `${name} ${source.replaceAll(host(), "HOST")}`)).toEqual([
      "consul http://HOST/consul/1.22.7/consul_1.22.7_linux_amd64.zip",
      "consul http://HOST/consul/1.22.7/consul_1.22.7_linux_arm64.zip",
      "image:me/tools:1 docker://HOST/pro-xy/hub/me/tools",
      "image:swarm:1.2.9 docker://HOST/pro-xy/hub/library/swarm",
      "image:weaveworks/weave:2.6.5 docker://HOST/pro-xy/hub/weaveworks/weave",
      "image:weaveworks/weavedb:latest docker://HOST/pro-xy/hub/weaveworks/weavedb",
      "image:weaveworks/weaveexec:2.6.5 docker://HOST/pro-xy/hub/weaveworks/weaveexec",
      "weave http://HOST/weave/2.6.5/weave",
    ]);
    expect(said).toContain(
      `found    ${host()}/pro-xy/hub/library/swarm:1.2.9 @ sha256:${sha256("library/swarm").slice(0, 12)}…`,
    );
    expect(loadCluster(join(at, "cluster.yaml"), { hostKeys: "ignore" }).artifacts).toEqual(written);
  });

  test("an image that it has not got is an error; the network tests' may be missing", async () => {
    serve(undefined);
    delete served["/v2/pro-xy/hub/me/tools/manifests/1"];
    expect((await run(file())).said.join("\n")).toContain(
      `left out image:me/tools:1: no ${host()}/pro-xy/hub/me/tools:1; scripts/verify needs`,
    );
    delete served["/v2/pro-xy/hub/library/swarm/manifests/1.2.9"];
    expect((await run(file())).error).toBe(
      `image:swarm:1.2.9: no ${host()}/pro-xy/hub/swarm:1.2.9 nor ${host()}/pro-xy/hub/library/swarm:1.2.9`,
    );
  });

  describe("with a login", () => {
    const before = process.env.DOCKER_CONFIG;
    afterEach(() => {
      process.env.DOCKER_CONFIG = before;
    });
    const keep = (config: string) => {
      process.env.DOCKER_CONFIG = files({ "config.json": config });
    };
    const keepLogin = (auth: string) => keep(JSON.stringify({ auths: { [host()]: { auth } } }));

    test.each([
      ["itself", `Basic ${login}`, () => basic],
      ["for a token", "Bearer t", bearer],
    ])("docker's is sent %s, and nothing of it is written or said", async (_, wanted, challenge) => {
      serve(wanted, challenge());
      keepLogin(login);
      const { written, said, error } = await run(file());
      expect(error).toBeUndefined();
      expect(written).toHaveLength(8);
      expect(JSON.stringify([written, said])).not.toMatch(/a-word/);
      expect(JSON.stringify([written, said])).not.toContain(login);
    });

    test("it may come from a program of docker's", async () => {
      serve(`Basic ${login}`, basic);
      keep(JSON.stringify({ credsStore: "mine" }));
      const path = process.env.PATH;
      const program = `[ "$1 $(cat)" = "get ${host()}" ] && echo '{"Username":"me","Secret":"a-word:of-mine"}'`;
      process.env.PATH = `${programs({ "docker-credential-mine": program })}:${path}`;
      try {
        expect(await run(file())).not.toHaveProperty("error");
      } finally {
        process.env.PATH = path;
      }
      expect((await run(file())).error).toMatch(/config\.json: names docker-credential-mine, which cannot be run: /);
    });

    test.each([
      [
        "that it refuses",
        () => login.slice(4),
        /: the registry refuses the login that docker has for \S+ \(HTTP status 401\)$/,
      ],
      [
        "that is missing",
        () => "",
        /: the registry wants a login \(Basic realm="me"\): docker login \S+, here and as root on the hosts$/,
      ],
    ])("%s is an error", async (_, auth, error) => {
      serve(`Basic ${login}`, basic);
      keepLogin(auth());
      expect((await run(file())).error).toMatch(error);
    });

    test("tokens are refused to those with another one", async () => {
      serve("Bearer t", bearer());
      keepLogin(login.slice(4));
      expect((await run(file())).error).toMatch(
        /: the registry refuses the login that docker has .*HTTP status 401 of/,
      );
    });

    test("what docker keeps may be broken, and is not repeated then", async () => {
      serve(`Basic ${login}`, basic);
      keep(`{ "auths": ${login}`);
      const { error } = await run(file());
      expect(error).toMatch(/config\.json: found something else, expected the JSON that docker login writes$/);
      expect(error).not.toContain(login);
      keep(JSON.stringify({ auths: { [host()]: { auth: "", identitytoken: "t" } } }));
      expect((await run(file())).error).toMatch(/config\.json: found an identity token for \S+, expected a login with/);
    });
  });
});

describe("a lock file that was edited", () => {
  const artifacts = (change: Partial<Artifact> = {}): Artifact[] => [
    ...["amd64", "arm64"].map((platform) => ({
      name: "consul",
      platform,
      version: "1.22.7",
      sha256: sha256("c"),
      source: "https://x/c",
    })),
    ...["rajchaudhuri/weave:2.9.0", "rajchaudhuri/weaveexec:2.9.0", "rajchaudhuri/weavedb:latest", "swarm:1.2.9"].map(
      (image) => ({
        name: `image:${image}`,
        platform: "any",
        version: image.split(":")[1] ?? "",
        sha256: sha256(image),
        source: "docker://docker.io/x",
      }),
    ),
    { name: "weave", platform: "any", version: "2.9.0", sha256: sha256("w"), source: "https://x/w", ...change },
  ];
  const problems = (lockText: string, more = "") => load(three(more), { lock: lockText }).problems;

  test("is taken when it covers what the cluster file asks for", () => {
    expect(load(three(), { lock: lockFileText(artifacts()) })).toMatchObject({ problems: [], warnings: [] });
  });

  test.each([
    ["sha256", { sha256: "abc" }, 'artifacts[6].sha256: found "abc", expected 64 lower-case hexadecimal digits'],
    [
      "source",
      { source: "ftp://x" },
      'artifacts[6].source: found "ftp://x", expected http(s)://… without a login, docker://REGISTRY/NAME or file:PATH',
    ],
    [
      "shell in a source",
      { source: "https://x/$(id)" },
      'artifacts[6].source: found "https://x/$(id)", expected http(s)://… without a login, docker://REGISTRY/NAME or file:PATH',
    ],
    [
      "name",
      { name: "wave" },
      'artifacts[6].name: found "wave", expected consul, weave, image:NAME:TAG or package:GROUP:PACKAGE',
    ],
    [
      "platform",
      { platform: "x86" },
      'artifacts[6].platform: found "x86", expected any, an architecture, or one like debian-12-amd64',
    ],
  ])("a wrong %s has its line and column", (_, change, message) => {
    const [problem, ...others] = problems(lockFileText(artifacts(change)));
    expect(others).toEqual([]);
    expect(problem).toMatch(/^artifacts\.lock\.json:10:\d+: /);
    expect(problem).toContain(`: ${message}`);
  });

  test("an unknown field", () => {
    const text = lockFileText(artifacts()).replace('"name":"weave"', '"name":"weave","md5":"x"');
    expect(problems(text)).toEqual([
      "artifacts.lock.json:10:21: artifacts[6].md5: found an unknown key, expected one of name, platform, version, sha256, source",
    ]);
  });

  test("broken JSON and another format", () => {
    expect(problems('{"formatVersion": 1,\n "artifacts": [}\n')[0]).toMatch(
      /^artifacts\.lock\.json:2:\d+: \(file\): found broken JSON/,
    );
    expect(problems('{"formatVersion": 2, "artifacts": []}')[0]).toBe(
      "artifacts.lock.json:1:19: formatVersion: found 2, expected 1, the only format there is",
    );
  });

  test("every artifact that is missing is named", () => {
    const text = lockFileText(artifacts().filter(({ name }) => !name.startsWith("image:rajch") && name !== "consul"));
    const expected = "expected every artifact that the cluster file asks for: run scripts/lock";
    expect(problems(text)).toEqual(
      [
        "consul 1.22.7",
        "image:rajchaudhuri/weave:2.9.0",
        "image:rajchaudhuri/weaveexec:2.9.0",
        "image:rajchaudhuri/weavedb:latest",
      ].map((what) => `artifacts.lock.json:3:16: artifacts: found no ${what}, ${expected}`),
    );
  });

  test("a version in the cluster file that the lock file does not follow", () => {
    expect(problems(lockFileText(artifacts()), "consul: { version: 1.22.8 }")).toEqual([
      'artifacts.lock.json:4:51: artifacts[0].version: found "1.22.7", expected "1.22.8" as the cluster file says: run scripts/lock',
      'artifacts.lock.json:5:51: artifacts[1].version: found "1.22.7", expected "1.22.8" as the cluster file says: run scripts/lock',
    ]);
  });

  test("a mirror that the lock file does not know of", () => {
    const found = problems(lockFileText(artifacts()), "artifacts: { mirror: http://mirror }");
    expect(found).toHaveLength(7);
    expect(found[0]).toMatch(
      /: artifacts\[0\]\.source: found "https:\/\/x\/c", expected a source under http:\/\/mirror\/ as the cluster file says: run scripts\/lock$/,
    );
  });

  test("images from elsewhere than the registry that the cluster file names, and those that name one themselves", () => {
    const found = problems(lockFileText(artifacts()), "artifacts: { registry: reg.example/mirror }");
    expect(found).toHaveLength(4);
    expect(found[0]).toMatch(
      /: artifacts\[2\]\.source: found "docker:\/\/docker\.io\/x", expected a source under docker:\/\/reg\.example\/mirror\/ as/,
    );
    expect(nameInRegistry("swarm:1.2.9", "reg/a")).toEqual(["reg/a/swarm:1.2.9", "reg/a/library/swarm:1.2.9"]);
    expect(nameInRegistry("team.example/weave:1", "reg/a")).toEqual(["team.example/weave:1"]);
  });

  test("files of a folder that the cluster file does not name", () => {
    expect(problems(lockFileText(artifacts({ source: "file:pool/weave" })))[0]).toContain(
      'artifacts[6].source: found "file:pool/weave", expected the publisher\'s address, since the cluster file names no directory: run scripts/lock',
    );
  });

  test("an artifact twice", () => {
    const twice = [...artifacts(), { ...artifacts()[6], sha256: sha256("other") } as Artifact];
    expect(problems(lockFileText(twice))).toEqual([
      "artifacts.lock.json:11:5: artifacts[7]: found a second entry of weave for any, expected one (artifacts[6])",
    ]);
  });

  test("packages come from the hosts' own sources, whatever the mirror", () => {
    const engine = {
      name: "package:docker-engine:docker.io",
      platform: "debian-12-amd64",
      version: "20.10.24+dfsg1-1+deb12u1+b6",
      sha256: sha256("d"),
      source: "http://deb.example/d/docker.io_20.10.24%2bdfsg1.deb",
    };
    expect(problems(lockFileText([...artifacts(), engine]))).toEqual([]);
  });
});
