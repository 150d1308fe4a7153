/**
 * The form of `scripts/preflight --json`, from which `docs/schemas/preflight.schema.json` is generated. What runs during a
 * deploy takes only the type from here: its one file has no room for zod.
 */
import { z } from "zod";

const host = z.string().describe("name of a host, as in the cluster file");

const finding = z.strictObject({
  host,
  check: z.string().describe("which check found it; docs/preflight.md lists them"),
  found: z.string().describe("what was found"),
  needed: z.string().describe("what is needed instead"),
  fix: z.string().describe("the command or the step that usually fixes it"),
  warning: z.literal(true).optional().describe("worth knowing, but the cluster works"),
});

const clock = z.strictObject({
  ahead: z.number().describe("seconds by which the host's clock is ahead of the machine that ran the preflight"),
  uncertain: z.number().describe("plus or minus so many seconds"),
});

const hostView = z.strictObject({
  name: z.string(),
  address: z.string().describe("on the cluster's LAN"),
  undecided: z.string().optional().describe("why nothing can be said about the host"),
  facts: z
    .record(z.string(), z.string())
    .describe("what the host reported; empty when it was not reached. Names and values may change with any version"),
  clock: clock.optional(),
});

const connection = z.strictObject({
  from: host,
  to: host,
  port: z.string().describe("number and protocol, such as 53/udp"),
  outcome: z.string().describe("ok, or how it failed"),
});

const packetSizes = z.strictObject({
  from: host,
  to: host,
  sent: z.number().describe("the largest packet, in bytes, that the interface sends"),
  answered: z.number().describe("the largest that came back; 0 when none did, which says nothing"),
});

export const preflightSchema = z
  .strictObject({
    version: z.literal(1).describe("changes when a program that reads the form has to change"),
    cluster: z.string().describe("name of the cluster"),
    result: z.enum(["fit", "problems", "could not tell"]).describe("exit status 0, 1 or 2"),
    findings: z.array(finding),
    hosts: z.array(hostView).describe("all hosts of the cluster file, in its order"),
    links: z.array(connection).describe("the connections that were tried"),
    paths: z.array(packetSizes).describe("the size of packets that pass, for each pair of hosts that was tried"),
  })
  .describe("Result of scripts/preflight --json");

export type PreflightJson = z.infer<typeof preflightSchema>;
