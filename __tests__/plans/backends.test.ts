/** The http backend, with Terraform and a server as Terraform documents it: a state, a lock, and a password. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { clusterFile, clusterFrom, synthesise, temporaryFolder } from "../fixtures/clusters.js";
import { builtVersions, cache, providers } from "./deployed.js";

const [user, password] = ["team", "a-word-of-the-test"];
const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

let state = "";
let lock = "";
const asked: string[] = [];
const server = createServer(async (request, response) => {
  const { method = "" } = request;
  let body = "";
  for await (const chunk of request) {
    body += chunk;
  }
  const answer = (status: number, text = "") => response.writeHead(status).end(text);
  if (request.headers.authorization !== authorization) {
    return answer(401);
  }
  asked.push(method);
  if (method === "LOCK") {
    if (lock !== "") {
      return answer(423, lock);
    }
    lock = body;
  } else if (method === "UNLOCK") {
    lock = "";
  } else if (method === "POST") {
    state = body;
  }
  return answer(method === "GET" && state === "" ? 204 : 200, method === "GET" ? state : "");
});
let address = "";
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/rack`;
});
afterAll(() => server.close());

/** A checkout, and Terraform in it: exit status and output. */
function checkout() {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "id_ed25519"), "");
  const settings = join(folder, "terraform.rc");
  writeFileSync(settings, `provider_installation {\n  filesystem_mirror {\n    path = "${providers}"\n  }\n}\n`);
  const config = { address, lock_address: address, unlock_address: address };
  const stack = synthesise(
    clusterFrom(clusterFile(1, { backend: { type: "http", config }, providers: builtVersions() }), undefined, folder),
  );
  return (secret: string, ...args: string[]) =>
    new Promise<{ status: number; output: string }>((done) => {
      const env = {
        ...process.env,
        PATH: `${join(cache, "bin")}:${process.env.PATH}`,
        TF_CLI_CONFIG_FILE: settings,
        TF_HTTP_USERNAME: user,
        TF_HTTP_PASSWORD: secret,
        TF_VAR_gossip_key: Buffer.alloc(32, 7).toString("base64"),
      };
      const child = execFile("terraform", [`-chdir=${stack}`, ...args, "-no-color"], { env }, (_, stdout, stderr) =>
        done({ status: child.exitCode ?? 1, output: `${stdout}${stderr}` }),
      );
    });
}
const plan = ["plan", "-input=false", "-refresh=false"];

test("a plan takes the lock and gives it back, with the password of the environment", async () => {
  const terraform = checkout();
  expect(await terraform(password, "init", "-input=false")).toMatchObject({ status: 0 });
  const { status, output } = await terraform(password, ...plan);
  expect(output).toContain("Plan: ");
  expect(status).toBe(0);
  expect(asked.filter((method) => /LOCK/.test(method))).toEqual(["LOCK", "UNLOCK"]);
});

test("another one meanwhile is refused, and told the id of the lock that there is", async () => {
  lock = JSON.stringify({ ID: "1f", Operation: "OperationTypeApply", Who: "ci@runner" });
  const terraform = checkout();
  expect(await terraform(password, "init", "-input=false")).toMatchObject({ status: 0 });
  const { status, output } = await terraform(password, ...plan);
  expect(status).toBe(1);
  expect(output).toContain("Error acquiring the state lock");
  expect(output).toContain("already locked: ID=1f");
  expect(asked.at(-1)).toBe("LOCK");
  lock = "";
});

test("a wrong password is refused", async () => {
  expect(await checkout()("wrong", "init", "-input=false")).toMatchObject({
    status: 1,
    output: expect.stringContaining("auth"),
  });
});
