/** What scripts/recover takes out of the state, and what it removes from a host. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { uploadsFolder } from "../../../cluster/names.js";
import { ports } from "../../../cluster/ports.js";
import { known } from "../../../commands/recover/recover.js";
import { hostScript } from "../../../commands/shared/host-scripts.js";
import { clusterFrom, temporaryFolder } from "../../fixtures/clusters.js";
import { logsIn } from "../../fixtures/files.js";

it("steps run again; what uninstalls, who has left, and the containers that are known, stay", () => {
  const resource = (type: string, name: string, id: string, mode = "managed") => ({
    mode,
    type,
    name,
    instances: [{ attributes: { id } }],
  });
  const state = {
    resources: [
      resource("null_resource", "h1_docker", "1"),
      resource("null_resource", "gate-weave", "2"),
      // Again, it would remove the containers that are known.
      resource("null_resource", "h1_swarm_clear", "5"),
      // Again, it would log in to a host that has left.
      resource("null_resource", "h8_leave", "6"),
      // It runs on a member.
      resource("null_resource", "h9_lost", "7"),
      resource("null_resource", "leave_docker", "8"),
      resource("terraform_data", "h1_teardown", "3"),
      resource("local_file", "hosts", "4"),
      resource("docker_container", "h1_swarm_manager", "c0ffee"),
    ],
  };
  expect(known(state)).toEqual({
    steps: ["h1_docker", "gate-weave", "h9_lost", "leave_docker"].map((name) => `null_resource.${name}`),
    containers: ["c0ffee"],
  });
  expect(known({})).toEqual({ steps: [], containers: [] });
});

interface Stand {
  /** Ids that docker lists. */
  readonly listed?: readonly string[];
  readonly known?: readonly string[];
  readonly created?: readonly string[];
  /** Units that run when it begins. */
  readonly active?: readonly string[];
  /** Units that cannot be started. */
  readonly broken?: readonly string[];
  /** Does Weave's proxy answer while its unit runs, or only after a restart? */
  readonly proxy?: "always" | "restarted" | "never";
  readonly engine?: "hangs";
  /** Which deploy has the host. */
  readonly hold?: string;
  /** How Terraform asks the proxy. */
  readonly form?: "open" | "tls";
}

/** Runs the host's part where docker and systemctl are stand-ins that note what is done. */
function onHost(stood: Stand) {
  const { listed = [], known: ids = [], created = [], active = [], broken = [] } = stood;
  const { proxy, engine, hold, form = "open" } = stood;
  const folder = temporaryFolder();
  const stand = join(folder, "bin");
  mkdirSync(stand);
  const program = (name: string, text: string) =>
    writeFileSync(join(stand, name), `#!/bin/sh\n${text}`, { mode: 0o755 });
  writeFileSync(join(folder, "created"), created.map((line) => `${line}\n`).join(""));
  if (hold) {
    writeFileSync(join(folder, "hold"), hold);
    writeFileSync(join(folder, "hold.checked"), "a hash\n");
  }
  for (const unit of active) {
    writeFileSync(join(folder, unit), "");
  }
  program(
    "docker",
    `case "$1" in
  -H) [ "$2" = tcp://198.18.0.11:${ports.weaveProxy.number} ] || exit 1
    case ${proxy ?? "always"} in
      always) [ ${created.length} = 0 ] || [ -e '${folder}/weave.service' ] ;;
      restarted) grep -qx 'restart weave.service' '${folder}/done' ;;
      never) exit 1 ;;
    esac ;;
  info) ${engine === "hangs" ? "exit 124" : ":"} ;;
  ps) [ "$5" = label=multicast-swarm=rack ] || exit 1; printf '%s\n' ${listed.join(" ")} ;;
  inspect) echo "/name-of-$4" ;;
  rm) echo "$3" >>'${folder}/removed' ;;
esac
`,
  );
  program(
    "systemctl",
    `case "$1" in
  is-enabled) ;;
  is-active) [ -e '${folder}'/"$3" ] ;;
  reset-failed) echo "$1 $2" >>'${folder}/done' ;;
  start | restart) echo "$1 $2" >>'${folder}/done'
    case " ${broken.join(" ")} " in *" $2 "*) exit 1 ;; esac
    : >'${folder}'/"$2" ;;
esac
`,
  );
  program("journalctl", "echo 'weave: no such image'\n");
  program("sleep", "");
  const script = hostScript("steps/tls.sh", "probes/recover.sh")
    .replace(/^PATH=/m, `PATH=${stand}:`)
    .replace(/^state=.*$/m, `state=${folder}`)
    .replace(/^hold=.*$/m, `hold=${folder}/hold`);
  const args = ["-s", "--", "rack", "60", "198.18.0.11", "1", form, ...ids];
  const { status, stdout } = spawnSync("sh", args, { input: script, encoding: "utf8" });
  const text = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "");
  return { status, stdout, removed: text("removed"), done: text("done"), hold: text("hold") + text("hold.checked") };
}

