/** What a deploy, a deploy without changes, and verifying cost, on the hosts of a lab. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDocument } from "yaml";
import type { Measured, Run } from "./json-schema.js";
import { folder, givePython, lab, measure, needAnsible, operator, savedLab, stack, withLab } from "./lab.js";
import { hostLines } from "./synth.js";

type Told = (line: string) => void;
type Command = readonly [what: string, run: () => Promise<Run>];

/** As the lab names its three. */
const hosts = ["h1", "h2", "h3"];

const cdktf = [
  "npx",
  "cdktf",
  "deploy",
  "--auto-approve",
  "--skip-provider-lock",
  "--output",
  join(folder, "cdktf.out"),
];
const terraform = (...words: string[]) => ["terraform", `-chdir=${stack}`, ...words];
const plan = ["plan", "-input=false"];
const apply = terraform("apply", "-auto-approve", "-input=false");

/** On fresh hosts each, in turn: the bare script, cdktf, and Terraform with what was synthesised before. */
export const measureDeploy = (rounds: number, told: Told): Promise<Measured[]> =>
  onFreshHosts(rounds, told, [
    ["cdktf deploy", () => measure(...cdktf)],
    [
      "terraform apply",
      () => {
        operator("scripts/synth", "--output", join(folder, "cdktf.out"));
        operator(...terraform("init", "-input=false"));
        return measure(...apply);
      },
    ],
  ]);

/** The same by Ansible. */
export const measureAnsible = (rounds: number, told: Told): Promise<Measured[]> => {
  needAnsible();
  return onFreshHosts(rounds, told, [
    [
      "ansible-playbook",
      () => {
        hosts.forEach(givePython);
        return measure("commands/bench/ansible.sh", folder);
      },
    ],
  ]);
};

/** Each of these, and their floor, on hosts that nothing was done to before. */
const onFreshHosts = (rounds: number, told: Told, commands: readonly Command[]): Promise<Measured[]> =>
  withLab(async () => {
    const locked = mkdtempSync(join(tmpdir(), "bench-"));
    try {
      lab("up", "--to", "hosts");
      lab("lock");
      copyLockFiles(folder, locked);
      const bare: Command = ["bare script", () => measure("commands/bench/bare.sh", folder)];
      const onFresh = [bare, ...commands].map(
        ([what, run]): Command => [
          what,
          () => {
            freshHosts();
            copyLockFiles(locked, folder);
            return run();
          },
        ],
      );
      const [floor, ...measured] = await inTurn(rounds, told, onFresh);
      return measured.map((one) => ({ ...one, floor: floor?.runs }));
    } finally {
      rmSync(locked, { recursive: true });
    }
  });

/** New hosts in place of those that there are, started up to the end. */
function freshHosts(): void {
  lab("down");
  lab("up", "--to", "hosts");
  for (const name of hosts) {
    lab("ssh", name, "systemctl is-system-running --wait || true");
  }
}

function copyLockFiles(from: string, to: string): void {
  for (const name of ["artifacts.lock.json", ".terraform.lock.hcl"]) {
    copyFileSync(join(from, name), join(to, name));
  }
}

/** Again on a cluster that is as the cluster file says. */
export const measureNoChange = (rounds: number, told: Told): Promise<Measured[]> =>
  withLab(() => {
    lab("up", "--to", "cluster");
    return inTurn(rounds, told, [
      ["cdktf deploy", () => measure(...cdktf)],
      ["terraform apply", () => measure(...apply)],
      ["terraform plan", () => measure(...terraform(...plan))],
    ]);
  });

/** Sets a field of the lab's cluster file; without a value, what it had is gone. */
function set(path: readonly (string | number)[], value?: string): void {
  const file = join(folder, "cluster.yaml");
  const document = parseDocument(readFileSync(file, "utf8"));
  if (value === undefined) {
    document.deleteIn(path);
  } else {
    document.setIn(path, value);
  }
  writeFileSync(file, String(document));
}

