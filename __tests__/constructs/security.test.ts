/** `security.dockerTls`, `security.consulTls` and `security.consulAcl` in what is synthesised. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pki } from "../../cluster/pki.js";
import { authorityFor, certify } from "../fixtures/authority.js";
import { clusterFile, clusterFrom, hostAddress, synthesise, temporaryFolder } from "../fixtures/clusters.js";

interface Synthesised {
  readonly removed?: readonly { readonly from: string }[];
  readonly resource: Record<
    string,
    Record<
      string,
      {
        readonly triggers?: Record<string, string>;
        readonly command?: string[];
        readonly depends_on?: string[];
        readonly lifecycle?: { readonly precondition?: readonly { readonly condition: string }[] };
        readonly provisioner?: unknown;
        readonly content?: string;
      }
    >
  >;
  readonly variable: Record<string, unknown>;
  readonly provider: { readonly docker: readonly Record<string, unknown>[] };
}

const authority = authorityFor("test");
const also = ["server.aha.consul"];
function stack(more: Record<string, unknown>, folder = temporaryFolder(), hosts = 3) {
  if (more.security) {
    certify(
      folder,
      authority,
      Array.from({ length: hosts }, (_, i) => ({ name: `h${i + 1}`, address: hostAddress(i) })),
      also,
    );
  }
  return again(more, folder, hosts);
}
function again(more: Record<string, unknown>, folder: string, hosts = 3) {
  const text = readFileSync(
    join(
      synthesise(clusterFrom(clusterFile(hosts, more), undefined, folder), join(folder, "cdktf.out")),
      "cdk.tf.json",
    ),
    "utf8",
  );
  return { text, folder, json: JSON.parse(text) as Synthesised };
}
const secured = { security: { dockerTls: true } };
const steps = ({ json }: { json: Synthesised }) =>
  Object.entries(json.resource.null_resource ?? {}).map(
    ([name, { triggers }]) => [name, JSON.stringify(triggers)] as const,
  );

it("a cluster that says nothing of security has none of it", () => {
  const { text } = stack({});
  expect(text).not.toMatch(/tls|certificate/i);
});

it("proxy and manager are served with TLS alone, and Terraform shows the operator's certificate, by its path", () => {
  const { text, json } = stack(secured);
  const providers = json.provider.docker;
  expect(providers.map(({ cert_path }) => cert_path)).toEqual(Array(3).fill("../../../.pki/operator"));
  const managers = Object.entries(json.resource.docker_container ?? {}).filter(([name]) => name.includes("manager"));
  expect(managers.map(([name]) => name)).toEqual([
    "h1_swarm_manager-tls",
    "h2_swarm_manager-tls",
    "h3_swarm_manager-tls",
  ]);
  for (const [, { command }] of managers) {
    expect(command).toEqual(expect.arrayContaining(["--tlsverify", "--tlscacert=/etc/multicast-swarm/ca.pem"]));
  }
  expect(text).not.toContain("PRIVATE KEY");
});

it("a host that leaves, or is down, is asked with the operator's certificate too", () => {
  const folder = temporaryFolder();
  const [h1, h2, h3, h4] = clusterFile(4).hosts as Record<string, unknown>[];
  const roles = [h1, h2].map((host) => ({ ...host, consul: "server" }));
  certify(
    folder,
    authority,
    [0, 1].map((i) => ({ name: `h${i + 1}`, address: hostAddress(i) })),
  );
  const { json } = again(
    { ...secured, hosts: [...roles, { ...h3, consul: "client", down: true }], removed: [{ ...h4, consul: "client" }] },
    folder,
  );
  expect(json.provider.docker.map(({ alias, cert_path }) => [alias, cert_path]).sort()).toEqual(
    ["h1", "h2", "h3", "h4"].map((name) => [name, "../../../.pki/operator"]),
  );
});

it.each([true, false])("Terraform forgets, unasked, the containers of the other form: dockerTls %s", (dockerTls) => {
  const { json } = stack({ security: { dockerTls } });
  const of = (host: string) =>
    ["manager", "agent"].map((role) => `docker_container.${host}_swarm_${role}${dockerTls ? "" : "-tls"}`);
  expect(json.removed?.map(({ from }) => from)).toEqual(["h1", "h2", "h3"].flatMap(of));
});

it("a rebuilt host's containers of both forms are forgotten", () => {
  const hosts = clusterFile(3).hosts as Record<string, unknown>[];
  const { json } = stack({ ...secured, hosts: hosts.map((host, i) => (i === 0 ? { ...host, rebuilt: 1 } : host)) });
  const forgotten = json.removed?.map(({ from }) => from).filter((from) => from.includes("h1_swarm_manager"));
  expect(forgotten).toEqual(
    ["manager-tls", "manager", "manager-rebuilt-1"].map((id) => `docker_container.h1_swarm_${id}`),
  );
  expect(json.resource.docker_container).toHaveProperty("h1_swarm_manager-tls-rebuilt-1");
});

it("a renewed certificate runs the steps of its host, and no others", () => {
  const before = stack(secured);
  const name = join(before.folder, pki.host("h2"));
  mkdirSync(join(before.folder, "pki/hosts"), { recursive: true });
  writeFileSync(name, authority.sign("h2", hostAddress(1)));
  const was = new Map(steps(before));
  const changed = steps(again(secured, before.folder)).flatMap(([step, triggers]) =>
    was.get(step) === triggers ? [] : [step],
  );
  expect(changed.sort()).toEqual([
    "h2_certificate",
    "h2_swarm_certificate",
    "h2_weave_install",
    "h2_weave_launch",
    "preflight_hosts",
  ]);
});

describe("Consul with TLS", () => {
  const consul = { security: { consulTls: true } };

  it("answers over HTTP and DNS on loopback, where Swarm asks it, and leaves the Docker API as it is", () => {
    const open = stack({});
    const { json, text } = again(consul, stack(consul).folder);
    const file = JSON.parse(json.resource.local_file?.["h1_consul_config-file"]?.content ?? "") as object;
    const own = { cert_file: "/etc/consul.d/tls/agent.pem", key_file: "/etc/consul.d/tls/agent.pem" };
    expect(file).toMatchObject({
      client_addr: "127.0.0.1",
      tls: {
        defaults: { ca_file: "/etc/consul.d/tls/ca.pem", ...own, verify_incoming: true, verify_outgoing: true },
        internal_rpc: { verify_server_hostname: true },
      },
    });
    const commands = (of: Synthesised) =>
      Object.entries(of.resource.docker_container ?? {}).map(([name, { command }]) => [name, command?.join(" ")]);
    expect(commands(json)).toEqual(
      commands(open.json).map(([name, command]) => [name, command?.replace(/consul:\/\/[\d.]+/, "consul://127.0.0.1")]),
    );
    expect(json.provider).toEqual(open.json.provider);
    expect(text).not.toContain("PRIVATE KEY");
  });

  it("takes another certificate without any other step of the host's", () => {
    const before = stack(consul);
    writeFileSync(join(before.folder, pki.host("h2")), authority.sign("h2", hostAddress(1), { also }));
    const was = new Map(steps(before));
    const changed = steps(again(consul, before.folder)).filter(([step, triggers]) => was.get(step) !== triggers);
    expect(changed.map(([step]) => step).sort()).toEqual(["h2_certificate", "h2_consul_install", "preflight_hosts"]);
  });
});

it("takes no more room for a host in a large cluster than in a small one", () => {
  const size = (hosts: number) => stack(secured, undefined, hosts).text.length;
  const [small, medium, large] = [size(6), size(7), size(8)] as const;
  expect(Math.abs(large - medium - (medium - small))).toBeLessThan(300);
  expect(medium - small).toBeLessThan(18_000);
});

describe("Consul's tokens", () => {
  const authorized = (more: object = {}) => again({ security: { consulAcl: true, ...more } }, temporaryFolder(), 4);

  it("are one secret of the operator's, which servers alone are sent, for a step", () => {
    const { json } = authorized();
    expect(json.variable.consul_token).toMatchObject({ ephemeral: true, sensitive: true });
    const sent = (secret: RegExp) =>
      Object.entries(json.resource.null_resource ?? {}).flatMap(([name, step]) =>
        secret.test(JSON.stringify(step.provisioner)) ? [name] : [],
      );
    expect(sent(/\$\{var\.consul_token\}/)).toEqual(["h1_consul_tokens", "h2_consul_tokens", "h3_consul_tokens"]);
    expect(sent(/acl = \{ tokens = \{ default = uuidv5\(var\.consul_token,/)).toEqual([
      "h1_consul_install",
      "h2_consul_install",
      "h3_consul_install",
      "h4_consul_install",
    ]);
    // Whatever else names it says what it must be.
    const { precondition } = json.resource.null_resource?.preflight_hosts?.lifecycle ?? {};
    expect(precondition?.filter(({ condition }) => condition.includes("consul_token"))).toHaveLength(2);
  });

  it("reach Consul once its agents have them, and before an agent has its turn", () => {
    const { json } = authorized();
    const steps = json.resource.null_resource ?? {};
    expect(steps.h2_consul_tokens?.depends_on).toEqual(
      ["h1", "h2", "h3"].map((host) => `null_resource.${host}_consul_install`),
    );
    expect(steps.h1_consul_start?.depends_on).toEqual(
      ["h1", "h2", "h3"].map((host) => `null_resource.${host}_consul_tokens`),
    );
  });

  it("that were changed run the steps of Consul on every host", () => {
    const folder = temporaryFolder();
    const [was, is] = [{}, { consulTokenChanged: 1 }].map((more) =>
      steps(again({ security: { consulAcl: true, ...more } }, folder, 4)),
    );
    const before = new Map(was);
    const changed = (is ?? []).flatMap(([step, triggers]) => (before.get(step) === triggers ? [] : [step]));
    const of = (...names: string[]) => names.map((name) => `${name}_consul`);
    expect(changed.sort()).toEqual(
      [
        ...of("h1", "h2", "h3", "h4").flatMap((host) => [`${host}_install`, `${host}_start`]),
        ...of("h1", "h2", "h3").map((host) => `${host}_tokens`),
      ].sort(),
    );
  });
});
