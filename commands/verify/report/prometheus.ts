/** The result in Prometheus' text format, for node_exporter's textfile collector. */
import type { VerifyJson } from "./json.js";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

const prefix = "multicast_swarm";

/** Names and labels stay in later versions, as the fields of the JSON do. */
export function verifyMetrics({ cluster, time, seconds, status, hosts, checks, matrices }: VerifyJson): string {
  const statuses = ["healthy", "unhealthy", "unknown"] as const;
  const { received, sent } = matrices.multicast;
  const metrics: readonly (readonly [name: string, help: string, samples: readonly Sample[]])[] = [
    ["verify_time_seconds", "When verify started, in seconds since 1970.", [[{}, Date.parse(time) / 1000]]],
    ["verify_duration_seconds", "How long verify took.", [[{}, seconds]]],
    [
      "status",
      "1 for the cluster's status: healthy, unhealthy or unknown.",
      statuses.map((one) => [{ status: one }, Number(one === status)]),
    ],
    [
      "host_status",
      "1 for each host's status: healthy, unhealthy or unknown.",
      hosts.flatMap(({ name: host, status: own }) =>
        statuses.map((one): Sample => [{ host, status: one }, Number(one === own)]),
      ),
    ],
    [
      "check_ok",
      "1 when a check is ok on a host, 0 when it failed or follows from another; absent when it could not be tested.",
      checks.flatMap(({ host, check, status: own }) =>
        own === "unknown" ? [] : [[{ host, check }, Number(own === "ok")] as const],
      ),
    ],
    [
      "ping_seconds",
      "Average round trip between containers of two hosts.",
      between(matrices.pingMs, (ms) => ms / 1000),
    ],
    [
      "multicast_received_ratio",
      "Share of the datagrams of one host that another received.",
      between(received, (count) => count / sent),
    ],
  ];
  return metrics
    .flatMap(([name, help, samples]) =>
      samples.length === 0
        ? []
        : [
            `# HELP ${prefix}_${name} ${help}`,
            `# TYPE ${prefix}_${name} gauge`,
            ...samples.map(([labels, value]) => `${prefix}_${name}{${labelsOf({ cluster, ...labels })}} ${value}`),
          ],
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** A sample for each pair of hosts that has a value. */
function between(
  matrix: Readonly<Record<string, Readonly<Record<string, number | null>>>>,
  convert: (value: number) => number,
): Sample[] {
  return Object.entries(matrix).flatMap(([from, row]) =>
    Object.entries(row).flatMap(([to, value]): Sample[] => (value === null ? [] : [[{ from, to }, convert(value)]])),
  );
}

const labelsOf = (labels: Labels): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n")}"`)
    .join(",");