/** One field of a running cluster, to and fro. */
export const measureEdit = (rounds: number, told: Told): Promise<Measured[]> =>
  withLab(() => {
    lab("up", "--to", "cluster");
    const edited = (path: readonly string[], ...values: readonly string[]) => {
      let times = 0;
      return () => {
        set(path, values[times++ % values.length]);
        return measure(...cdktf);
      };
    };
    return inTurn(rounds, told, [
      ["consul.logLevel", edited(["consul", "logLevel"], "DEBUG", "INFO")],
      ["swarm.heartbeat", edited(["swarm", "heartbeat"], "8s", "10s")],
    ]);
  });

/** To a running cluster of two, from the same state in each round. */
export const measureAddHost = (rounds: number, told: Told): Promise<Measured[]> =>
  withLab(async () => {
    lab("up", "--to", "hosts");
    lab("lock");
    const whole = readFileSync(join(folder, "cluster.yaml"), "utf8");
    set(["hosts", hosts.length - 1]);
    lab("deploy");
    return savedLab("two", (load) => {
      const added = (run: Command[1]) => () => {
        load();
        writeFileSync(join(folder, "cluster.yaml"), whole);
        return run();
      };
      return inTurn(rounds, told, [["cdktf deploy", added(() => measure(...cdktf))]]);
    });
  });

/** Of the same cluster in each round. */
export const measureDestroy = (rounds: number, told: Told): Promise<Measured[]> =>
  withLab(async () => {
    lab("up", "--to", "cluster");
    return savedLab("three", (load) => {
      const ofCluster = (run: Command[1]) => () => {
        load();
        return run();
      };
      return inTurn(rounds, told, [
        ["cdktf destroy", ofCluster(() => measure(...cdktf.map((word) => (word === "deploy" ? "destroy" : word))))],
        ["terraform destroy", ofCluster(() => measure(...terraform("destroy", "-auto-approve", "-input=false")))],
      ]);
    });
  });

/** The first plan of clusters of several sizes, which asks no host. The lab has the providers and the operator's files. */
export const measurePlan = (sizes: readonly number[], rounds: number, told: Told): Promise<Measured[]> =>
  withLab(async () => {
    lab("up", "--to", "hosts", "--hosts", "1");
    lab("lock");
    const measured: Measured[] = [];
    for (const size of sizes) {
      const chdir = `-chdir=${planned(size)}`;
      operator("terraform", chdir, "init", "-input=false");
      const runs = await inTurn(rounds, told, [[`plan of ${size} hosts`, () => measure("terraform", chdir, ...plan)]]);
      measured.push(...runs.map((one) => ({ ...one, hosts: size })));
    }
    return measured;
  });

/** The stack of the lab's cluster, had it as many hosts. */
function planned(size: number): string {
  const place = join(folder, `plan-${size}`);
  mkdirSync(place);
  copyLockFiles(folder, place);
  const file = join(place, "cluster.yaml");
  writeFileSync(
    file,
    readFileSync(join(folder, "cluster.yaml"), "utf8")
      .replace(/^hosts:\n( .*\n)+/m, ["hosts:", ...hostLines(size), ""].join("\n"))
      .replace(/^ssh:\n/m, "ssh:\n  hostKeyChecking: off\n")
      .replace("keyFile: ", "keyFile: ../"),
  );
  operator("scripts/synth", "--output", join(place, "cdktf.out"), file);
  return join(place, "cdktf.out/stacks/lab");
}

/** Of a healthy cluster, whose hosts have the images for it already. */
export const measureVerify = (rounds: number, told: Told): Promise<Measured[]> =>
  withLab(() => {
    lab("up");
    return inTurn(rounds, told, [
      ["scripts/verify", () => measure("scripts/verify")],
      ["scripts/verify --vertx", () => measure("scripts/verify", "--vertx")],
    ]);
  });

/** Each command once a round, so that all see the same load. */
async function inTurn(rounds: number, told: Told, commands: readonly Command[]): Promise<Measured[]> {
  const runs = new Map<string, Run[]>(commands.map(([what]) => [what, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const [what, run] of commands) {
      told(`round ${round} of ${rounds}: ${what}`);
      const one = await run();
      runs.get(what)?.push(one);
      told(`round ${round}: ${what}: ${one.seconds.toFixed(1)} s`);
    }
  }
  return commands.map(([what]) => ({ what, hosts: hosts.length, runs: runs.get(what) ?? [] }));
}
