/** What reviewers see before a deploy, for the edits that teams make: the page, and what Terraform does to each resource. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { pki } from "../../cluster/pki.js";
import { markdownPage, textPage } from "../../commands/plan/page.js";
import { tell } from "../../commands/plan/story.js";
import { TerraformPlan } from "../../commands/plan/terraform-plan.js";
import { authorityFor, certify } from "../fixtures/authority.js";
import { artifacts, clusterFile, hostAddress } from "../fixtures/clusters.js";
import { changesIn, Deployed } from "./deployed.js";

const hosts = clusterFile(5).hosts as Record<string, unknown>[];
const [h1, h2, h3, h4] = hosts.map((host) => ({ ...host, consul: "server" })) as [object, object, object, object];
const three = (more: Record<string, unknown> = {}) => clusterFile(3, { hosts: [h1, h2, h3], ...more });

/** The lock file after `scripts/lock` for another version of one component. */
const upgraded = (component: RegExp, from: string, to: string) =>
  artifacts.map((artifact) =>
    component.test(artifact.name)
      ? {
          ...artifact,
          name: artifact.name.replace(from, to),
          version: artifact.version.replace(from, to),
          sha256: "9".repeat(64),
        }
      : artifact,
  );

const reviewed = (name: string, text: string) => {
  const story = tell(new TerraformPlan(text));
  const markdown = name === "weave" ? [markdownPage(story)] : [];
  const pages = [textPage(story), changesIn(text).sort(), ...markdown];
  const whole = pages.map((lines) => `${lines.join("\n")}\n`).join("\n----\n\n");
  return expect(whole).toMatchFileSnapshot(join(__dirname, `../__snapshots__/plans/${name}.txt`));
};

test("a first deploy", async () => {
  await reviewed("first-deploy", await new Deployed().plan(three()));
});

describe("of a running cluster", () => {
  const cluster = new Deployed();
  beforeAll(() => cluster.deploy(three()));

  test.each<[name: string, file: Record<string, unknown>, locked?: typeof artifacts]>([
    ["no-change", three()],
    ["reorder", three({ hosts: [h3, h1, h2] })],
    ["ssh", three({ ssh: { hostKeyChecking: "off", keyFile: "id_ed25519", user: "ops" } })],
    ["consul", three({ consul: { logLevel: "DEBUG" } })],
    ["consul-datacenter", three({ consul: { datacenter: "other" } })],
    ["docker", three({ docker: { install: false } })],
    ["weave", three({ weave: { dns: false } })],
    ["weave-connections", three({ weave: { connectionLimit: 400 } })],
    ["weave-mtu", three({ weave: { mtu: 1300 } })],
    ["swarm", three({ swarm: { heartbeat: "20s" } })],
    ["gates", three({ gates: { timeoutSeconds: 300 } })],
    ["firewall", three({ firewall: { managed: true, operators: ["10.0.9.5"] } })],
    ["security", three({ security: { weaveEncryption: true } })],
    ["consul-acl", three({ security: { consulAcl: true } })],
    ["verify", three({ verify: { image: "example/toolbox:1" } })],
    ["artifacts", three(), artifacts.map((one) => ({ ...one, source: one.source.replace("mirror.", "other.") }))],
    ["upgrade-consul", three({ consul: { version: "2.1.0" } }), upgraded(/^consul$/, "1.22.7", "2.1.0")],
    ["upgrade-weave", three({ weave: { version: "2.8.3" } }), upgraded(/^weave$|\/weave(exec)?:/, "2.9.0", "2.8.3")],
    ["upgrade-swarm", three({ swarm: { version: "1.2.8" } }), upgraded(/swarm/, "1.2.9", "1.2.8")],
    ["add", three({ hosts: [h1, h2, h3, { ...h4, consul: "client" }] })],
    ["add-server", three({ hosts: [h1, h2, h3, h4] })],
    ["remove", three({ hosts: [h1, h2], removed: [h3] })],
    ["lost", three({ hosts: [h1, h2], removed: [{ ...h3, lost: true }] })],
    ["lost-two", three({ hosts: [h1], removed: [h2, h3].map((host) => ({ ...host, lost: true })) })],
    ["rebuilt", three({ hosts: [h1, { ...h2, rebuilt: 1 }, h3] })],
    ["rebuilt-two", three({ hosts: [h1, { ...h2, rebuilt: 1 }, { ...h3, rebuilt: 1 }] })],
    ["down", three({ hosts: [h1, h2, { ...h3, down: true }] })],
    ["no-manager", three({ hosts: [h1, h2, { ...h3, swarm: ["agent"] }] })],
    ["demoted", three({ hosts: [h1, { ...h2, consul: "client" }, { ...h3, consul: "client" }] })],
    ["remove-demoted", three({ hosts: [h1, { ...h2, consul: "client" }], removed: [h3] })],
  ])("%s", async (name, file, locked) => {
    await reviewed(name, await cluster.plan(file, locked));
  });

  test("another checkout has nothing to do", async () => {
    expect(await cluster.planElsewhere(three())).toBe(0);
    expect(await cluster.planElsewhere(three({ gates: { timeoutSeconds: 300 } }))).toBe(2);
  });

  test("destroy", async () => {
    await reviewed("destroy", await cluster.planDestroy(three()));
  });
});

