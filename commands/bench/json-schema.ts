/** The form of `scripts/bench COMMAND --json`, from which `docs/schemas/bench.schema.json` is generated. */
import { z } from "zod";

const run = z.strictObject({
  seconds: z.number().describe("from the start of the first process to the end of the last"),
  processorSeconds: z.number().describe("processor time on the operator's machine, of all processes and threads"),
  megabytes: z
    .number()
    .describe(
      "the most memory that they had at one time; of several processes, what each has for itself and its share",
    ),
});

const machine = z.strictObject({
  processors: z.string(),
  memory: z.string(),
  system: z.string(),
  load: z.number().describe("processes that wanted a processor, on average, in the minute before the first run"),
});

const measured = z.strictObject({
  what: z.string().describe("what was run"),
  hosts: z.int().describe("of the cluster"),
  runs: z.array(run),
  floor: z
    .array(run)
    .optional()
    .describe(
      "runs in turn with these of something that nothing can be much faster than. synth: reading and writing the same JSON; deploy: a bare parallel ssh script",
    ),
  bytesPerHost: z.int().optional().describe("of the synthesised JSON, for synth"),
});

/** The subcommands, in the order of docs/performance.md. */
export const benches = [
  "synth",
  "plan",
  "deploy",
  "ansible",
  "no-change",
  "edit",
  "add-host",
  "destroy",
  "verify",
] as const;

export const benchSchema = z
  .strictObject({
    version: z.literal(1).describe("changes when a program that reads the form has to change"),
    command: z.enum(benches),
    machine,
    measured: z
      .array(measured)
      .describe("synth, plan: one for each number of hosts; else one for each command that was run"),
  })
  .describe("Result of scripts/bench --json");

export type Bench = (typeof benches)[number];
export type Run = Readonly<z.infer<typeof run>>;
export type Machine = Readonly<z.infer<typeof machine>>;
export type Measured = Readonly<Omit<z.infer<typeof measured>, "runs" | "floor">> & {
  readonly runs: readonly Run[];
  readonly floor?: readonly Run[];
};
