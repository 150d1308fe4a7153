/** The synthesised JSON is an interface: reviewed, compared and applied by others. */
import childProcess, { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { App } from "cdktf";
import { describe, expect, test, vi } from "vitest";
import { loadCluster } from "../../cluster/load.js";
import { ClusterStack } from "../../constructs/cluster-stack.js";
import { asRead, clusterFile, clusterFrom, synthesise, temporaryFolder } from "../fixtures/clusters.js";

type Block = Record<string, unknown> & { depends_on?: string[] };
interface Synthesised {
  readonly removed?: unknown;
  readonly resource: Record<string, Record<string, Block>>;
  readonly provider: Record<string, unknown>;
  readonly terraform: unknown;
  readonly variable: Record<string, unknown>;
  readonly locals: Record<string, string>;
}

const project = join(__dirname, "../..");
const jsonText = (stack: string) => readFileSync(join(stack, "cdk.tf.json"), "utf8");
const json = (stack: string) => JSON.parse(asRead(jsonText(stack))) as Synthesised;

/** A resource's provisioners: one alone stands without a list. */
const provisionersOf = ({ provisioner }: Block): Record<string, { when?: string; source?: string }>[] =>
  [provisioner ?? []].flat() as Record<string, { when?: string; source?: string }>[];

const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length))
    .sort();

/** Which resources are about what, by their names; the first that fits. The rest is about the cluster as a whole. */
const concerns = {
  consul: /_consul_|^gate-consul$/,
  weave: /_docker$|_weave_|^gate-weave$/,
  swarm: /_swarm_|^gate-swarm$/,
  hosts: /_(stage|push|fetch|teardown|leave|lost)$/,
} as const;

/** The stack in parts that can be read at once. */
function byConcern({ resource, ...rest }: Synthesised): Record<string, unknown> {
  const parts: Record<string, Record<string, unknown>> = { cluster: { ...rest } };
  for (const [type, byName] of Object.entries(resource)) {
    for (const [name, block] of Object.entries(byName)) {
      const [concern] = Object.entries(concerns).find(([, names]) => names.test(name)) ?? ["cluster"];
      parts[concern] = { ...parts[concern], [`${type}.${name}`]: block };
    }
  }
  return parts;
}

/** Address → the addresses that Terraform waits for, by `depends_on` and by reference. */
function graphOf({ resource }: Synthesised): Map<string, string[]> {
  const blocks = Object.entries(resource).flatMap(([type, byName]) =>
    Object.entries(byName).map(([name, block]) => [`${type}.${name}`, block] as const),
  );
  const addresses = blocks.map(([address]) => address);
  return new Map(
    blocks.map(([address, block]) => {
      const text = JSON.stringify(block);
      const referred = addresses.filter((other) => other !== address && text.includes(`${other}.`));
      return [address, [...new Set([...(block.depends_on ?? []), ...referred])]];
    }),
  );
}

/** Everything that happens before `address`. */
function predecessors(graph: Map<string, string[]>, address: string): Set<string> {
  const found = new Set<string>();
  const visit = (at: string, path: readonly string[]) => {
    if (path.includes(at)) {
      throw new Error(`a circle: ${[...path, at].join(" -> ")}`);
    }
    for (const other of graph.get(at) ?? []) {
      if (found.has(other) && !path.includes(other)) {
        continue;
      }
      found.add(other);
      visit(other, [...path, at]);
    }
  };
  visit(address, []);
  return found;
}

