/** The tokens that Consul knows, with a stand-in for the agent of a server. */
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { ports } from "../../../../cluster/ports.js";
import { temporaryFolder } from "../../../fixtures/clusters.js";

const uuid = (first: number) => `${String(first).repeat(8)}-2222-4333-8444-555555555555`;
const [management, agents, otherManagement, otherAgents, thiefs] = [1, 2, 3, 4, 5].map(uuid) as [
  string,
  string,
  string,
  string,
  string,
];
const anonymous = "00000000-0000-0000-0000-000000000002";

/** A server's host, and what Consul knows. Other tests ask other addresses of loopback. */
class Server {
  public readonly tokens = new Map([
    ["anonymous", { accessor: anonymous, description: "Anonymous Token", policy: "", made: 0, changed: 0 }],
  ]);
  private index = 0;
  public rules = "";
  public leads = true;
  private bootstrapped = 0;
  private readonly folder = temporaryFolder();
  private readonly address: string;
  public readonly at = (...names: string[]) => join(this.folder, ...names);

  public constructor() {
    this.address = "127.77.86.1";
    cpSync("scripts/host/steps", this.at("scripts"), { recursive: true });
    for (const script of readdirSync(this.at("scripts"))) {
      const text = readFileSync(this.at("scripts", script), "utf8")
        .replace(/^state=.*$/m, `state=${this.at("state")}`)
        .replace(/^hold=.*$/m, `hold=${this.at("hold")}`)
        .replace(/^PATH=\//m, `PATH=${this.at("bin")}:/`)
        .replaceAll("127.0.0.1", this.address);
      writeFileSync(this.at("scripts", script), text);
    }
    for (const name of ["bin", "state", "data", "secrets"]) {
      mkdirSync(this.at(name));
    }
    writeFileSync(this.at("bin/chown"), "#!/bin/sh\n", { mode: 0o755 });
    writeFileSync(this.at("state/member"), "a 10.0.1.1\n");
    writeFileSync(this.at("hosts.tsv"), "a\t10.0.1.1\tserver\n");
    writeFileSync(this.at("cluster.tsv"), "rack\n");
  }

  public async listens(): Promise<this> {
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (text) => {
        body += text;
      });
      request.on("end", () => {
        const token = String(request.headers["x-consul-token"] ?? "");
        const [status, answer] = this.answer(`${request.method} ${request.url}`, token, body);
        response.writeHead(status).end(typeof answer === "string" ? answer : JSON.stringify(answer, null, 4));
      });
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(ports.consulHttp.number, this.address, resolve));
    return this;
  }

  private answer(what: string, token: string, body: string): [number, unknown] {
    const sent = () => JSON.parse(body) as Record<string, string>;
    if (what === "GET /v1/status/leader") {
      return [200, `"10.0.1.${this.leads ? 1 : 2}:${ports.consulServer.number}"`];
    }
    if (what === "PUT /v1/acl/bootstrap") {
      const reset = this.at("data/acl-bootstrap-reset");
      if (this.bootstrapped > 0 && !(existsSync(reset) && readFileSync(reset, "utf8") === String(this.bootstrapped))) {
        return [403, `Permission denied: ACL bootstrap no longer allowed (reset index: ${this.bootstrapped})`];
      }
      rmSync(reset, { force: true });
      this.bootstrapped += 7;
      this.has(sent().BootstrapSecret ?? "", "Bootstrap Token (Global Management)", "global-management");
      return [200, {}];
    }
    const own = this.tokens.get(token);
    if (what === "GET /v1/acl/token/self?pretty" && own) {
      return [
        200,
        {
          AccessorID: own.accessor,
          SecretID: token,
          Description: own.description,
          CreateIndex: own.made,
          ModifyIndex: own.changed,
        },
      ];
    }
    if (own?.policy !== "global-management") {
      return [403, "ACL not found"];
    }
    const [, accessor] = /\/v1\/acl\/token\/([0-9a-f-]{30,})$/.exec(what) ?? [];
    const [secret] = [...this.tokens].find(([, one]) => one.accessor === accessor) ?? [];
    switch (accessor === undefined ? what : what.replace(accessor, "ID")) {
      case "GET /v1/acl/policy/name/multicast-swarm-agents?pretty":
        return this.rules === "" ? [404, "not found"] : [200, { ID: "p", Rules: this.rules }];
      case "PUT /v1/acl/policy":
      case "PUT /v1/acl/policy/p":
        this.rules = sent().Rules ?? "";
        return [200, {}];
      case "PUT /v1/acl/token":
        this.has(sent().SecretID ?? "", sent().Description ?? "", "agents");
        return [200, {}];
      case "PUT /v1/acl/token/ID":
        this.gives(secret ?? "", "");
        return [200, {}];
      case "GET /v1/acl/tokens?pretty":
        return [
          200,
          [...this.tokens].map(([SecretID, one]) => ({
            AccessorID: one.accessor,
            SecretID,
            Description: one.description,
            Policies: one.policy ? [{ ID: "x", Name: one.policy }] : null,
            CreateIndex: one.made,
            ModifyIndex: one.changed,
          })),
        ];
      case "DELETE /v1/acl/token/ID":
        this.tokens.delete(secret ?? "");
        return [200, true];
    }
    return [404, "not found"];
  }

  public has(secret: string, description: string, policy: string): void {
    const accessor = `acce5508-${secret.slice(9)}-${secret.slice(0, 8)}`;
    this.index += 1;
    this.tokens.set(secret, { accessor, description, policy, made: this.index, changed: this.index });
  }

  public gives(secret: string, policy: string): void {
    const one = this.tokens.get(secret);
    this.index += 1;
    if (one) {
      this.tokens.set(secret, { ...one, policy, changed: this.index });
    }
  }

  /** As if this host had not been there when the token was changed. */
  public saw(changed: number): void {
    writeFileSync(this.at("state/consul-tokens"), `${changed}\n`);
  }

  /** Runs the step as a deploy does, which sends both tokens. */
  public step(tokens: readonly [string, string], changed = 0) {
    writeFileSync(this.at("secrets/consul-tokens"), `${tokens.join("\n")}\n`);
    const words = [this.at("scripts/consul-tokens.sh"), `data_dir=${this.at("data")}`, "timeout=1"];
    return new Promise<{ status: number; said: string }>((resolve) => {
      execFile("sh", [...words, `tokens=${changed}`], (error, stdout, stderr) => {
        expect(existsSync(this.at("secrets/consul-tokens")), "the tokens stay behind").toBe(false);
        expect(existsSync(this.at("data/acl-bootstrap-reset")), "the reset stays behind").toBe(false);
        const said = stdout + stderr;
        for (const secret of tokens) {
          expect(said).not.toContain(secret);
        }
        resolve({ status: Number(error?.code ?? 0), said });
      });
    });
  }
}

