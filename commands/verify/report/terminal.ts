/** What `scripts/verify` has seen, for a person at a terminal and, as JSON, for machines. */
import { columns, label, plural } from "../../shared/findings.js";
import type { Paint } from "../../shared/progress.js";
import { datagrams, type Link } from "../network-tests.js";
import { connectionsTo } from "../observations.js";
import { checkNames, checks, labelOf, type Verdict } from "../verdicts.js";
import { statusOf, type Verified } from "../verify.js";
import { parseWeaveReport } from "../views.js";

/** More columns than this do not fit beside the words. */
const columnsUpTo = 8;

const marks = { ok: "✓", failed: "✗", follows: "·", unknown: "?" } as const;
const colours = { ok: "green", failed: "red", follows: "dim", unknown: "yellow" } as const;

/** A table of checks and hosts, the reasons below it, and in one line how the cluster is. */
export function report(verified: Verified, paint: Paint): string[] {
  const { inventory, silent } = verified;
  const { hosts } = inventory;
  return [
    ...(hosts.length <= columnsUpTo ? tableOfHosts(verified, paint) : tableOfCounts(verified, paint)),
    ...(statusOf(verified) === 0
      ? []
      : [paint("dim", "✓ well  ✗ fault  · follows from a fault  ? could not be asked  - not tested")]),
    "",
    ...hosts.flatMap((host) => {
      const why = silent.get(host.name);
      return why === undefined ? [] : [`${paint("yellow", "?")} ${label(host)}: could not be asked: ${why}`];
    }),
    ...reasons(verified, paint),
    `verify: ${summary(verified, paint)}`,
  ];
}

function tableOfHosts({ inventory, verdicts, silent }: Verified, paint: Paint): string[] {
  const { hosts } = inventory;
  const strangers = [...new Set(verdicts.map(({ host }) => host))].filter(
    (name) => !hosts.some((h) => h.name === name),
  );
  const names = [...hosts.map(({ name }) => name), ...(strangers.length > 0 ? ["others"] : [])];
  const wide = Math.max(...checkNames.map(({ length }) => length));
  const width = (name: string) => Math.max(name.length, 1);
  return [
    [" ".repeat(wide), ...names].join("  "),
    ...checkNames.map((check) => {
      const of = verdicts.filter((verdict) => verdict.check === check);
      const cells = names.map((name) => {
        const verdict = of.find(({ host }) => (name === "others" ? strangers.includes(host) : host === name));
        const blank = " ".repeat(width(name) - 1);
        const status = verdict?.status ?? (silent.has(name) ? "unknown" : undefined);
        return (status ? paint(colours[status], marks[status]) : paint("dim", "-")) + blank;
      });
      return [check.padEnd(wide), ...cells, inShort(check, of)].join("  ").trimEnd();
    }),
  ];
}

function tableOfCounts({ inventory, verdicts }: Verified, paint: Paint): string[] {
  const rows = checkNames.map((check) => {
    const of = verdicts.filter((verdict) => verdict.check === check);
    const count = (status: Verdict["status"]) => {
      const { length } = of.filter((verdict) => verdict.status === status);
      return length === 0 ? "" : `${marks[status]} ${length}`;
    };
    return [check, count("ok"), count("failed"), count("follows"), count("unknown"), checks[check].title];
  });
  const [head = "", ...lines] = columns([
    ["", "well", "failed", "follows", "unknown", `of ${inventory.hosts.length} hosts`],
    ...rows,
  ]);
  return [paint("dim", head), ...lines.map((line) => line.trimEnd())];
}

/** What was seen where all is well, else what the check is about. */
function inShort(check: Verdict["check"], of: readonly Verdict[]): string {
  const seen = [
    ...new Set(of.filter(({ status, found }) => status === "ok" && found !== "").map(({ found }) => found)),
  ];
  const all = of.length > 0 && of.every(({ status }) => status === "ok");
  const words = seen.join(" · ");
  return all && words !== "" && words.length <= 64 ? words : checks[check].title;
}

function reasons({ inventory, verdicts }: Verified, paint: Paint): string[] {
  return verdicts
    .filter(({ status }) => status === "failed")
    .flatMap(({ host, check, found, needed, fix }) => {
      const also = verdicts.filter(
        (other) => other.host === host && other.status === "follows" && other.because === check,
      );
      const line = (head: string, text: string | undefined) => (text ? [`  ${paint("dim", head)} ${text}`] : []);
      return [
        `${paint("red", "✗")} ${paint("bold", labelOf(inventory, host))} ${check}: ${found}`,
        ...line("needed:", needed),
        ...line("fix:   ", fix),
        ...line("follow:", also.map((other) => other.check).join(", ")),
      ];
    });
}

