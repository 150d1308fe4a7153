/** examples/gitops: the steps of its pipelines do what they say, in a repository that a team has made of it. */
import { execFile, spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { loadCluster } from "../../cluster/load.js";
import { lockProviders } from "../../commands/lock/providers.js";
import { temporaryFolder } from "../fixtures/clusters.js";
import { atlantisWith, example, githubActions, gitlabCi } from "../fixtures/pipelines.js";
import { builtVersions, cache, providers } from "./deployed.js";

const project = join(__dirname, "../..");

const repository = join(temporaryFolder(), "team");
const stand = join(repository, "../bin");
const called = join(repository, "../called");
const mirror = join(repository, "../terraform.rc");

/** Runs a line of a pipeline as a runner does, in the repository's root. */
const step = (line: string, more: Record<string, string> = {}) =>
  new Promise<{ status: number; output: string }>((done) => {
    const env = {
      ...process.env,
      PATH: `${stand}:${join(cache, "bin")}:${process.env.PATH}`,
      TF_CLI_CONFIG_FILE: mirror,
      TF_VAR_gossip_key: Buffer.alloc(32, 7).toString("base64"),
      ...more,
    };
    const child = execFile("sh", ["-ec", line], { cwd: repository, env }, (_, stdout, stderr) =>
      done({ status: child.exitCode ?? 1, output: `${stdout}${stderr}` }),
    );
  });

const git = (words: string) => step(`git -c user.name=team -c user.email=team@example.org ${words}`);

/** What pipelines call beside this project's own programs: noted, and not done. */
function standIn(program: string, body = "") {
  writeFileSync(join(stand, program), `#!/bin/sh\n${body}\necho "${program} $*" >>${called}\n`);
  chmodSync(join(stand, program), 0o755);
}

const calls = (): string => readFileSync(called, "utf8");

beforeAll(async () => {
  cpSync(example, repository, { recursive: true });
  mkdirSync(stand);
  writeFileSync(
    mirror,
    `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(providers)}\n  }\n}\n`,
  );
  writeFileSync(called, "");
  standIn("gh");
  standIn("curl");
  // Terraform itself, but for what would need hosts.
  const real = spawnSync("sh", ["-c", `PATH=${join(cache, "bin")}:$PATH; command -v terraform`], { encoding: "utf8" });
  standIn("terraform", `case " $* " in *" apply "*) ;; *) exec ${real.stdout.trim()} "$@" ;; esac`);

  // The lab's providers, and a state that needs no account.
  const cluster = parse(readFileSync(join(example, "cluster.yaml"), "utf8")) as Record<string, unknown>;
  const built = { ...builtVersions(), platforms: ["linux_amd64"], mirror: providers };
  const file = join(repository, "cluster.yaml");
  writeFileSync(file, stringify({ ...cluster, backend: undefined, providers: built }));
  lockProviders(loadCluster(file, { warn: () => undefined }), file, () => undefined);
  symlinkSync(project, join(repository, "multicast-swarm"));
  await git("init -q .");
  writeFileSync(join(repository, ".git/info/exclude"), "/multicast-swarm\n");
  expect((await step("pipeline/synth")).status).toBe(0);
  await git("add -A");
  await git("commit -qm first");
});

const planfile = join(repository, "../default.tfplan");
const pipelines = { "GitHub Actions": githubActions, "GitLab CI": gitlabCi, Atlantis: atlantisWith(planfile) };

describe.each(Object.entries(pipelines))("%s", (_, { review, deploy, env, posts }) => {
  test("reviews with the plan, told in hosts, and deploys what was planned", async () => {
    const reviewed: Awaited<ReturnType<typeof step>>[] = [];
    for (const line of review) {
      reviewed.push(await step(line, env));
    }
    expect(reviewed.map(({ status }) => status)).toEqual(review.map(() => 0));
    const page = readFileSync(join(repository, "plan.md"), "utf8");
    expect(page).toContain("| alpha (192.168.1.11) | joins: everything is installed and started |");
    expect(posts ? calls() : reviewed.at(-1)?.output).toContain(posts ?? page);

    for (const line of deploy) {
      expect(await step(line, env)).toMatchObject({ status: 0 });
    }
    const plan = env.PLANFILE ?? join(repository, "plan.tfplan");
    expect(calls()).toContain(`terraform -chdir=cdktf.out/stacks/production apply -input=false ${plan}\n`);
  });
});

test("scripts/plan tells a saved plan, and, from the state alone, a fresh one", async () => {
  for (const which of ["--from plan.tfplan", "--no-refresh"]) {
    const { status, output } = await step(`multicast-swarm/scripts/plan ${which} cluster.yaml`);
    expect(output).toContain("gamma (192.168.1.13)  joins");
    expect(status).toBe(0);
  }
});

test("the checked-in JSON has what Terraform needs and nothing that a plan writes", async () => {
  const files = (await step("git ls-files cdktf.out")).output;
  for (const name of [
    "cdk.tf.json",
    ".terraform.lock.hcl",
    "rendered/inventory.json",
    "rendered/alpha/consul-config.json",
  ]) {
    expect(files).toContain(`cdktf.out/stacks/production/${name}\n`);
  }
  expect((await step("git status --porcelain")).output).toBe("");
});

test("stale JSON stops a pipeline, whatever else is in it", async () => {
  appendFileSync(join(repository, "cluster.yaml"), "consul: { logLevel: DEBUG }\n");
  const { status, output } = await step("pipeline/check");
  expect(status).toBe(1);
  expect(output).toContain("cdktf.out is stale");
  expect(output).toContain("rendered/alpha/consul-config.json");
  await git("commit -aqm edited");
  expect((await step("pipeline/check")).status).toBe(0);
});
