/**
 * A team's life with examples/gitops, on real hosts: its repository, cloned again for each run of a pipeline, as runners do;
 * the pipelines' own steps, in GitHub Actions, Atlantis and GitLab CI; Terraform, and later OpenTofu; the state in Consul.
 */
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { temporaryFolder } from "../fixtures/clusters.js";
import { atlantisWith, example, githubActions, gitlabCi } from "../fixtures/pipelines.js";
import {
  atConsole,
  atConsoles,
  type Ended,
  expectWords,
  host,
  labFile,
  oneAfterTheOther,
  operator,
  type Running,
  read,
  start,
  until,
  useLab,
} from "./lab.js";
import { serveConsul, stateConsul } from "./state-server.js";

// The last one, which has no engine, is no host of the cluster: it keeps the state, and watches the cluster.
useLab("--hosts", "3");
oneAfterTheOther();

const project = join(__dirname, "../..");
const folder = temporaryFolder();
const origin = join(folder, "origin.git");
/** Where a person edits. */
const working = join(folder, "working");
const stack = "cdktf.out/stacks/production";
const other = () => host("h3");
const cluster = () => ["h1", "h2"].map(host);

/** An SSH agent with the hosts' key: the example's cluster file names no key file. */
const agent = join(folder, "agent");
let agentProgram: Running | undefined;
afterAll(() => {
  if (agentProgram) {
    process.kill(agentProgram.pid);
  }
});

/** Programs that post a page: what they are told is noted. */
const bin = join(folder, "bin");
const posted = join(folder, "posted");

type Environment = Readonly<Record<string, string>>;

/** A line of a pipeline, or of a person, as it is run in a checkout: on the hosts' network. */
const tryLine = (checkout: string, line: string, more: Environment = {}): Promise<Ended> => {
  const set = Object.entries({ SSH_AUTH_SOCK: agent, ...more }).map(([name, value]) => `${name}=${value}`);
  return operator("env", "-u", "CLUSTER_FILE", ...set, "sh", "-ec", `PATH=${bin}:$PATH; cd ${checkout}; ${line}`);
};
async function run(checkout: string, lines: readonly string[], more?: Environment): Promise<string> {
  let all = "";
  for (const line of lines) {
    const { status, output } = await tryLine(checkout, line, more);
    all += output;
    expect(status, `${line}: ${output.slice(-3000)}`).toBe(0);
  }
  return all;
}

/** What no repository of the tests has as a submodule: this project. */
function addProject(checkout: string): void {
  symlinkSync(project, join(checkout, "multicast-swarm"));
  writeFileSync(join(checkout, ".git/info/exclude"), "/multicast-swarm\n");
}

/** A runner's fresh clone: nothing in it is from an earlier run, or from the machine that wrote it. */
async function clone(name: string, branch = "main"): Promise<string> {
  const checkout = join(folder, name);
  await run(folder, [`git clone -q --branch ${branch} ${origin} ${checkout}`]);
  addProject(checkout);
  return checkout;
}

/** Commits on a branch what has been edited, and pushes it. */
const propose = (branch: string) =>
  run(working, [
    `git switch -q -C ${branch}`,
    "git add -A",
    `git commit -qm ${branch}`,
    `git push -q origin ${branch}`,
  ]);
const merge = (branch: string) =>
  run(working, ["git switch -q main", `git merge -q ${branch}`, "git push -q origin main"]);

const edit = (change: (file: Record<string, unknown>) => void) => {
  const path = join(working, "cluster.yaml");
  const file = parse(readFileSync(path, "utf8"));
  change(file);
  writeFileSync(path, stringify(file));
};

beforeAll(async () => {
  // Not while anything is fetched: parts that are new are put in place with all others.
  const { status, output } = await start("lab/parts/build", ["opentofu"]).ended;
  expect(status, output).toBe(0);
  await serveConsul(other());
  agentProgram = start("ssh-agent", ["-D", "-a", agent]);
  await until(() => existsSync(agent));
  await run(folder, [`ssh-add -q ${labFile("id_ed25519")}`]);
  mkdirSync(bin);
  writeFileSync(posted, "");
  for (const program of ["gh", "curl"]) {
    writeFileSync(join(bin, program), `#!/bin/sh\necho "${program} $*" >>${posted}\ncat plan.md >>${posted}\n`);
    chmodSync(join(bin, program), 0o755);
  }
  for (const [name, value] of [
    ["NAME", "team"],
    ["EMAIL", "team@example.org"],
  ]) {
    process.env[`GIT_AUTHOR_${name}`] = value;
    process.env[`GIT_COMMITTER_${name}`] = value;
  }
}, 3_600_000);

