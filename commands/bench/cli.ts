/** `scripts/bench` */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { program, UsageError } from "../shared/command.js";
import {
  measureAddHost,
  measureAnsible,
  measureDeploy,
  measureDestroy,
  measureEdit,
  measureNoChange,
  measurePlan,
  measureVerify,
} from "./cluster.js";
import { type Bench, benches } from "./json-schema.js";
import { plot, section, table, thisMachine, withSection } from "./report.js";
import { measureSynth } from "./synth.js";

const usage = `Usage: scripts/bench COMMAND [OPTIONS]

Measures what the project costs: how long it takes, and the processor time and memory of the operator's machine.

  synth           synthesis for clusters of several sizes, and how much it writes; needs no hosts
  plan            the first terraform plan of clusters of several sizes
  deploy          a deploy to three fresh hosts, by cdktf and by Terraform, in turn with a bare parallel ssh script that
                  makes the same cluster (commands/bench/bare.sh)
  ansible         the same by an Ansible playbook (commands/bench/playbook.yaml), in turn with that script; needs Debian's
                  packages ansible and python3-apt
  no-change       another deploy, apply and plan of a cluster that is as the cluster file says
  edit            a deploy of an edited field: one of Consul's, whose servers restart in turn, and one of Swarm's
  add-host        a deploy that makes a cluster of two hosts one of three
  destroy         taking a cluster of three hosts away again
  verify          scripts/verify of a healthy cluster, without and with the event bus

Each takes less than ten minutes on an idle machine with three rounds. All but synth need root, start a lab of their own
(LAB_NAME, default bench; docs/lab.md) and take it down at the end.

  --hosts N,N,…   the sizes for synth (default: 3,30,100,300,1000) and plan (default: 3,30,100)
  --rounds N      how often each is measured (default: 3)
  --json          print everything that was measured, as JSON (docs/schemas/bench.schema.json), in place of the table
  --write         write the command's section of docs/performance.md, and synth's plot

Exit status: 0 measured, 2 could not measure.`;

const options = {
  hosts: { type: "string" },
  rounds: { type: "string", default: "3" },
  json: { type: "boolean", default: false },
  write: { type: "boolean", default: false },
} as const;

/** A whole number of 1 or more, as written on the command line. */
function count(option: string, word: string): number {
  if (!/^[1-9]\d*$/.test(word)) {
    throw new UsageError(`found ${option} ${word}, expected a number of 1 or more`);
  }
  return Number(word);
}

function benchIn(words: readonly string[]): Bench {
  const bench = benches.find((one) => one === words.join(" "));
  if (!bench) {
    throw new UsageError(`found ${words.join(" ") || "nothing"}, expected ${benches.join(", ")}`);
  }
  return bench;
}

/** The numbers of hosts to measure; none for commands that have one cluster. */
function sizesFor(command: Bench, words?: string): number[] {
  const usual: Partial<Record<Bench, string>> = { synth: "3,30,100,300,1000", plan: "3,30,100" };
  if (words !== undefined && !usual[command]) {
    throw new UsageError(`found --hosts with ${command}, expected it with ${Object.keys(usual).join(" or ")}`);
  }
  const chosen = words ?? usual[command];
  return chosen === undefined ? [] : chosen.split(",").map((word) => count("--hosts", word));
}

program("bench", { usage, options }, async (values, words) => {
  const command = benchIn(words);
  const rounds = count("--rounds", values.rounds);
  const sizes = sizesFor(command, values.hosts);
  const told = (line: string) => console.error(line);
  const machine = thisMachine();
  const measured = await {
    synth: async () => measureSynth(sizes, rounds, told),
    plan: () => measurePlan(sizes, rounds, told),
    deploy: () => measureDeploy(rounds, told),
    ansible: () => measureAnsible(rounds, told),
    "no-change": () => measureNoChange(rounds, told),
    edit: () => measureEdit(rounds, told),
    "add-host": () => measureAddHost(rounds, told),
    destroy: () => measureDestroy(rounds, told),
    verify: () => measureVerify(rounds, told),
  }[command]();
  const result = { version: 1, command, machine, measured };
  console.log(values.json ? JSON.stringify(result, null, 2) : table(command, measured).join("\n"));
  if (values.write) {
    const docs = join(__dirname, "../../docs");
    const page = join(docs, "performance.md");
    writeFileSync(page, withSection(readFileSync(page, "utf8"), command, section(command, machine, measured)));
    if (command === "synth") {
      writeFileSync(join(docs, "images/synth.svg"), plot(measured));
    }
  }
  return 0;
});
