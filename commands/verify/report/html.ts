/** One page about a cluster, made from the JSON form alone. It needs no other file. */

import { plural } from "../../shared/findings.js";
import { type CheckName, checks } from "../checks/index.js";
import type { Verdict } from "../verdicts.js";
import { style } from "./html-style.js";
import type { Matrix, VerifyJson } from "./json.js";
import { mark, text } from "./markup.js";
import { networkPicture, type PairState } from "./network-picture.js";

export function verifyPage(json: VerifyJson): string {
  const { cluster, hosts } = json;
  const words = { healthy: "healthy", unhealthy: "unhealthy", unknown: "could not tell" }[json.status];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${text(cluster)}: ${words}</title>
<style>${style}</style>
</head>
<body>
<header class="${json.status}">
  <p class="eyebrow">multicast-swarm verify</p>
  <h1>${text(cluster)} <span class="state">${mark(json.status)} ${words}</span></h1>
  <p class="lead">${lead(json)}</p>
  <dl class="numbers">${numbers(json)}</dl>
</header>
<main class="${sizeOf(hosts.length)}">
${findings(json)}
<section class="card picture"><h2>Connections</h2>
<p>Weave's connection between each pair of hosts. A solid line means that containers on both hosts reach each other.</p>
${networkPicture(json, (a, b) => pairState(json, a, b))}
<p class="legend"><span class="good">▬ works</span> <span class="bad">╍ does not work</span> <span class="off">┈ not tested</span></p></section>
<section class="card checks"><h2>Checks</h2>${grid(json)}</section>
<section class="card"><h2>Multicast loss</h2>
<p>Each host in turn sends ${json.matrices.multicast.sent} datagrams to ${text(json.matrices.multicast.group)}; all others listen.</p>
${lossMap(json)}</section>
<section class="card"><h2>Ping</h2><p>Average round trip between containers, by weave.local name.</p>${pingMap(json)}</section>
<section class="card"><h2>Datagram size</h2><p>The largest UDP payload that passes between containers in one piece.</p>${mtuMap(json)}</section>
<section class="card wide"><h2>Hosts</h2>${hostTable(json)}</section>
</main>
<footer>${text(new Date(json.time).toUTCString())} · took ${json.seconds.toFixed(1)} s · ${plural(hosts.length, "host")}</footer>
</body>
</html>
`;
}

/** Chooses the layout. */
function sizeOf(hosts: number): "few" | "some" | "big" {
  if (hosts > 8) {
    return "big";
  }
  return hosts > 3 ? "some" : "few";
}

const failuresOf = ({ checks: verdicts }: VerifyJson) => verdicts.filter(({ status }) => status === "failed");

function lead(json: VerifyJson): string {
  const failures = failuresOf(json);
  const away = json.hosts.filter(({ status }) => status === "unknown").map(({ name }) => name);
  const not = away.length > 0 ? ` ${text(away.join(", "))} could not be asked.` : "";
  if (failures.length === 0) {
    return away.length > 0
      ? `No fault was found.${not}`
      : "Every host sees the cluster as the cluster file describes it, and its containers reach each other.";
  }
  const sick = [...new Set(failures.map(({ host }) => host))];
  return `${plural(failures.length, "fault")} on ${text(sick.join(", "))}.${not}`;
}

function numbers(json: VerifyJson): string {
  const { pingMs, multicast, mtu } = json.matrices;
  const pings = values(pingMs).filter((ms): ms is number => ms !== null);
  const received = values(multicast.received);
  const sent = received.length * multicast.sent;
  const got = received.reduce((sum, count) => sum + count, 0);
  const passed = json.checks.filter(({ status }) => status === "ok").length;
  const sizes = values(mtu);
  const facts: readonly (readonly [string, string])[] = [
    ["checks passed", `${passed} <small>of ${json.checks.length}</small>`],
    ["slowest ping", pings.length > 0 ? `${Math.max(...pings).toFixed(1)} <small>ms</small>` : "–"],
    ["multicast lost", sent > 0 ? `${percent(1 - got / sent)} <small>%</small>` : "–"],
    ["one piece", sizes.length > 0 ? `${Math.min(...sizes)} <small>bytes</small>` : "–"],
  ];
  return facts.map(([term, value]) => `<div><dt>${term}</dt><dd>${value}</dd></div>`).join("");
}

const percent = (share: number) =>
  share > 0 && share < 0.001 ? "<0.1" : (100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0);
const values = <T>(matrix: Matrix<T>): T[] => Object.values(matrix).flatMap((row) => Object.values(row));

function findings(json: VerifyJson): string {
  const away = json.hosts.flatMap(({ name, address, unreachable, unanswered = [] }) => {
    const item = (why: string) =>
      `<li class="unknown"><h3><b>${text(name)}</b> ${text(address)}</h3><p>${text(why)}</p></li>`;
    return [
      ...(unreachable === undefined ? [] : [item(`Could not be asked: ${unreachable}`)]),
      ...(unanswered.length === 0 ? [] : [item(`No answer in time: ${unanswered.join(", ")}`)]),
    ];
  });
  const failed = failuresOf(json).map((failure) => {
    const { host, check, found, needed = "", fix = "" } = failure;
    const follow = json.checks
      .filter((other) => other.host === host && other.status === "follows" && other.because === check)
      .map((other) => other.check);
    return `<li><h3><b>${text(host)}</b> ${check}</h3><p>${text(found)}</p>
<dl><dt>needed</dt><dd>${text(needed)}</dd><dt>fix</dt><dd><code>${text(fix)}</code></dd>${
      follow.length > 0 ? `<dt>causes</dt><dd>${follow.join(", ")}</dd>` : ""
    }</dl></li>`;
  });
  const all = [...failed, ...away];
  return all.length > 0
    ? `<section class="wide"><h2 class="quiet">What is wrong</h2><ul class="findings">${all.join("")}</ul></section>`
    : "";
}

/** What was found between two hosts, in both directions: all works, something does not, or nothing was tested. */
function pairState({ matrices }: VerifyJson, a: string, b: string): PairState {
  const { sent, toleratedLoss, received } = matrices.multicast;
  const both = <T>(matrix: Matrix<T>, works: (value: T) => boolean) =>
    [matrix[a]?.[b], matrix[b]?.[a]].flatMap((value) => (value === undefined ? [] : [works(value as T)]));
  const ways = both(matrices.connections, (state) => state.startsWith("established"));
  const carried = [
    ...both(matrices.pingMs, (ms) => ms !== null),
    ...both(matrices.tcp, (works) => works),
    ...both(received, (count) => count >= sent * (1 - toleratedLoss)),
  ];
  if ([...ways, ...carried].includes(false)) {
    return "bad";
  }
  return carried.length === 0 ? "off" : "good";
}

const marks: Record<Verdict["status"], readonly [string, string]> = {
  ok: ["✓", "passed"],
  failed: ["✗", "failed"],
  follows: ["·", "follows from another fault"],
  unknown: ["?", "could not be asked"],
};

function grid({ hosts, checks: verdicts }: VerifyJson): string {
  const strangers = [...new Set(verdicts.map(({ host }) => host))].filter(
    (name) => !hosts.some((h) => h.name === name),
  );
  const names = [...hosts.map(({ name }) => name), ...strangers];
  const looked = checks.filter(({ name }) => verdicts.some(({ check }) => check === name));
  const rows = looked.map(({ name: check, title }) => {
    const cells = names.map((name) => {
      const verdict = verdicts.find((one) => one.host === name && one.check === check);
      const away = hosts.some((host) => host.name === name && host.unreachable !== undefined);
      if (verdict === undefined && !away) {
        return "<td></td>";
      }
      const status = verdict?.status ?? "unknown";
      const [sign, words] = marks[status];
      return `<td class="${status}" title="${text(verdict?.found ?? words)}"><span aria-hidden="true">${sign}</span><span class="sr">${words}</span></td>`;
    });
    return `<tr><th scope="row">${check}<small>${text(title)}</small></th>${cells.join("")}</tr>`;
  });
  return scroll(
    "Checks by host",
    `<table class="grid"><thead><tr><td></td>${names.map((name) => `<th scope="col">${text(name)}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`,
  );
}

/** A wide table scrolls by itself, also by keyboard; the page does not. */
const scroll = (name: string, table: string) =>
  `<div class="scroll" role="region" aria-label="${name}" tabindex="0">${table}</div>`;

interface Cell {
  readonly words: string;
  /** 0 cold to 1 hot; below 0 is wrong. */
  readonly heat: number;
}

function heatMap<T>(
  { hosts }: VerifyJson,
  [name, rows, across]: readonly [string, string, string],
  matrix: Matrix<T>,
  cell: (value: T) => Cell,
): string {
  const names = hosts.map((host) => host.name);
  if (values(matrix).length === 0) {
    return `<p class="none">Not tested.</p>`;
  }
  const body = names.map((from) => {
    const cells = names.map((to) => {
      const value = matrix[from]?.[to];
      if (from === to) {
        return `<td class="self"></td>`;
      }
      if (value === undefined) {
        return `<td class="off" title="${text(from)} to ${text(to)}: not tested">–</td>`;
      }
      const { words, heat } = cell(value);
      const look = heat < 0 ? `class="wrong"` : `style="--heat:${heat.toFixed(2)}"`;
      const short = names.length > 8 ? words.replace(" %", "") : words;
      return `<td ${look} title="${text(from)} to ${text(to)}: ${words}">${short}</td>`;
    });
    return `<tr><th scope="row">${text(from)}</th>${cells.join("")}</tr>`;
  });
  const head = names.map((to) => `<th scope="col">${text(to)}</th>`).join("");
  return scroll(
    name,
    `<table class="heat${names.length > 8 ? " small" : ""}"><caption>${rows} ↓ &nbsp; ${across} →</caption><thead><tr><td></td>${head}</tr></thead><tbody>${body.join("")}</tbody></table>`,
  );
}

function lossMap(json: VerifyJson): string {
  const { sent, toleratedLoss, received } = json.matrices.multicast;
  return heatMap(json, ["Multicast loss", "sender", "receiver"], received, (count) => {
    const loss = 1 - count / sent;
    return { words: `${percent(loss)} %`, heat: loss > toleratedLoss ? -1 : loss / toleratedLoss };
  });
}

function pingMap(json: VerifyJson): string {
  const slowest = Math.max(1, ...values(json.matrices.pingMs).map((ms) => ms ?? 0));
  return heatMap(json, ["Ping", "from", "to"], json.matrices.pingMs, (ms) =>
    ms === null ? { words: "none", heat: -1 } : { words: ms.toFixed(ms < 10 ? 1 : 0), heat: ms / slowest },
  ).replace("→</caption>", "→ &nbsp; ms</caption>");
}

function mtuMap(json: VerifyJson): string {
  const largest = Math.max(0, ...values(json.matrices.mtu));
  return heatMap(json, ["Datagram size", "from", "to"], json.matrices.mtu, (bytes) => ({
    words: String(bytes),
    heat: bytes === 0 ? -1 : 1 - bytes / largest,
  }));
}

function hostTable({ hosts, checks: verdicts }: VerifyJson): string {
  const found = (host: string, check: CheckName) => {
    const verdict = verdicts.find((one) => one.host === host && one.check === check);
    return text(verdict?.status === "ok" ? verdict.found : "–");
  };
  const columns = checks.filter(({ inHostTable }) => inHostTable).map(({ name }) => name);
  const rows = hosts.map(({ name, address, consul, manager, agent, status }) => {
    const roles = [`Consul ${consul}`, ...(manager ? ["Swarm manager"] : []), ...(agent ? ["agent"] : [])].join(", ");
    return `<tr><th scope="row"><span class="dot ${status}" role="img" aria-label="${status}"></span> ${text(name)}<small>${text(address)}</small></th><td>${roles}</td>${columns
      .map((check) => `<td data-label="${check}">${found(name, check)}</td>`)
      .join("")}</tr>`;
  });
  const head = ["host", "roles", ...columns].map((one) => `<th scope="col">${one}</th>`).join("");
  return scroll("Hosts", `<table class="hosts"><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`);
}