it("removes the containers of this cluster that the state does not know, and no other", () => {
  const { status, stdout, removed } = onHost({ listed: ["aa11", "bb22"], known: ["aa11"] });
  expect(removed).toBe("bb22\n");
  expect(stdout).toMatch(/recover: changed name-of-bb22: removed/);
  expect(status).toBe(0);
  expect(onHost({ listed: ["aa11"], known: ["aa11"] })).toMatchObject({ status: 0, removed: "" });
});

it("a proxy in another form than the cluster file's is one that Terraform cannot ask", () => {
  const { status, stdout, removed } = onHost({ listed: ["aa11"], known: ["aa11"], form: "tls" });
  expect(stdout).toContain("found Weave's proxy in another form than the cluster file's (open, not tls)");
  expect([status, removed]).toEqual([3, "aa11\n"]);
});

it("a sudo that hangs with the terminal that it has lost is no step that still runs", () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "sudo"), "#!/bin/sh\nread line\n", { mode: 0o755 });
  const sudo = spawn(join(folder, "sudo"), ["-n", "sh", `${uploadsFolder}/scripts/fetch.sh`]);
  try {
    expect(onHost({}).status).toBe(0);
  } finally {
    sudo.kill();
  }
});

describe("on a host", () => {
  const created = ["package docker.io", "unit consul.service", "file /etc/default/weave", "unit weave.service"];
  const containers = { listed: ["aa11"], known: ["aa11"] };

  it("what runs is left alone", () => {
    const active = ["consul.service", "docker.service", "weave.service"];
    const { status, done, removed } = onHost({ ...containers, created, active });
    expect({ status, done, removed }).toEqual({ status: 0, done: "", removed: "" });
  });

  it("our units that do not run are started, and the engine before Weave", () => {
    const { status, done, stdout, removed } = onHost({ ...containers, created });
    const units = ["consul.service", "docker.service", "weave.service"];
    expect(done).toBe(units.map((unit) => `reset-failed ${unit}\nstart ${unit}\n`).join(""));
    for (const unit of units) {
      expect(stdout).toContain(`recover: changed ${unit} (started)\n`);
    }
    expect(stdout).toContain(`found Weave's proxy answering on 198.18.0.11:${ports.weaveProxy.number}\n`);
    expect({ status, removed }).toEqual({ status: 0, removed: "" });
  });

  it("whatever deploy has it lets go, with what it has checked, and is named", () => {
    const { stdout, hold } = onHost({ hold: "bob@desk:/srv/cluster\n2026-11-25 03:10:00 UTC\n198.18.0.7\n" });
    expect(stdout).toContain(
      "recover: changed the hold of bob@desk:/srv/cluster, from 198.18.0.7, since 2026-11-25 03:10:00 UTC (released)\n",
    );
    expect(hold).toBe("");
  });

  it("an engine without our Weave is not touched", () => {
    expect(onHost({ created: ["unit consul.service"], active: ["consul.service"] }).done).toBe("");
  });

  it("Weave is restarted where it runs and its proxy is dead", () => {
    const active = ["consul.service", "docker.service", "weave.service"];
    const { status, stdout } = onHost({ ...containers, created, active, proxy: "restarted" });
    expect(stdout).toContain("recover: changed weave.service (restarted)\n");
    expect(status).toBe(0);
  });

  it("Swarm's containers go where the proxy stays dead: the next deploy could not create others of their name", () => {
    const { status, stdout, removed } = onHost({ ...containers, created, broken: ["weave.service"] });
    expect(stdout).toContain("recover: found that weave.service does not start: weave: no such image");
    expect(stdout).toContain("recover: changed name-of-aa11: removed, Terraform cannot ask for it without the proxy\n");
    expect({ status, removed }).toEqual({ status: 3, removed: "aa11\n" });
  });

  it("they stay where the engine does not answer either", () => {
    const { status, removed } = onHost({ ...containers, created, proxy: "never", engine: "hangs" });
    expect({ status, removed }).toEqual({ status: 4, removed: "" });
  });
});

