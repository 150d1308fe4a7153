/** The docker command against a manager of the cluster. */

import { chmodSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { ports } from "../../../cluster/ports.js";
import { newKey } from "../../../commands/pki/openssl.js";
import { answeringManager, apiFor, wayTo } from "../../../commands/swarm/docker.js";
import { type Authority, authorityFor, certify } from "../../fixtures/authority.js";
import { temporaryFolder } from "../../fixtures/clusters.js";
import { host } from "../../fixtures/inventories.js";

afterEach(() => vi.unstubAllEnvs());

describe("the manager that is asked", () => {
  const at = (address: string, more: Partial<ReturnType<typeof host>> = {}) => ({ ...host(1), address, ...more });
  const serve = (address: string, status: number): Promise<Server> =>
    new Promise((resolve, reject) => {
      const server = createServer((_, response) => response.writeHead(status).end());
      onTestFinished(() => void server.close());
      server.once("error", reject);
      server.listen(ports.swarmManager.number, address, () => resolve(server));
    });

  it("is the first one that answers, and is up", async () => {
    await Promise.all([serve("127.0.77.2", 500), serve("127.0.77.3", 200), serve("127.0.77.4", 200)]);
    const up = [at("127.0.77.4", { manager: false }), at("127.0.77.1"), at("127.0.77.2"), at("127.0.77.3")];
    expect(await answeringManager({ up })).toBe("127.0.77.3");
  });

  it("is missed by name when there is none", async () => {
    await expect(answeringManager({ up: [at("127.0.77.1")] })).rejects.toThrow(
      "no manager answers on port 4000: h1 (127.0.77.1)",
    );
  });
});

describe("with security.dockerTls", () => {
  it("a manager is asked with the operator's certificate, and is one only if the authority has signed its own", async () => {
    const ours = authorityFor("ours");
    const folder = temporaryFolder();
    certify(folder, ours, []);
    const serve = (address: string, signer: Authority) => {
      const key = newKey();
      const cert = signer.sign("h1", address, { key });
      const asked = { requestCert: true, rejectUnauthorized: true, ca: ours.certificate };
      const server = createTlsServer({ key, cert, ...asked }, (_, response) => response.writeHead(200).end());
      onTestFinished(() => void server.close());
      return new Promise<void>((resolve) => server.listen(ports.swarmManager.number, address, resolve));
    };
    await Promise.all([serve("127.0.78.1", authorityFor("ours")), serve("127.0.78.2", ours)]);
    const up = ["127.0.78.1", "127.0.78.2"].map((address) => ({ ...host(1), address }));
    expect(await answeringManager({ up }, wayTo(join(folder, ".pki/operator")))).toBe("127.0.78.2");
    await expect(answeringManager({ up })).rejects.toThrow("no manager answers");
  });
});

describe("the API version", () => {
  /** A docker command whose engine says `said`. */
  const withEngine = (said: string) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "docker"), `#!/bin/sh\necho "$@" >${folder}/asked\necho '${said}' >&2\n`);
    chmodSync(join(folder, "docker"), 0o755);
    vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
    vi.stubEnv("DOCKER_API_VERSION", "");
  };
  const api = (words: string) => apiFor({ url: "tcp://198.18.0.11:4000" }, words.split(" "));
  const tooNew = "Error response from daemon: client version 1.42 is too new. Maximum supported API version is 1.41";

  it.each([["run -it alpine"], ["attach logs"], ["exec h logs"], ["compose run one logs"], ["info"]])(
    "of what is no log: %s",
    async (words) => {
      withEngine("");
      expect(await api(words)).toBe("1.40");
    },
  );

  it.each([["logs -f one"], ["container logs one"], ["compose -p logs --ansi=never logs -f one"]])(
    "of logs is newer, where the engine knows it: %s",
    async (words) => {
      withEngine("");
      expect(await api(words)).toBe("1.42");
      withEngine(tooNew);
      expect(await api(words)).toBe("1.40");
    },
  );

  it("is the user's, if there is one", async () => {
    withEngine("");
    vi.stubEnv("DOCKER_API_VERSION", "1.41");
    expect(await api("logs one")).toBe("1.41");
  });
});