/** One that knows the tokens of the first deploy. */
async function known(): Promise<Server> {
  const server = await new Server().listens();
  expect(await server.step([management, agents])).toMatchObject({ status: 0 });
  return server;
}

it("makes what is missing, and a second time nothing", async () => {
  const server = await new Server().listens();
  expect((await server.step([management, agents])).said).toMatch(
    /changed Consul's management token[\s\S]*changed Consul's policy[\s\S]*changed the token of Consul's agents/,
  );
  expect([...server.tokens.keys()]).toEqual(["anonymous", management, agents]);
  expect(server.rules).toContain('key_prefix "docker/swarm/" { policy = "write" }');
  expect(await server.step([management, agents])).toMatchObject({
    status: 0,
    said: expect.not.stringMatching(/changed/),
  });
});

it("leaves tokens of others alone, and puts back what the policy allows", async () => {
  const server = await known();
  server.has(thiefs, "an operator's own", "global-management");
  server.rules = 'acl = "write"';
  expect((await server.step([management, agents])).said).toMatch(/changed Consul's policy/);
  expect(server.rules).not.toContain("acl");
  expect([...server.tokens.keys()]).toEqual(["anonymous", management, agents, thiefs]);
});

it("replaces a management token that is said to be another, and leaves nothing of what came of the old one", async () => {
  const server = await known();
  server.has(thiefs, "made with a stolen token", "global-management");
  server.gives("anonymous", "global-management");
  expect(await server.step([otherManagement, otherAgents], 1)).toMatchObject({ status: 0 });
  expect([...server.tokens.keys()].sort()).toEqual([otherManagement, otherAgents, "anonymous"].sort());
  expect(server.tokens.get("anonymous")?.policy).toBe("");
});

it("leaves what the operator has made since, on a server that was down when the token was changed", async () => {
  const server = await known();
  expect(await server.step([otherManagement, otherAgents], 1)).toMatchObject({ status: 0 });
  server.has(thiefs, "an operator's own", "agents");
  server.gives("anonymous", "agents");
  server.saw(0);
  expect(await server.step([otherManagement, otherAgents], 1)).toMatchObject({ status: 0 });
  expect(server.tokens.has(thiefs)).toBe(true);
  expect(server.tokens.get("anonymous")?.policy).toBe("agents");
});

it("refuses another management token that is not said to be one", async () => {
  const server = await known();
  const { status, said } = await server.step([otherManagement, otherAgents]);
  expect(said).toMatch(/ERROR: Consul knows another management token .* raise security\.consulTokenChanged/);
  expect(status).toBe(1);
  expect([...server.tokens.keys()]).toEqual(["anonymous", management, agents]);
});

it("waits, on a server that does not lead, for the one that does", async () => {
  const server = await new Server().listens();
  server.leads = false;
  expect(await server.step([management, agents])).toMatchObject({
    status: 1,
    said: expect.stringMatching(/after 1 s Consul does not know the management token/),
  });
  server.has(management, "Bootstrap Token (Global Management)", "global-management");
  expect(await server.step([management, agents])).toMatchObject({ status: 0 });
});