it("a repository begins as the example's README says", async () => {
  cpSync(example, working, { recursive: true });
  await run(folder, [`git init -q --bare -b main ${origin}`, `git init -q -b main ${working}`]);
  addProject(working);
  const { hosts, ssh: _, backend: __, ...own } = parse(read("cluster.yaml"));
  edit((file) =>
    Object.assign(file, own, {
      name: "production",
      hosts: hosts.slice(0, 2),
      ssh: { user: "root" },
      backend: { type: "consul", config: { address: `${other().address}:8500`, path: "clusters/production" } },
    }),
  );
  const [, block = ""] = /```sh\n(.*?)```/s.exec(readFileSync(join(example, "README.md"), "utf8")) ?? [];
  const lines = block.split("\n").filter((line) => /^(rm|multicast-swarm\/|pipeline\/|git add)/.test(line));
  expect(lines).toHaveLength(5);
  await run(working, [...lines.map((line) => line.replace("git commit", "git commit -qm first"))]);
  await run(working, [`git remote add origin ${origin}`, "git push -q origin main"]);
});

it("GitHub Actions: stale JSON does not pass, the plan is posted, and what is merged is deployed", async () => {
  // What is on main was never deployed, so that the first pull request plans all of it.
  edit((file) => {
    file.gates = { timeoutSeconds: 240 };
  });
  await propose("gates");
  const stale = await tryLine(await clone("stale", "gates"), githubActions.review[0] as string);
  expect(stale.status).toBe(1);
  expect(stale.output).toContain("cdktf.out is stale");

  await run(working, ["pipeline/synth"]);
  await propose("gates");
  await run(await clone("review", "gates"), githubActions.review, githubActions.env);
  const page = readFileSync(posted, "utf8");
  expect(page).toContain(`${githubActions.posts}\n`);
  expect(page).toContain("| h2 (198.18.0.12) | joins: everything is installed and started |");

  await merge("gates");
  const runner = await clone("deploy");
  await run(runner, githubActions.deploy, githubActions.env);
  expectWords(await run(runner, ["multicast-swarm/scripts/verify"]), /verify: healthy/);
  expect(await atConsole(other(), `${stateConsul} kv get clusters/production | head -c 1`)).toBe("{");
});

it("a fresh checkout has nothing to do, which plain Terraform says by its exit status", async () => {
  const runner = await clone("fresh");
  await run(runner, [
    `terraform -chdir=${stack} init -input=false -lockfile=readonly`,
    `terraform -chdir=${stack} plan -input=false -detailed-exitcode`,
  ]);
});

it("the timer of examples/monitoring leaves metrics, JUnit XML and a page", async () => {
  const monitoring = join(project, "examples/monitoring");
  const checkout = join(folder, "fresh");
  // In place of git and npm, which that machine does not have: what scripts/verify needs of this repository and of npm's.
  const needed = "scripts commands cluster ssh constructs package.json tsconfig.json";
  const modules = ["tsx", "esbuild", "@esbuild", "yaml", "zod"].map((name) => `node_modules/${name}`);
  const beside = "cluster.yaml known_hosts artifacts.lock.json";
  await run(folder, [
    `tar c -C ${project} ${needed} ${modules.join(" ")} |
      ssh -F ${labFile("ssh_config")} h3 'mkdir -p /srv/multicast-swarm && tar x -C /srv/multicast-swarm'`,
    `tar c -C ${checkout} ${beside} | ssh -F ${labFile("ssh_config")} h3 tar x -C /srv/multicast-swarm`,
    `tar c -C ${monitoring} . | ssh -F ${labFile("ssh_config")} h3 tar x -C /root`,
    `cat ${process.execPath} | ssh -F ${labFile("ssh_config")} h3 'cat >/usr/local/bin/node && chmod 755 /usr/local/bin/node'`,
  ]);
  const [, block = ""] = /```sh\n(.*?)```/s.exec(readFileSync(join(monitoring, "README.md"), "utf8")) ?? [];
  const lines = block.split("\n").filter((line) => !line.startsWith("git clone"));
  expect(lines.join("\n")).toContain("enable --now multicast-swarm-verify.timer");
  await atConsole(other(), `cd /root\n${lines.join("\n")}`);
  const key = await atConsole(other(), "cat /home/multicast-swarm/.ssh/id_ed25519.pub");
  await atConsoles(`echo '${key.trim()}' >>/root/.ssh/authorized_keys`, cluster());
  await atConsole(
    other(),
    `systemd-analyze verify /etc/systemd/system/multicast-swarm-verify.*
    systemctl start multicast-swarm-verify.service || { journalctl -u multicast-swarm-verify >&2; exit 1; }`,
  );
  const written = (path: string) => atConsole(other(), `cat ${path}`);
  expect(await written("/var/lib/prometheus/node-exporter/multicast-swarm.prom")).toContain(
    'multicast_swarm_status{cluster="production",status="healthy"} 1',
  );
  expect(await written("/var/lib/multicast-swarm-verify/junit.xml")).toContain('<testsuite name="h2" ');
  expect(await written("/var/lib/multicast-swarm-verify/index.html")).toContain("</html>");
  expect(await atConsole(other(), "systemctl is-active multicast-swarm-verify.timer")).toBe("active\n");
});

