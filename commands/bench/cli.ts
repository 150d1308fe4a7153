/** `scripts/bench` */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { program, UsageError } from "../shared/command.js";
import { page, plot, table, thisMachine } from "./report.js";
import { measureSynth } from "./synth.js";

const usage = `Usage: scripts/bench synth [OPTIONS]

Measures how long synthesis takes for clusters of several sizes, how much memory it needs and how much it writes. Needs no
hosts. Takes a minute or two on an idle machine.

  --hosts N,N,…   the sizes (default: 3,30,100,300,1000)
  --rounds N      how often each is measured (default: 3)
  --json          print everything that was measured, as JSON (docs/schemas/bench.schema.json), in place of the table
  --write         write docs/performance.md and its plot

Exit status: 0 measured, 2 could not measure.`;

const options = {
  hosts: { type: "string", default: "3,30,100,300,1000" },
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

program("bench", { usage, options }, async (values, words) => {
  if (words.join(" ") !== "synth") {
    throw new UsageError(`found ${words.join(" ") || "nothing"}, expected synth`);
  }
  const sizes = values.hosts.split(",").map((word) => count("--hosts", word));
  const machine = thisMachine();
  const measured = measureSynth(sizes, count("--rounds", values.rounds), (line) => console.error(line));
  console.log(values.json ? JSON.stringify({ version: 1, machine, measured }, null, 2) : table(measured).join("\n"));
  if (values.write) {
    const docs = join(__dirname, "../../docs");
    writeFileSync(join(docs, "performance.md"), page(machine, measured));
    writeFileSync(join(docs, "images/synth.svg"), plot(measured));
  }
  return 0;
});
