/** What a command is given to reach hosts behind a bastion: ssh is a program of the test, which connects from here. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { authorityFor, certify } from "../../fixtures/authority.js";
import { files, three } from "../../fixtures/files.js";

/** A server that says who asked what. */
async function serve(address: string): Promise<number> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (text) => {
      body += text;
    });
    request.on("end", () =>
      response.end(`${address} ${request.method} ${request.url} ${body} ${request.headers["proxy-authorization"]}`),
    );
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return (server.address() as AddressInfo).port;
}

/** `ssh -W ADDRESS:PORT` reaches loopback in place of a host; the login to share ends when it is told to. */
const ssh = `#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in
    -M) echo ready; exec sleep 60 ;;
    -W) exec perl -MIO::Socket::INET -e '
      my $s = IO::Socket::INET->new($ARGV[0]) or do { print STDERR "refused by peer\\n"; exit 255 };
      if (!fork) { while (sysread STDIN, my $t, 65536) { syswrite $s, $t } exit }
      while (sysread $s, my $t, 65536) { syswrite STDOUT, $t }' "127.77.\${2#10.0.}" ;;
  esac
  shift
done
`;

function folder(more = "ssh: { bastion: { address: jump } }\nremoved: [{ name: h9, address: 10.0.0.9 }]"): string {
  const made = files({
    // Where one leaves, each of the others has to be given its role.
    "cluster.yaml": `${three().replaceAll(" }", ", consul: server }")}${more}`,
    known_hosts: ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9", "jump"]
      .map((name) => `${name} ssh-rsa AAAA\n`)
      .join(""),
    ssh,
  });
  chmodSync(join(made, "ssh"), 0o755);
  return made;
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function tunnel(where: string, words: readonly string[], started: (child: ChildProcess) => void = () => {}) {
  const env = {
    ...process.env,
    PATH: `${where}:${process.env.PATH}`,
    CLUSTER_FILE: join(where, "cluster.yaml"),
  };
  const child = spawn("scripts/tunnel", words, { env });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stdout.once("data", () => started(child));
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  return new Promise<Ended>((resolve) => child.once("close", (status) => resolve({ status, stdout, stderr })));
}

/** What docker would do: ask by the proxy that the environment names. */
const client = `
const { request } = require("node:http");
const { username, password, hostname, port } = new URL(process.env.HTTP_PROXY);
const auth = "Basic " + Buffer.from(username + ":" + password).toString("base64");
(async () => { for (const [path, proxyAuthorization] of [...process.argv.slice(2).map((url) => [url, auth]), [process.argv[2], "none"]])
  await new Promise((done) => request({ hostname, port, path, method: "POST", headers: { "proxy-authorization": proxyAuthorization } }, (answer) => {
    let text = ""; answer.on("data", (more) => { text += more; });
    answer.on("end", () => { console.log(answer.statusCode, text); done(); });
  }).end("body"));
})();`;

it("leads to the hosts by way of the bastion, to all others directly, and lets nobody else in", async () => {
  const [host, other] = [await serve("127.77.0.2"), await serve("127.0.0.1")];
  const where = folder();
  writeFileSync(join(where, "client.cjs"), client);
  const urls = [`http://10.0.0.2:${host}/v1.40/x?y=1`, `http://127.0.0.1:${other}/state`, "http://10.0.0.9:1/"];
  const { status, stdout, stderr } = await tunnel(where, ["--", "node", join(where, "client.cjs"), ...urls]);
  expect(stderr).toBe("");
  expect(stdout.trim().split("\n")).toEqual([
    "200 127.77.0.2 POST /v1.40/x?y=1 body undefined",
    "200 127.0.0.1 POST /state body undefined",
    '502 {"message":"scripts/tunnel gets no answer from 10.0.0.9 port 1: refused by peer"}',
    "407",
  ]);
  expect(status).toBe(0);
});

it("leads to hosts that speak TLS too, where the cluster file says so", async () => {
  const host = await serve("127.77.0.2");
  const where = folder("ssh: { bastion: { address: jump } }\nsecurity: { dockerTls: true }\n");
  certify(
    where,
    authorityFor("ours"),
    [1, 2, 3].map((number) => ({ name: "abc".charAt(number - 1), address: `10.0.0.${number}` })),
  );
  // What is inside of the connection is not the proxy's affair.
  const text = `
const { request } = require("node:http");
const { username, password, hostname, port } = new URL(process.env.HTTPS_PROXY);
for (const own of [username + ":" + password, "nobody:knows"]) {
  const authorization = "Basic " + Buffer.from(own).toString("base64");
  request({ hostname, port, method: "CONNECT", path: "10.0.0.2:${host}", headers: { "proxy-authorization": authorization } })
    .on("connect", ({ statusCode }, socket) => {
      if (statusCode !== 200) return console.log(statusCode);
      socket.on("data", (answer) => { console.log(String(answer).split("\\r\\n\\r\\n")[1]); socket.destroy(); });
      socket.write("GET /inside HTTP/1.0\\r\\n\\r\\n");
    }).end();
}`;
  writeFileSync(join(where, "client.cjs"), text);
  const { status, stdout, stderr } = await tunnel(where, ["--", "node", join(where, "client.cjs")]);
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout.trim().split("\n").sort()).toEqual(["127.77.0.2 GET /inside  undefined", "407"]);
});

it("ends as its command ends, which is told of the end that it is sent", async () => {
  expect((await tunnel(folder(), ["--", "sh", "-c", "exit 7"])).status).toBe(7);
  const told = await tunnel(
    folder(),
    ["--", "sh", "-c", "trap 'echo told; exit 3' TERM; echo up; while :; do sleep 0.1; done"],
    (child) => child.kill("SIGTERM"),
  );
  expect(told).toMatchObject({ status: 3, stdout: "up\ntold\n" });
});

it("says what it has to be given", async () => {
  const bare = folder("ssh: { user: ops }");
  expect(await tunnel(bare, ["--", "true"])).toMatchObject({
    status: 125,
    stderr: expect.stringContaining("found no ssh.bastion"),
  });
  expect(await tunnel(folder(), ["true"])).toMatchObject({ status: 2, stderr: expect.stringContaining("--help") });
  expect(await tunnel(folder(), ["--", "no-such"])).toMatchObject({
    status: 125,
    stderr: "tunnel: there is no command no-such on this machine\n",
  });
  // The command's own help is not asked of this one.
  expect((await tunnel(folder(), ["--", "ls", "--help"])).stdout).toMatch(/^Usage: ls/);
});

it("says why there is no way to the bastion", async () => {
  const where = folder();
  writeFileSync(
    join(where, "ssh"),
    "#!/bin/sh\necho 'ssh: connect to host jump port 22: Connection refused' >&2\nexit 255\n",
  );
  const { status, stderr } = await tunnel(where, ["--", "true"]);
  expect(stderr).toMatch(/^tunnel: the jump host jump: connection refused by jump host jump port 22; to fix it: /);
  expect(status).toBe(125);
});
