/** The form of `scripts/verify --json`. Its schema is published as docs/schemas/verify.schema.json. */
import { z } from "zod";
import { multicast } from "../../../cluster/names.js";
import type { NetworkResult, Reach } from "../network-result.js";
import { verdictSchema } from "../verdicts.js";
import { statusOf, type Verified } from "../verify.js";
import { connectionsTo, reportOf } from "../weave-connections.js";

const status = z.enum(["healthy", "unhealthy", "unknown"]);

const hostSchema = z
  .object({
    name: z.string(),
    address: z.string(),
    consul: z.enum(["server", "client"]),
    manager: z.boolean().describe("runs a Swarm manager"),
    agent: z.boolean().describe("is a Swarm node"),
    status,
    unreachable: z.string().optional().describe("why the host could not be asked"),
    unanswered: z
      .array(z.string())
      .readonly()
      .optional()
      .describe("what the host was asked and did not answer in time"),
  })
  .readonly();

/** Values from one host to another, by their names. */
const matrix = <T extends z.ZodType>(value: T) =>
  z.record(z.string(), z.record(z.string(), value).readonly()).readonly();
export type Matrix<T> = Readonly<Record<string, Readonly<Record<string, T>>>>;

const matricesSchema = z
  .object({
    connections: matrix(z.string()).describe("state and kind of Weave's connection, as the first host sees it"),
    pingMs: matrix(z.number().nullable()).describe("average round trip in milliseconds; null without an answer"),
    tcp: matrix(z.boolean()).describe("true when what was sent came back"),
    multicast: z
      .object({
        group: z.string().describe("address and port that the datagrams are sent to"),
        sent: z.int().describe("datagrams that each host sends"),
        toleratedLoss: z.number().describe("the largest share lost that is not a fault"),
        received: matrix(z.int()).describe("different datagrams received, from sender to receiver"),
      })
      .readonly(),
    mtu: matrix(z.int()).describe("bytes of payload of the largest datagram that passes in one piece"),
  })
  .readonly();

export const verifyJsonSchema = z
  .object({
    version: z.literal(1).describe("of this form; it changes when a field is renamed, removed, or changes its meaning"),
    cluster: z.string().describe("the cluster's name"),
    time: z.iso.datetime().describe("when verify started"),
    seconds: z.number().describe("how long it took"),
    status: status.describe("as the exit status"),
    hosts: z.array(hostSchema).readonly(),
    checks: z.array(verdictSchema).readonly().describe("in the order of the checks; what was not tested is absent"),
    matrices: matricesSchema.describe("from one host to another, by their names; what was not tested is absent"),
  })
  .readonly()
  .describe("What `scripts/verify --json` prints. Later versions of the program may add fields and checks.");

export type VerifyJson = z.infer<typeof verifyJsonSchema>;

export function verifyJson(verified: Verified): VerifyJson {
  const { inventory, time, seconds, verdicts, network } = verified;
  const { group, port, datagrams: sent, toleratedLoss } = multicast;
  const reached = <T>(pick: (reach: Reach) => T | undefined): Matrix<T> => matrixOf(network?.reached, pick);
  return {
    version: 1,
    cluster: inventory.name,
    time: time.toISOString(),
    seconds,
    status: (["healthy", "unhealthy", "unknown"] as const)[statusOf(verified)],
    hosts: hostsOf(verified),
    checks: verdicts,
    matrices: {
      connections: connectionsOf(verified),
      pingMs: reached(({ ping }) => (ping ? (ping.ms ?? null) : undefined)),
      tcp: reached(({ tcp }) => (tcp === undefined ? undefined : tcp === "ok")),
      multicast: { group: `${group}:${port}`, sent, toleratedLoss, received: heardBy(network) },
      mtu: reached(({ largest }) => largest),
    },
  };
}

function hostsOf({ inventory, verdicts, silent, network }: Verified): VerifyJson["hosts"] {
  return inventory.hosts.map(({ name, address, consul, manager, agent }) => {
    const facts = { name, address, consul, manager, agent };
    const unreachable = silent.get(name);
    if (unreachable !== undefined) {
      return { ...facts, status: "unknown", unreachable };
    }
    const faulty = verdicts.some((verdict) => verdict.host === name && verdict.status !== "ok");
    const unanswered = network?.unanswered.get(name);
    if (unanswered !== undefined) {
      return { ...facts, status: faulty ? "unhealthy" : "unknown", unanswered };
    }
    return { ...facts, status: faulty ? "unhealthy" : "healthy" };
  });
}

function connectionsOf(verified: Verified): Matrix<string> {
  const { hosts } = verified.inventory;
  return Object.fromEntries(
    hosts.flatMap((host) => {
      const report = reportOf(verified, host.name);
      if (report === undefined) {
        return [];
      }
      const row = hosts
        .filter((other) => other !== host)
        .map((other) => {
          const between = connectionsTo(report, other);
          const best = between.find(({ state }) => state === "established") ?? between[0];
          return [other.name, best ? `${best.state} ${best.detail}`.trim() : "none"];
        });
      return [[host.name, Object.fromEntries(row)]];
    }),
  );
}

const heardBy = (network: NetworkResult | undefined): Matrix<number> => matrixOf(network?.heard, (count) => count);

function matrixOf<V, T>(
  rows: ReadonlyMap<string, ReadonlyMap<string, V>> = new Map(),
  pick: (value: V) => T | undefined,
): Matrix<T> {
  return Object.fromEntries(
    [...rows].map(([from, row]) => [
      from,
      Object.fromEntries(
        [...row].flatMap(([to, value]) => {
          const picked = from === to ? undefined : pick(value);
          return picked === undefined ? [] : [[to, picked]];
        }),
      ),
    ]),
  );
}
