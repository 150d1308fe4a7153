/** The form of `scripts/plan --json`, from which `docs/schemas/plan.schema.json` is generated. */
import { z } from "zod";

const host = z.string().describe("name of a host, as in the cluster file");

const event = z.strictObject({
  what: z
    .enum([
      "joins",
      "leaves",
      "is lost",
      "is rebuilt",
      "is down",
      "returns",
      "is uninstalled",
      "starts",
      "restarts",
      "may restart",
      "is told",
      "is refused",
      "is replaced",
      "is removed",
      "is forgotten",
      "runs again",
    ])
    .describe("what happens; `may restart`: decided on the host, by what its new scripts write"),
  component: z.string().optional().describe("to what; without it, to the host as a whole"),
  because: z.array(z.string()).describe("what has changed"),
  noNetworkSeconds: z
    .number()
    .optional()
    .describe(
      "the host's containers have no network meanwhile: usually some seconds, and not longer than this before the deploy stops",
    ),
});

export const planSchema = z
  .strictObject({
    version: z.literal(1).describe("changes when a program that reads the form has to change"),
    cluster: z.string().describe("name of the cluster"),
    result: z
      .enum(["no changes", "changes", "dangerous"])
      .describe("exit status 0, 0 or 3: a dangerous plan should not be applied"),
    hosts: z
      .array(
        z.strictObject({
          name: z.string(),
          address: z.string().describe("on the cluster's LAN"),
          events: z.array(event),
        }),
      )
      .describe("all hosts of the cluster, before and after the deploy"),
    order: z
      .array(
        z.strictObject({
          component: z.string(),
          turns: z.array(z.array(host)).describe("hosts of one turn go side by side; a turn waits for the one before"),
        }),
      )
      .describe("what comes in turns"),
    destroyed: z.array(z.string()).describe("addresses of the resources whose destruction takes something from a host"),
    dangers: z
      .array(
        z.strictObject({
          danger: z.enum(["quorum", "order", "destroys", "refused"]),
          found: z.string().describe("what the plan would do"),
          needed: z.string().describe("what to do instead"),
        }),
      )
      .describe("why the plan should not be applied"),
  })
  .describe("Result of scripts/plan --json");

/** A plan, told in hosts. */
export type Story = z.infer<typeof planSchema>;
export type HostEvent = z.infer<typeof event>;