describe("of a cluster that serves the Docker API", () => {
  const authority = authorityFor("test");
  const members = [1, 2, 3].map((number) => ({ name: `h${number}`, address: hostAddress(number - 1) }));
  const served = (dockerTls: boolean) => three({ security: { dockerTls } });

  test("in the open form: TLS is switched on", async () => {
    const cluster = new Deployed();
    certify(cluster.folder, authority, members);
    await cluster.deploy(three());
    await reviewed("tls", await cluster.plan(served(true)));
  });

  test("with TLS: a certificate is renewed, and TLS is switched off", async () => {
    const cluster = new Deployed();
    certify(cluster.folder, authority, members);
    await cluster.deploy(served(true));
    writeFileSync(join(cluster.folder, pki.host("h2")), authority.sign("h2", hostAddress(1)));
    await reviewed("tls-renewed", await cluster.plan(served(true)));
    await reviewed("tls-off", await cluster.plan(served(false)));
  });
});

describe("of a cluster whose Consul has TLS", () => {
  const authority = authorityFor("test");
  const also = ["server.aha.consul"];
  const members = [1, 2, 3].map((number) => ({ name: `h${number}`, address: hostAddress(number - 1) }));
  const secured = (consulTls: boolean) => three({ security: { consulTls } });

  test("it is switched on", async () => {
    const cluster = new Deployed();
    certify(cluster.folder, authority, members, also);
    await cluster.deploy(three());
    await reviewed("consul-tls", await cluster.plan(secured(true)));
  });

  test("a certificate is renewed, and it is switched off", async () => {
    const cluster = new Deployed();
    certify(cluster.folder, authority, members, also);
    await cluster.deploy(secured(true));
    writeFileSync(join(cluster.folder, pki.host("h2")), authority.sign("h2", hostAddress(1), { also }));
    await reviewed("consul-tls-renewed", await cluster.plan(secured(true)));
    await reviewed("consul-tls-off", await cluster.plan(secured(false)));
  });
});

describe("of a cluster with an allow-list", () => {
  const cluster = new Deployed();
  const managed = (...operators: string[]) => ({ firewall: { managed: true, operators } });
  beforeAll(() => cluster.deploy(three(managed("10.0.9.5"))));

  test.each<[name: string, file: Record<string, unknown>]>([
    ["firewall-operators", three(managed("10.0.9.5", "10.0.8.0/24"))],
    ["firewall-add", three({ hosts: [h1, h2, h3, h4], ...managed("10.0.9.5") })],
    ["firewall-off", three()],
  ])("%s", async (name, file) => {
    await reviewed(name, await cluster.plan(file));
  });
});

describe("of a cluster with an encrypted network, and tokens", () => {
  const cluster = new Deployed();
  const encrypted = (security: object = {}) => ({ security: { weaveEncryption: true, consulAcl: true, ...security } });
  beforeAll(() => cluster.deploy(three(encrypted())));

  test.each<[name: string, file: Record<string, unknown>]>([
    ["security-password", three(encrypted({ weavePasswordChanged: 1 }))],
    ["security-token", three(encrypted({ consulTokenChanged: 1 }))],
    ["security-add", three({ hosts: [h1, h2, h3, h4], ...encrypted() })],
    ["security-off", three()],
  ])("%s", async (name, file) => {
    await reviewed(name, await cluster.plan(file));
  });
});