/** The one line that says how the cluster is. */
export function summary(verified: Verified, paint: Paint): string {
  const { inventory, verdicts, silent, seconds } = verified;
  const { length } = inventory.hosts;
  const failed = verdicts.filter(({ status }) => status === "failed");
  const sick = [...new Set(failed.map(({ host }) => host))];
  const time = `${seconds.toFixed(1)} s`;
  switch (statusOf(verified)) {
    case 0:
      return `${paint("green", "healthy")}: ${verdicts.length} checks on ${plural(length, "host")} in ${time}`;
    case 1:
      return `${paint("red", "unhealthy")}: ${plural(failed.length, "fault")} on ${sick.join(", ")} in ${time}`;
    case 2:
      return `${paint("yellow", "could not tell")}: ${silent.size} of ${length} hosts could not be asked in ${time}`;
  }
}

/** Outputs that a person who knows the components wants to see with their own eyes. */
export function transcript({ inventory, views, eventBus }: Verified): string[] {
  const shown = [
    ["consul-members", "consul members"],
    ["weave-status", "weave status"],
    ["swarm-info", "docker -H :4000 info"],
  ] as const;
  const own = shown.flatMap(([section, command]) => {
    const host = inventory.hosts.find(({ name }) => views.get(name)?.get(section)?.status === 0);
    const text = host && views.get(host.name)?.get(section)?.text;
    return text === undefined ? [] : [`${host?.name}> ${command}`, ...shortened(text).split("\n"), ""];
  });
  return [...own, ...(eventBus?.transcript ?? [])];
}

/** What `docker info` says before and after Swarm's own part is about the command, or empty. */
function shortened(text: string): string {
  return text.replace(/^Client:[\s\S]*?\nServer:\n/, "").replace(/\n Plugins:\n[\s\S]*$/, "\n …");
}

/** Values from one host to another, by their names. */
export type Matrix<T> = Readonly<Record<string, Readonly<Record<string, T>>>>;

/** The stable form of `--json`, described in docs/verify.md: names are only added to it. */
export interface VerifyJson {
  readonly cluster: string;
  readonly time: string;
  readonly seconds: number;
  readonly status: "healthy" | "unhealthy" | "unknown";
  readonly hosts: readonly {
    readonly name: string;
    readonly address: string;
    readonly consul: "server" | "client";
    readonly manager: boolean;
    readonly agent: boolean;
    readonly status: "healthy" | "unhealthy" | "unknown";
    /** Why it could not be asked. */
    readonly unreachable?: string;
  }[];
  readonly checks: readonly Verdict[];
  readonly matrices: {
    /** Weave's connection as the first host sees it. */
    readonly connections: Matrix<string>;
    /** Average milliseconds; null without an answer. */
    readonly pingMs: Matrix<number | null>;
    readonly tcp: Matrix<boolean>;
    /** From sender to receiver, of `sent`. */
    readonly multicast: { readonly sent: number; readonly received: Matrix<number> };
    /** Bytes of the largest datagram that passes in one piece. */
    readonly mtu: Matrix<number>;
  };
}

export function asJson(verified: Verified): VerifyJson {
  const { inventory, time, seconds, verdicts, silent, views, network } = verified;
  const links = <T>(pick: (link: Link) => T | undefined): Matrix<T> => matrix(network?.links ?? new Map(), pick);
  return {
    cluster: inventory.name,
    time: time.toISOString(),
    seconds,
    status: (["healthy", "unhealthy", "unknown"] as const)[statusOf(verified)],
    hosts: inventory.hosts.map(({ name, address, consul, manager, agent }) => {
      const why = silent.get(name);
      const well = !verdicts.some(({ host, status }) => host === name && status !== "ok");
      const status = why !== undefined ? "unknown" : well ? "healthy" : "unhealthy";
      return { name, address, consul, manager, agent, status, ...(why === undefined ? {} : { unreachable: why }) };
    }),
    checks: verdicts,
    matrices: {
      connections: connectionMatrix(verified),
      pingMs: links(({ ping }) => (ping ? (ping.ms ?? null) : undefined)),
      tcp: links(({ tcp }) => (tcp === undefined ? undefined : tcp === "ok")),
      multicast: { sent: datagrams, received: matrix(network?.heard ?? new Map(), (count: number) => count) },
      mtu: links(({ largest }) => largest),
    },
  };

  function connectionMatrix({ inventory: { hosts } }: Verified): Matrix<string> {
    return Object.fromEntries(
      hosts.flatMap((host) => {
        const seen = parseWeaveReport(views.get(host.name)?.get("weave-report")?.text ?? "");
        if (seen === undefined) return [];
        const to = hosts
          .filter((other) => other !== host)
          .map((other) => {
            const between = connectionsTo(seen, other);
            const best = between.find(({ state }) => state === "established") ?? between[0];
            return [other.name, best ? `${best.state} ${best.detail}`.trim() : "none"];
          });
        return [[host.name, Object.fromEntries(to)]];
      }),
    );
  }
}

function matrix<V, T>(rows: ReadonlyMap<string, ReadonlyMap<string, V>>, pick: (value: V) => T | undefined): Matrix<T> {
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