describe("the JSON", () => {
  test.each(["smallest", "guide"])("of examples/%s is the reviewed one", async (example) => {
    // Copied, so that the path from the stack to the example is the same wherever this checkout lies.
    const folder = temporaryFolder();
    cpSync(join(project, "examples", example), folder, { recursive: true });
    const cluster = loadCluster(join(folder, "cluster.yaml"), { warn: () => undefined });
    // Hashes of scripts and programs say nothing to a reviewer of the graph, and change with every edit of one.
    const text = jsonText(synthesise(cluster, join(folder, "cdktf.out"))).replace(
      /\b([0-9A-F]{32}|[0-9a-f]{64})\b/g,
      "HASH",
    );
    for (const [concern, part] of Object.entries(byConcern(JSON.parse(text)))) {
      const golden = `../fixtures/golden/${example}/${concern}.json`;
      await expect(`${JSON.stringify(part, null, 2)}\n`).toMatchFileSnapshot(golden);
    }
  });

  test("is the same, byte by byte, from two folders", () => {
    const cluster = clusterFile(3);
    const [one, two] = ["one", "two"].map((name) => {
      const folder = join(temporaryFolder(), name);
      mkdirSync(folder, { recursive: true });
      return synthesise(clusterFrom(cluster, undefined, folder), join(folder, "cdktf.out"));
    }) as [string, string];
    expect(files(two)).toEqual(files(one));
    for (const file of files(one)) {
      expect(readFileSync(join(two, file))).toEqual(readFileSync(join(one, file)));
    }
  });

  test("names no folder of this machine and no secret", () => {
    const folder = temporaryFolder();
    const stack = synthesise(clusterFrom(clusterFile(3), undefined, folder), join(folder, "cdktf.out"));
    for (const file of files(stack)) {
      const text = readFileSync(join(stack, file), "utf8");
      for (const place of [project, folder, homedir()]) {
        expect(text, `${file} names ${place}`).not.toContain(`${place}/`);
      }
      expect(text).not.toContain("PVcExGWGZeYR79CiRUT4vA");
      expect(text).not.toContain("PRIVATE KEY");
    }
  });

  test.each([false, true])("says as much of a host in a large cluster as in a small one, managed: %s", (managed) => {
    const sizes = [20, 30].map((hosts) => {
      const { resource } = json(synthesise(clusterFrom(clusterFile(hosts, { firewall: { managed } }))));
      // A client: what a server is told of the other servers ends at five.
      const blocks = Object.entries(resource).flatMap(([type, byName]) =>
        Object.entries(byName)
          .filter(([name]) => name.startsWith("h7_"))
          .map(([name, block]) => [`${type}.${name}`, JSON.stringify(block).length] as const),
      );
      return Object.fromEntries(blocks);
    });
    expect(Object.keys(sizes[0] as object).length).toBeGreaterThan(5);
    expect(sizes[1]).toEqual(sizes[0]);
  });

  test("grows by the same for each host, and by no more than Terraform can read of a thousand", () => {
    const [small, middle, large] = [10, 30, 50].map(
      (hosts) => jsonText(synthesise(clusterFrom(clusterFile(hosts)))).length,
    ) as [number, number, number];
    const perHost = (large - middle) / 20;
    expect(perHost).toBeLessThan(12_600);
    // Names and addresses get longer, nothing else does.
    expect(Math.abs(perHost - (middle - small) / 20)).toBeLessThan(200);
  });

  test("is made by this process and the bundler's alone, however many hosts there are", () => {
    const started = ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"] as const;
    const counts = [1, 10].map((hosts) => {
      const spies = started.map((name) => vi.spyOn(childProcess, name));
      synthesise(clusterFrom(clusterFile(hosts)));
      const calls = spies.flatMap(({ mock }) => mock.calls.map(([file]) => String(file)));
      vi.restoreAllMocks();
      return calls.filter((file) => !/esbuild|node$/.test(file)).length;
    });
    expect(counts).toEqual([0, 0]);
  });

  test("keeps the traces of errors, which cdktf's are left out for", () => {
    const { captureStackTrace } = Error;
    const cluster = clusterFrom(clusterFile(1));
    const error = (() => {
      try {
        synthesise({ ...cluster, servers: [], up: [] });
      } catch (thrown) {
        return thrown as Error;
      }
      return undefined;
    })();
    expect(error?.stack).toContain("cluster-stack.ts");
    expect(Error.captureStackTrace).toBe(captureStackTrace);
  });

  test("holds no template that Terraform would misread", () => {
    const { resource } = json(synthesise(clusterFrom(clusterFile(2))));
    const text = JSON.stringify(resource);
    // References that are meant: resources, the key, what a resource remembers, and functions around them.
    const templates = [...text.matchAll(/(?<!\$)\$\{(.*?)\}/g)].map(([, inside]) => inside as string);
    const meant =
      /^(null_resource|local_file|local)\.|^(!?can|try)\(self\.input\.|^self\.input\.|^self\.triggers\.command$|^file\(|^sha256\(|^format\(|^templatefile\(|^nonsensitive\(sha256|^jsonencode\(|^var\.gossip_key/;
    expect(templates.filter((template) => !meant.test(template))).toEqual([]);
    expect(text).not.toMatch(/(?<!%)%\{/);
  });
});

test("a checkout has what the deploy renders, and Terraform's lock file", () => {
  const cluster = clusterFrom(clusterFile(2));
  const outdir = join(cluster.directory, "cdktf.out");
  synthesise(cluster, outdir);
  // Another synthesis: what the first one rendered for a host that is gone goes too.
  const fewer = { ...cluster, hosts: cluster.hosts.slice(0, 1), up: cluster.up.slice(0, 1), providerLock: "locked" };
  const stack = synthesise(fewer, outdir);
  const rendered = Object.values(json(stack).resource.local_file ?? {}) as { filename?: string; content?: string }[];
  expect(rendered.map(({ filename }) => filename).sort()).toEqual(
    files(join(stack, "rendered")).map((name) => `rendered${name}`),
  );
  for (const { filename, content } of rendered) {
    expect(readFileSync(join(stack, filename ?? ""), "utf8")).toBe(content);
  }
  expect(readFileSync(join(stack, ".terraform.lock.hcl"), "utf8")).toBe("locked");
});

test("a deploy needs Node.js for the preflight alone, and says so; without it the preflight can be turned off", () => {
  const { preflight_hosts: preflight } = json(synthesise(clusterFrom(clusterFile(1)))).resource.null_resource ?? {};
  const [provisioner] = provisionersOf(preflight ?? {}) as unknown as { "local-exec": { command: string } }[];
  const run = (env: Record<string, string>) =>
    spawnSync("/bin/sh", ["-c", provisioner?.["local-exec"].command ?? ""], {
      encoding: "utf8",
      env: { PATH: "/nowhere", ...env },
    });
  expect(run({})).toMatchObject({ status: 2, stderr: expect.stringContaining("found no Node.js here") });
  const off = run({ MULTICAST_SWARM_PREFLIGHT: "off" });
  expect([off.status, off.stdout]).toEqual([0, expect.stringContaining("turned off")]);
});

test("hosts are sent the steps and nothing else: an edited probe stages no host again", () => {
  const stack = synthesise(clusterFrom(clusterFile(1)));
  const [sent] = Object.values(json(stack).resource.null_resource ?? {}).flatMap(
    (block) => JSON.stringify(block).match(/assets\/host-scripts\/\w+/) ?? [],
  );
  expect(files(join(stack, sent ?? "none"))).toEqual(files(join(project, "scripts/host/steps")));
});

describe("the order", () => {
  const graph = graphOf(json(synthesise(clusterFrom(clusterFile(7)))));

  test("has no circle", () => {
    for (const address of graph.keys()) {
      predecessors(graph, address);
    }
  });

  test("changes no host before every host has passed the preflight and been reached", () => {
    const changes = [...graph.keys()].filter((address) =>
      /_(install|start|docker|launch|manager|agent)$/.test(address),
    );
    expect(changes.length).toBeGreaterThanOrEqual(7 * 6);
    const first = ["null_resource.preflight_hosts", ...[1, 2, 3, 4, 5, 6, 7].map((n) => `null_resource.h${n}_fetch`)];
    for (const address of changes) {
      expect([...predecessors(graph, address)], address).toEqual(expect.arrayContaining(first));
    }
  });

  test("lets Consul and Docker with Weave go side by side, and Swarm wait for both", () => {
    const weave = predecessors(graph, "null_resource.h2_weave_launch");
    expect([...weave].filter((address) => address.includes("_consul_"))).toEqual([]);
    const consul = predecessors(graph, "null_resource.h2_consul_start");
    expect([...consul].filter((address) => /_(docker|weave)/.test(address))).toEqual([]);
    expect([...predecessors(graph, "docker_container.h2_swarm_manager")]).toEqual(
      expect.arrayContaining(["null_resource.gate-consul", "null_resource.gate-weave", "terraform_data.h2_teardown"]),
    );
  });

  test("of restarts of Consul's agents: servers one after the other and then clients, when all have been started side by side", () => {
    const start = predecessors(graph, "null_resource.h5_consul_install");
    expect([...start].filter((address) => /_consul_(install|start)$/.test(address))).toEqual([]);
    const restart = predecessors(graph, "null_resource.h1_consul_start");
    expect([...restart]).toContain("null_resource.h1_consul_install");
    expect([...predecessors(graph, "null_resource.h5_consul_start")]).toEqual(
      expect.arrayContaining([1, 2, 3, 4].map((n) => `null_resource.h${n}_consul_start`)),
    );
    const client = predecessors(graph, "null_resource.h7_consul_start");
    expect([...client]).toContain("null_resource.h5_consul_start");
    expect([...client]).not.toContain("null_resource.h6_consul_start");
  });

  test("of restarts of Weave's routers: one after the other, when all that do not run have been started side by side", () => {
    const third = predecessors(graph, "null_resource.h3_weave_launch");
    expect([...third]).toEqual(
      expect.arrayContaining([
        "null_resource.h3_docker",
        "null_resource.h2_weave_launch",
        "null_resource.h1_weave_launch",
      ]),
    );
    const start = [...predecessors(graph, "null_resource.h3_weave_install")];
    expect(start.filter((address) => /h[12]_weave/.test(address))).toEqual([]);
  });

  test.each([
    ["one of ten hosts", 30, {}, 3],
    ["as many as the cluster file says", 7, { weave: { restartTogether: 2 } }, 2],
  ])("of restarts of Weave's routers, together: %s", (_, hosts, more, together) => {
    const large = graphOf(json(synthesise(clusterFrom(clusterFile(hosts, more)))));
    for (let n = 1; n <= hosts; n++) {
      const before = [...predecessors(large, `null_resource.h${n}_weave_launch`)].filter((address) =>
        address.endsWith("_weave_launch"),
      );
      expect(before.length, `before h${n}`).toBe(together * Math.floor((n - 1) / together));
    }
  });

  test("of the guide's handover: bootstrap, the other servers, the service of the first", () => {
    const handover = graphOf(json(synthesise(clusterFrom(clusterFile(3, { consul: { bootstrap: "handover" } })))));
    expect([...predecessors(handover, "null_resource.h2_consul_start")]).toContain("null_resource.h1_consul_bootstrap");
    expect([...predecessors(handover, "null_resource.h1_consul_start")]).toEqual(
      expect.arrayContaining(["null_resource.h2_consul_start", "null_resource.h3_consul_start"]),
    );
  });
});

test("hosts may be called like parts of the stack", () => {
  const ids = new ClusterStack(new App({ outdir: temporaryFolder() }), clusterFrom(clusterFile(3))).node.children
    .map(({ node: { id } }) => id)
    .filter((id) => /^[a-z][a-z0-9-]*$/.test(id));
  expect(ids).toEqual(expect.arrayContaining(["local", "hosts", "preflight", "gate-weave"]));
  const hosts = ids.map((name, i) => ({ name, address: `10.0.0.${i + 1}` }));
  const { resource } = json(synthesise(clusterFrom(clusterFile(0, { hosts }))));
  for (const id of ids) {
    expect(resource.null_resource).toHaveProperty([`${id}_stage`]);
  }
});

test("hosts that leave do so one after the other, once every member is reached, and before the members go on", () => {
  const [h1, h2, h3, h4, h5] = (clusterFile(5).hosts as object[]).map((host) => ({ ...host, consul: "server" }));
  const stack = synthesise(
    clusterFrom(clusterFile(5, { hosts: [h1, h2, h3], removed: [h4, { ...h5, rebuilt: 1, lost: true }] })),
  );
  const { resource, removed } = json(stack);
  const ofHost = (name: string) =>
    Object.entries(resource).flatMap(([type, byName]) =>
      Object.keys(byName).flatMap((id) => (id.startsWith(`${name}_`) ? `${type}.${id}` : [])),
    );
  // The lost one is not asked for anything: a member forgets it.
  expect(ofHost("h5")).toEqual(["null_resource.h5_lost"]);
  expect(ofHost("h4")).toEqual(["null_resource.h4_leave"]);
  // By this version's scripts and tables: an earlier deploy may have sent others, or somebody has removed them.
  expect(JSON.stringify(resource.null_resource?.h4_leave)).toMatch(
    /rm -rf \S+scripts .*"source":"assets\/\S*","?.*"source":"rendered\/shared\/".* \S+scripts\/leave\.sh .*uninstall\.sh/,
  );
  expect(removed).toEqual(
    [
      "docker_container.h5_swarm_manager",
      "docker_container.h5_swarm_agent",
      "docker_container.h5_swarm_manager-rebuilt-1",
      "docker_container.h5_swarm_agent-rebuilt-1",
      "terraform_data.h5_teardown",
      "docker_container.h4_swarm_manager",
      "docker_container.h4_swarm_agent",
      "terraform_data.h4_teardown",
    ].map((from) => ({ from, lifecycle: { destroy: false } })),
  );
  const graph = graphOf(json(stack));
  const before = [...predecessors(graph, "null_resource.h4_leave")];
  expect(before).toEqual(
    expect.arrayContaining(["null_resource.preflight_hosts", "null_resource.h3_fetch", "null_resource.h5_lost"]),
  );
  expect([...predecessors(graph, "null_resource.h2_consul_start")]).toContain("null_resource.h4_leave");
});

test("a host that has left is never asked again, whatever becomes of the project's scripts and tables", () => {
  const [h1, h2, h3] = (clusterFile(3).hosts as object[]).map((host) => ({ ...host, consul: "server" }));
  const leave = (more: Record<string, unknown>) =>
    json(synthesise(clusterFrom(clusterFile(3, { hosts: [h1, h2], removed: [h3], ...more })))).resource.null_resource
      ?.h3_leave?.triggers;
  expect(leave({ weave: { mtu: 1300 } })).toEqual({ address: "10.0.1.3" });
});

test("a host whose login changes is given everything again, in its new home", () => {
  const stage = (more: Record<string, unknown>) =>
    json(synthesise(clusterFrom(clusterFile(1, more)))).resource.null_resource?.h1_stage;
  const ssh = { hostKeyChecking: "off", keyFile: "id_ed25519" };
  for (const other of [{ user: "ops" }, { port: 2222 }]) {
    expect(stage({ ssh: { ...ssh, ...other } })?.triggers).not.toEqual(stage({ ssh })?.triggers);
  }
});

test("destroying a host needs nothing that a deploy has left there", () => {
  const { h1_teardown: teardown } = json(synthesise(clusterFrom(clusterFile(1)))).resource.terraform_data ?? {};
  const provisioners = provisionersOf(teardown ?? {});
  expect(provisioners.map((one) => Object.entries(one).map(([type, { when }]) => [type, when]))).toEqual([
    [["remote-exec", "destroy"]],
    [["file", "destroy"]],
    [["remote-exec", "destroy"]],
  ]);
  expect(provisioners[1]?.file?.source).toMatch(/^assets\/host-scripts\//);
});

test("a host and the jump host are each held to their own key, whichever of the two Terraform is told first", () => {
  const folder = temporaryFolder();
  const [host, jump] = ["ssh-ed25519 AAAAhost", "ssh-ed25519 AAAAjump"];
  writeFileSync(join(folder, "known_hosts"), `[10.0.1.1]:2222 ${host}\njump.example ${jump}\n`);
  const connection = (ssh: object) => {
    const stack = json(synthesise(clusterFrom(clusterFile(1, { ssh: { port: 2222, ...ssh } }), undefined, folder)));
    const login = stack.resource.null_resource?.h1_stage?.connection as Record<string, string>;
    const { "h1_host-key": key } = stack.locals as Record<string, string>;
    return {
      ...login,
      ...(key && login.host_key === `\${local.h1_host-key}` ? { host_key: key } : {}),
    } as typeof login;
  };
  expect(connection({}).host_key).toBe(host);
  const { host_key, bastion_host_key } = connection({ bastion: { address: "jump.example" } });
  // What Terraform writes the name of either machine in front of is a key of a type that neither will show.
  expect(host_key).toMatch(/^sk-ssh-ed25519@openssh\.com \S+\n/);
  expect(host_key?.split("\n").slice(1)).toEqual([`[10.0.1.1]:2222 ${host}`, `jump.example ${jump}`]);
  expect(bastion_host_key).toBe(jump);
  expect(connection({ bastion: { address: "jump.example" }, hostKeyChecking: "off" })).not.toHaveProperty("host_key");
});

describe("a host is held by one deploy at a time", () => {
  const [h1, h2, h3] = (clusterFile(3).hosts as object[]).map((host) => ({ ...host, consul: "server" }));
  const folder = synthesise(clusterFrom(clusterFile(2, { hosts: [h1, h2], removed: [h3] })));
  const stack = json(folder);

  test("nothing runs on one, and nothing is sent there that a step reads, before the deploy has it", () => {
    const touching = Object.values(stack.resource)
      .flatMap((byName) => Object.entries(byName))
      .filter(([, { connection }]) => connection !== undefined);
    expect(touching.map(([name]) => name)).toEqual(
      expect.arrayContaining(["h1_stage", "h1_teardown", "h1_consul_start", "h3_leave", "gate-swarm"]),
    );
    for (const [name, { provisioner }] of touching) {
      const [first] = provisionersOf({ provisioner }) as { "remote-exec"?: { inline: string[] } }[];
      expect(first?.["remote-exec"]?.inline[0], name).toMatch(
        /^env deploy_by=\$\{.*\} deploy_from="\$SSH_CLIENT" (sh |\$\{self\.triggers\.command\}$)|^\$\{templatefile\("assets\/teardown\//,
      );
    }
    // What it is told at a destroy refers to nothing.
    expect(JSON.stringify(stack.resource.terraform_data)).not.toContain("${local.");
    const [, receive] =
      /"(assets\/teardown\/\w+\/receive[^\\"]*)/.exec(JSON.stringify(stack.resource.terraform_data)) ?? [];
    expect(readFileSync(join(folder, receive ?? ""), "utf8")).toMatch(
      /^\$\{sudo\}env deploy_by=\$\{.*, here\).*\} deploy_from="\$SSH_CLIENT" sh -s /,
    );
  });

  test("and is free again when everything has come to its end, whatever has run on it", () => {
    const steps = Object.keys(stack.resource.null_resource ?? {}).filter(
      (name) => /^h1_|^gate-/.test(name) && name !== "h1_release",
    );
    const { triggers } = stack.resource.null_resource?.h1_release ?? {};
    for (const step of steps) {
      expect((triggers as Record<string, string>).after).toContain(`null_resource.${step}.id`);
    }
    const before = predecessors(graphOf(stack), "null_resource.h2_release");
    expect([...before]).toEqual(
      expect.arrayContaining(["null_resource.gate-swarm", "null_resource.h3_leave", "docker_container.h1_swarm_agent"]),
    );
  });

  test("with the state in a backend, whoever uses that is one and the same", () => {
    const locals = (backend?: object) => {
      const text = jsonText(synthesise(clusterFrom(clusterFile(1, backend ? { backend } : {}))));
      return (JSON.parse(text) as { locals: { deploy_by: string } }).locals.deploy_by;
    };
    expect(locals({ type: "s3", config: { bucket: "b" } })).toContain('"whoever uses the s3 backend"');
    expect(locals({ type: "local", config: { path: "here" } })).toBe(locals());
    expect(locals()).toContain("abspath(path.root)");
  });
});

describe("Terraform's state is kept", () => {
  const backendOf = (more: Record<string, unknown> = {}) =>
    (json(synthesise(clusterFrom(clusterFile(1, more)))).terraform as { backend: unknown }).backend;

  test.each([
    [
      "s3",
      {
        bucket: "state",
        key: "clusters/rack.tfstate",
        region: "eu-central-1",
        use_lockfile: true,
        encrypt: true,
        endpoints: { s3: "https://storage.example" },
        allowed_account_ids: ["123456789012"],
      },
    ],
    [
      "http",
      {
        address: "https://state.example/rack",
        lock_address: "https://state.example/rack/lock",
        lock_method: "POST",
        unlock_address: "https://state.example/rack/lock",
        unlock_method: "DELETE",
        retry_max: 5,
      },
    ],
    ["consul", { address: "consul.example:8500", path: "clusters/rack", lock: true }],
    ["pg", { conn_str: "postgres://db.example/state", schema_name: "rack" }],
  ])("in %s, by the settings that Terraform documents, as they are written", (type, config) => {
    expect(backendOf({ backend: { type, config } })).toEqual({ [type]: config });
  });

  test("in a file outside the folder that a synthesis may empty, unless the cluster file says otherwise", () => {
    expect(backendOf()).toEqual({ local: { path: "../../../terraform.test.tfstate" } });
  });
});

describe("a host that is down", () => {
  const withDown = (down: number, more: Record<string, unknown> = {}, own: Record<string, unknown> = {}) => {
    const hosts = (clusterFile(3).hosts as object[]).map((host, i) =>
      i + 1 === down ? { ...host, ...own, down: true } : host,
    );
    return json(synthesise(clusterFrom(clusterFile(3, { hosts, ...more }))));
  };
  const addressesIn = ({ resource }: Synthesised) =>
    Object.entries(resource).flatMap(([type, byName]) => Object.keys(byName).map((name) => `${type}.${name}`));
  const blocks = ({ resource }: Synthesised) =>
    new Map(
      Object.entries(resource).flatMap(([type, byName]) =>
        Object.entries(byName).map(([name, block]) => [`${type}.${name}`, block] as const),
      ),
    );

  test("has no resource, and Terraform forgets what it must not ask for", () => {
    const { removed, provider, ...stack } = withDown(3, {}, { rebuilt: 1 });
    expect(addressesIn({ provider, ...stack }).filter((address) => /\.h3_/.test(address))).toEqual([]);
    expect(removed).toEqual(
      [
        "docker_container.h3_swarm_manager",
        "docker_container.h3_swarm_agent",
        "docker_container.h3_swarm_manager-rebuilt-1",
        "docker_container.h3_swarm_agent-rebuilt-1",
        "terraform_data.h3_teardown",
      ].map((from) => ({ from, lifecycle: { destroy: false } })),
    );
    expect(JSON.stringify(provider.docker)).toContain('"alias":"h3"');
  });

  test("changes on the others only what counts the hosts that are up, and what they are told", () => {
    const was = blocks(json(synthesise(clusterFrom(clusterFile(3)))));
    const is = blocks(withDown(3));
    const changed = [...is.keys()].filter(
      (address) => JSON.stringify(was.get(address)) !== JSON.stringify(is.get(address)),
    );
    expect(changed.sort()).toEqual([
      "local_file.hosts",
      "local_file.preflight_inventory",
      "null_resource.gate-consul",
      "null_resource.gate-swarm",
      "null_resource.gate-weave",
      "null_resource.h1_consul_install",
      "null_resource.h1_consul_start",
      "null_resource.h1_stage",
      "null_resource.h2_consul_install",
      "null_resource.h2_consul_start",
      "null_resource.h2_stage",
      "null_resource.preflight_hosts",
      "null_resource.reached",
    ]);
    // The agent's configuration is the same, so that it is not restarted; only how many voters it waits for differs.
    const command = (of: typeof is) =>
      (of.get("null_resource.h1_consul_start")?.triggers as Record<string, string> | undefined)?.command;
    expect(command(is)).toBe(command(was)?.replace("servers=3", "servers=2"));
  });

  test("is told apart in what the others are told, and is not to be asked by the checks", () => {
    const { resource } = withDown(2);
    expect(resource.local_file?.hosts?.content).toBe(
      "h1\t10.0.1.1\tserver,manager,agent\nh2\t10.0.1.2\tdown\nh3\t10.0.1.3\tserver,manager,agent\n",
    );
    const inventory = JSON.parse(resource.local_file?.preflight_inventory?.content as string);
    expect(inventory.hosts.map(({ name }: { name: string }) => name)).toEqual(["h1", "h3"]);
    expect(inventory.absent).toEqual([{ name: "h2", address: "10.0.1.2" }]);
  });

  test("may be the first one: the gates ask another, and none bootstraps in its place", () => {
    const stack = withDown(1, { consul: { bootstrap: "handover" } });
    expect(JSON.stringify(stack.resource.null_resource?.["gate-consul"]?.connection)).toContain("10.0.1.2");
    expect(addressesIn(stack).filter((address) => /bootstrap/.test(address))).toEqual([]);
    expect([...predecessors(graphOf(stack), "null_resource.h3_consul_start")]).toContain(
      "null_resource.h2_consul_start",
    );
  });
});

test("what Terraform does not know is cleared on a host before its containers are made, once for each life", () => {
  const stack = json(synthesise(clusterFrom(clusterFile(2))));
  expect(stack.resource.null_resource?.h1_swarm_clear?.triggers).toEqual({ rebuilt: "0" });
  const graph = graphOf(stack);
  for (const role of ["manager", "agent"]) {
    expect([...predecessors(graph, `docker_container.h1_swarm_${role}`)]).toContain("null_resource.h1_swarm_clear");
  }
  expect([...predecessors(graph, "null_resource.h1_swarm_clear")]).toContain("null_resource.gate-weave");
});

describe("one edited field", () => {
  /** Addresses whose blocks differ. */
  const changed = (edit: Record<string, unknown>, before: Record<string, unknown> = {}): string[] => {
    const [was, is] = [before, edit].map((more) => {
      const { resource } = json(synthesise(clusterFrom(clusterFile(3, more))));
      return new Map(
        Object.entries(resource).flatMap(([type, byName]) =>
          Object.entries(byName).map(([name, block]) => [`${type}.${name}`, JSON.stringify(block)] as const),
        ),
      );
    }) as [Map<string, string>, Map<string, string>];
    return [...is.keys()].filter((address) => was.get(address) !== is.get(address)).sort();
  };
  const ofEach = (...names: string[]) =>
    ["h1", "h2", "h3"].flatMap((host) => names.map((name) => name.replace("*", host))).sort();

  test("of Consul touches Consul alone", () => {
    expect(changed({ consul: { logLevel: "DEBUG" } })).toEqual(
      ofEach("local_file.*_consul_config-file", "null_resource.*_consul_install"),
    );
  });

  test("of Weave touches Weave alone, once the hosts have been asked whether their network carries it", () => {
    expect(changed({ weave: { mtu: 1300 } })).toEqual(
      [
        "local_file.preflight_inventory",
        "null_resource.preflight_hosts",
        ...ofEach("null_resource.*_weave_install", "null_resource.*_weave_launch"),
      ].sort(),
    );
  });

  test("that adds a host tells the others' routers of it, and has none of them restarted", () => {
    const fourth = { name: "h4", address: "10.0.1.4", consul: "client" };
    const touched = changed({ hosts: [...(clusterFile(3).hosts as object[]), fourth] });
    expect(touched).toEqual(expect.arrayContaining(ofEach("null_resource.*_weave_install")));
    expect(touched.filter((address) => /h[123]_weave_launch/.test(address))).toEqual([]);
  });

  test("of the network's encryption goes to the steps that install routers and may restart all at once", () => {
    const encrypted = (security: object) => ({ security: { weaveEncryption: true, ...security } });
    const steps = ofEach("null_resource.*_weave_install", "null_resource.*_weave_launch");
    const touched = changed(encrypted({ weavePasswordChanged: 1 }), encrypted({}));
    expect(touched.filter((address) => /_weave_/.test(address)).sort()).toEqual(steps.sort());
    const { resource, variable } = json(synthesise(clusterFrom(clusterFile(3, encrypted({})))));
    expect(variable.weave_password).toMatchObject({ ephemeral: true, sensitive: true });
    const using = Object.entries(resource.null_resource ?? {}).filter(([, one]) =>
      JSON.stringify(one).includes("WEAVE_PASSWORD"),
    );
    expect(using.map(([name]) => name)).toEqual(["h1_weave_install", "h2_weave_install", "h3_weave_install"]);
  });

  const managed = (...operators: string[]) => ({ firewall: { managed: true, operators } });

  test("of the firewall touches the allow-lists alone, wherever it stands before the services", () => {
    // Its resources are new; of the others the order has changed, and what tells the last step to keep it.
    const [was, is] = [{}, managed("10.0.9.5")].map((more) => json(synthesise(clusterFrom(clusterFile(3, more))))) as [
      Synthesised,
      Synthesised,
    ];
    const triggers = ({ resource }: Synthesised) =>
      Object.entries(resource.null_resource ?? {}).map(([name, { triggers }]) => [name, JSON.stringify(triggers)]);
    const known = new Set(triggers(was).map((one) => one.join(" ")));
    const fresh = triggers(is).filter((one) => !known.has(one.join(" ")));
    const steps = ["h1", "h2", "h3"].flatMap((host) => [`${host}_firewall`, `${host}_release`]);
    expect(fresh.map(([name]) => name).sort()).toEqual(["guarded", ...steps, "preflight_hosts"]);
    const graph = graphOf(is);
    for (const step of ["consul_install", "docker"]) {
      const before = [...predecessors(graph, `null_resource.h2_${step}`)];
      expect(before).toEqual(expect.arrayContaining(ofEach("null_resource.*_firewall", "null_resource.*_fetch")));
    }
    const firewall = [...predecessors(graph, "null_resource.h2_firewall")];
    expect(firewall).toEqual(expect.arrayContaining(ofEach("null_resource.*_fetch")));
  });

  test("of the firewall's operators, or a host that is added, loads every host's list again", () => {
    const lists = (file: Record<string, unknown>) => {
      const { resource } = json(synthesise(clusterFrom(file)));
      return ["h1", "h2", "h3"].map((host) => JSON.stringify(resource.null_resource?.[`${host}_firewall`]?.triggers));
    };
    const now = lists(clusterFile(3, managed("10.0.9.5")));
    const four = { hosts: clusterFile(4).hosts, ...managed("10.0.9.5") };
    for (const other of [lists(clusterFile(3, managed("10.0.9.6"))), lists(clusterFile(3, four))]) {
      expect(other.filter((triggers, i) => triggers === now[i])).toEqual([]);
    }
    expect(lists(clusterFile(3, { ...managed("10.0.9.5"), swarm: { heartbeat: "20s" } }))).toEqual(now);
  });

  test("touches nothing when it is the order of the hosts alone", () => {
    expect(changed({ hosts: [...(clusterFile(3).hosts as object[])].reverse() })).toEqual([]);
  });

  test("of Swarm touches Swarm alone", () => {
    expect(changed({ swarm: { heartbeat: "20s" } })).toEqual(ofEach("docker_container.*_swarm_agent"));
  });

  test("that counts a rebuilt host does everything on that host anew, and nothing on another but the gates", () => {
    const hosts = (rebuilt: number) =>
      (clusterFile(3).hosts as object[]).map((host, i) => (i === 1 ? { ...host, rebuilt } : host));
    const touched = changed({ hosts: hosts(1) }).filter((address) => !address.includes("preflight"));
    expect(touched).toEqual([
      "docker_container.h2_swarm_agent-rebuilt-1",
      "docker_container.h2_swarm_manager-rebuilt-1",
      "null_resource.gate-swarm",
      ...[
        "consul_install",
        "consul_start",
        "docker",
        "fetch",
        "release",
        "stage",
        "swarm_clear",
        "weave_install",
        "weave_launch",
      ].map((step) => `null_resource.h2_${step}`),
    ]);
    const { removed } = json(synthesise(clusterFrom(clusterFile(3, { hosts: hosts(2) }))));
    expect(removed).toEqual(
      ["manager", "agent", "manager-rebuilt-1", "agent-rebuilt-1"].map((role) => ({
        from: `docker_container.h2_swarm_${role}`,
        lifecycle: { destroy: false },
      })),
    );
  });
});