it("Atlantis: what was planned is applied, from the same checkout", async () => {
  edit((file) => {
    file.swarm = { heartbeat: "11s" };
  });
  await run(working, ["pipeline/synth"]);
  await propose("heartbeat");
  const atlantis = atlantisWith(join(folder, "production.tfplan"));
  const runner = await clone("atlantis", "heartbeat");
  const output = await run(runner, atlantis.review, atlantis.env);
  expect(output).toContain("swarm-agent");
  await run(runner, atlantis.deploy, atlantis.env);
  await merge("heartbeat");
});

it("GitLab CI, for a team that goes over to OpenTofu: the state and the hosts stay as they are", async () => {
  const tofu = { TERRAFORM_BINARY_NAME: "tofu" };
  await run(working, ["multicast-swarm/scripts/lock", "pipeline/synth"], tofu);
  expect(readFileSync(join(working, ".terraform.lock.hcl"), "utf8")).toContain("registry.opentofu.org");
  await propose("opentofu");
  writeFileSync(posted, "");
  await run(await clone("gitlab-review", "opentofu"), gitlabCi.review, { ...gitlabCi.env, ...tofu });
  const page = readFileSync(posted, "utf8");
  expect(page).toContain(gitlabCi.posts);
  expect(page).toContain("no changes");

  await merge("opentofu");
  await run(await clone("gitlab-deploy"), gitlabCi.deploy, { ...gitlabCi.env, ...tofu });
  await run(await clone("fresh-opentofu"), [
    `tofu -chdir=${stack} init -input=false -lockfile=readonly`,
    `tofu -chdir=${stack} plan -input=false -detailed-exitcode`,
  ]);
});

it("an app of one's own, examples/library, adds containers that find each other by multicast", async () => {
  const app = join(folder, "app");
  cpSync(join(project, "examples/library"), app, { recursive: true });
  for (const name of ["cluster.yaml", "known_hosts", "artifacts.lock.json", ".terraform.lock.hcl"]) {
    cpSync(join(working, name), join(app, name));
  }
  symlinkSync(join(project, "node_modules"), join(app, "node_modules"));
  // package.test.ts has the app import what npm packs; here it is the sources.
  const paths = { "multicast-swarm": [join(project, "index.ts")] };
  writeFileSync(join(app, "tsconfig.json"), JSON.stringify({ compilerOptions: { module: "node16", paths } }));
  const image = labFile("mirror/images/multicast-swarm_event-bus_1_amd64.tar");
  await run(app, [
    ...cluster().map(({ name }) => `ssh -F ${labFile("ssh_config")} ${name} docker load -q <${image}`),
    "node --import tsx main.ts",
    `tofu -chdir=${stack} init -input=false`,
  ]);
  expectWords(
    await run(app, [`tofu -chdir=${stack} apply -input=false -auto-approve`]),
    /2 added, 0 changed, 0 destroyed/,
  );
  const heard = async () =>
    Object.values(await atConsoles("docker logs bus-$(hostname)", cluster())).map((said) =>
      [...said.matchAll(/Received news \d+ from (\w+)/g)].map(([, from]) => from).at(-1),
    );
  await until(async () => JSON.stringify(await heard()) === '["h2","h1"]');
  await run(app, [`tofu -chdir=${stack} plan -input=false -detailed-exitcode`]);
});