/** Runs `scripts/recover` where ssh and Terraform are stand-ins; `hosts` are the shell lines in the place of each host. */
function recover(hosts: readonly string[]) {
  const folder = temporaryFolder();
  const stack = join(folder, "out/stacks/rack");
  mkdirSync(stack, { recursive: true });
  writeFileSync(join(stack, "cdk.tf.json"), "{}");
  const names = hosts.map((_, i) => `h${i + 1}`);
  const addresses = names.map((name, i) => ({ name, address: `198.18.0.${11 + i}` }));
  const file = join(folder, "cluster.yaml");
  clusterFrom({ name: "rack", ssh: { hostKeyChecking: "off" }, hosts: addresses }, undefined, folder);
  const resource = (type: string, name: string) => ({
    mode: "managed",
    type,
    name,
    instances: [{ attributes: { id: name } }],
  });
  const resources = names.flatMap((name) => [
    resource("null_resource", `${name}_docker`),
    resource("docker_container", `${name}_swarm_manager`),
    resource("docker_container", `${name}_swarm_agent-rebuilt-1`),
    resource("terraform_data", `${name}_teardown`),
  ]);
  writeFileSync(join(folder, "state"), JSON.stringify({ resources }));
  const program = (name: string, text: string) =>
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}`, { mode: 0o755 });
  const answers = hosts.map((text, i) => `h${i + 1}) ${text} ;;`).join("\n");
  program("ssh", `${logsIn}cat >/dev/null\ncase "$3" in\n${answers}\nesac\n`);
  program(
    "terraform",
    `shift\ncase "$1 $2" in\n"state pull") cat '${folder}/state' ;;\n"state rm") shift 3; echo "$@" >'${folder}/gone' ;;\nesac\n`,
  );
  const { status, stdout, stderr } = spawnSync(
    join(__dirname, "../../../scripts/recover"),
    ["--output", join(folder, "out"), file],
    {
      encoding: "utf8",
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}`, TERRAFORM_BINARY_NAME: "terraform" },
    },
  );
  const gone = existsSync(join(folder, "gone")) ? readFileSync(join(folder, "gone"), "utf8").trim().split(" ") : [];
  return { status, stdout, stderr, gone };
}

describe("the state", () => {
  const steps = (count: number) => Array.from({ length: count }, (_, i) => `null_resource.h${i + 1}_docker`);
  const off = "echo 'ssh: connect to host 198.18.0.12 port 22: No route to host' >&2; exit 255";
  const fine = "echo 'h1 recover: found …'";

  it("loses the steps where all is well", () => {
    expect(recover([fine, fine])).toMatchObject({ status: 0, gone: steps(2) });
  });

  it("also loses the containers of a host that cannot be reached, and what to do is said", () => {
    const { status, stdout, gone } = recover([fine, off]);
    expect(gone).toEqual([
      ...steps(2),
      "docker_container.h2_swarm_manager",
      "docker_container.h2_swarm_agent-rebuilt-1",
    ]);
    expect(stdout).toMatch(/^recover: h2 \(198\.18\.0\.12\): unreachable: 198\.18\.0\.12 port 22: no route to host$/m);
    expect(stdout).toMatch(/^recover: h2: took docker_container\.h2_swarm_manager and .* out of Terraform's state/m);
    expect(stdout).toMatch(/^recover: h2: once it is back: scripts\/recover again, then deploy; .*`lost: true`/m);
    expect(status).toBe(0);
  });

  it.each([
    [3, /^recover: h2: deploy: it sets Weave up again/m],
    [4, /^recover: h2: repair the engine, then scripts\/recover again, then deploy$/m],
  ])("and those of a host whose proxy stays dead: status %i", (status, next) => {
    const { status: ended, stdout, gone } = recover([fine, `exit ${status}`]);
    expect(gone).toEqual(expect.arrayContaining(["docker_container.h2_swarm_manager"]));
    expect(gone.filter((address) => address.includes("h1"))).toEqual(steps(1));
    expect(stdout).toMatch(/^recover: h2 \(198\.18\.0\.12\): Weave's proxy does not answer/m);
    expect(stdout).toMatch(next);
    expect(ended).toBe(0);
  });

  it.each([
    [
      "a step still runs",
      [fine, "echo 'ERROR: a step is still running after 600 s' >&2; exit 1"],
      /a step is still running/,
    ],
    [
      "a login is refused",
      [fine, "echo 'Permission denied (publickey).' >&2; exit 255"],
      /permission denied.*to fix it/,
    ],
    ["no host can be reached", [off, off], /unreachable/],
  ] as const)("is not changed where %s", (_, hosts, why) => {
    const { status, stderr, gone } = recover(hosts);
    expect(gone).toEqual([]);
    expect(stderr).toMatch(why);
    expect(stderr).toContain("the state was not changed");
    expect(status).toBe(2);
  });
});
