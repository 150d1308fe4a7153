/** The form of `scripts/bench synth --json`, from which `docs/schemas/bench.schema.json` is generated. */
import { z } from "zod";

const run = z.strictObject({
  seconds: z.number().describe("from the start of the process to its end"),
  processorSeconds: z.number().describe("processor time, of the process and of its threads"),
  megabytes: z.number().describe("the most memory that it had at one time"),
});

const machine = z.strictObject({
  processors: z.string(),
  memory: z.string(),
  system: z.string(),
  load: z.number().describe("processes that wanted a processor, on average, in the minute before the first run"),
});

const measured = z.strictObject({
  hosts: z.int().describe("of the cluster that was synthesised"),
  runs: z.array(run).describe("syntheses"),
  floor: z
    .array(run)
    .describe("reading and writing the same JSON in a process of its own: nothing that makes it can be faster"),
  bytesPerHost: z.int().describe("of the synthesised JSON"),
});

export const benchSchema = z
  .strictObject({
    version: z.literal(1).describe("changes when a program that reads the form has to change"),
    machine,
    measured: z.array(measured).describe("one for each number of hosts"),
  })
  .describe("Result of scripts/bench synth --json");

export type Run = Readonly<z.infer<typeof run>>;
export type Machine = Readonly<z.infer<typeof machine>>;
export type Measured = Readonly<Omit<z.infer<typeof measured>, "runs" | "floor">> & {
  readonly runs: readonly Run[];
  readonly floor: readonly Run[];
};
