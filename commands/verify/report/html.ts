/** One page about a cluster, to be looked at: made of the JSON form alone, and in need of no other file. */

import { checkNames, checks, type Verdict } from "../verdicts.js";
import type { Matrix, VerifyJson } from "./terminal.js";

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
<main class="${hosts.length > 8 ? "big" : hosts.length > 3 ? "some" : "few"}">
${findings(json)}
<section class="card picture"><h2>Connections</h2>
<p>Weave's connection between each pair of hosts; a line is whole when containers at both ends reach each other.</p>
${picture(json)}
<p class="legend"><span class="good">▬ carries everything</span> <span class="bad">╍ does not</span> <span class="off">┈ not tested</span></p></section>
<section class="card checks"><h2>Checks</h2>${grid(json)}</section>
<section class="card"><h2>Multicast loss</h2>
<p>Each host in turn sends ${json.matrices.multicast.sent} datagrams to 224.2.2.3:54327, all others listen.</p>
${lossMap(json)}</section>
<section class="card"><h2>Ping</h2><p>Average round trip between containers, by weave.local name.</p>${pingMap(json)}</section>
<section class="card"><h2>Datagram size</h2><p>The largest UDP payload that passes between containers in one piece.</p>${mtuMap(json)}</section>
<section class="card wide"><h2>Hosts</h2>${hostTable(json)}</section>
</main>
<footer>${text(new Date(json.time).toUTCString())} · took ${json.seconds.toFixed(1)} s · ${hosts.length} ${hosts.length === 1 ? "host" : "hosts"}</footer>
</body>
</html>
`;
}

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const text = (raw: string | number) => String(raw).replace(/[&<>"']/g, (one) => escapes[one] ?? one);

const mark = (status: VerifyJson["status"]) => ({ healthy: "✓", unhealthy: "✗", unknown: "?" })[status];

const failuresOf = ({ checks: verdicts }: VerifyJson) => verdicts.filter(({ status }) => status === "failed");

function lead(json: VerifyJson): string {
  const failures = failuresOf(json);
  const away = json.hosts.filter(({ status }) => status === "unknown").map(({ name }) => name);
  const not = away.length > 0 ? ` ${text(away.join(", "))} could not be asked.` : "";
  if (failures.length === 0) {
    return away.length > 0
      ? `Nothing is known to be wrong.${not}`
      : "Every host sees the cluster as the cluster file describes it, and its containers reach each other.";
  }
  const sick = [...new Set(failures.map(({ host }) => host))];
  return `${failures.length} ${failures.length === 1 ? "fault" : "faults"}, on ${text(sick.join(", "))}.${not}`;
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
  const away = json.hosts.flatMap(({ name, address, unreachable }) =>
    unreachable === undefined
      ? []
      : [
          `<li class="unknown"><h3><b>${text(name)}</b> ${text(address)}</h3><p>Could not be asked: ${text(unreachable)}</p></li>`,
        ],
  );
  const failed = failuresOf(json).map((failure) => {
    const { host, check, found, needed = "", fix = "" } = failure;
    const follow = json.checks
      .filter((other) => other.host === host && other.status === "follows" && other.because === check)
      .map((other) => other.check);
    return `<li><h3><b>${text(host)}</b> ${check}</h3><p>${text(found)}</p>
<dl><dt>needed</dt><dd>${text(needed)}</dd><dt>fix</dt><dd><code>${text(fix)}</code></dd>${
      follow.length > 0 ? `<dt>so also</dt><dd>${follow.join(", ")}</dd>` : ""
    }</dl></li>`;
  });
  const all = [...failed, ...away];
  return all.length > 0
    ? `<section class="wide"><h2 class="quiet">What is wrong</h2><ul class="findings">${all.join("")}</ul></section>`
    : "";
}

type Pair = "good" | "bad" | "off";

/** All that was seen between two hosts, in both directions. */
function pairState({ matrices }: VerifyJson, a: string, b: string): Pair {
  const both = <T>(matrix: Matrix<T>, well: (value: T) => boolean) =>
    [matrix[a]?.[b], matrix[b]?.[a]].flatMap((value) => (value === undefined ? [] : [well(value as T)]));
  const ways = both(matrices.connections, (state) => state.startsWith("established"));
  const carried = [
    ...both(matrices.pingMs, (ms) => ms !== null),
    ...both(matrices.tcp, (well) => well),
    ...both(matrices.multicast.received, (count) => count >= 0.95 * matrices.multicast.sent),
  ];
  if ([...ways, ...carried].includes(false)) return "bad";
  return carried.length === 0 ? "off" : "good";
}

function picture(json: VerifyJson): string {
  const { hosts, matrices } = json;
  const count = hosts.length;
  const [width, height] = count <= 8 ? [600, count <= 2 ? 220 : 440] : [760, 700];
  const node = count <= 8 ? 46 : Math.max(9, Math.min(34, 780 / count));
  const [rx, ry] =
    count <= 8 ? [width / 2 - node - 40, height / 2 - node - 50] : [width / 2 - node - 76, height / 2 - node - 76];
  const spot = hosts.map((_, i) => {
    const angle = (2 * Math.PI * i) / count - Math.PI / 2 + (count === 2 ? Math.PI / 2 : 0);
    const lone = count === 1 ? 0 : 1;
    return {
      x: width / 2 + lone * rx * Math.cos(angle),
      y: height / 2 + (count === 3 ? 40 : 0) + lone * ry * Math.sin(angle),
    };
  });
  const place = (i: number) => spot[i] ?? { x: 0, y: 0 };
  const tally = { good: 0, bad: 0, off: 0 };
  const lines: string[] = [];
  const labels: string[] = [];
  for (const [i, one] of hosts.entries()) {
    for (const [j, other] of hosts.entries()) {
      if (j <= i) continue;
      const state = pairState(json, one.name, other.name);
      tally[state]++;
      const [from, to] = [place(i), place(j)];
      lines.push(
        `<line class="${state}" x1="${from.x.toFixed(1)}" y1="${from.y.toFixed(1)}" x2="${to.x.toFixed(1)}" y2="${to.y.toFixed(1)}"/>`,
      );
      const ms = matrices.pingMs[one.name]?.[other.name];
      if (count <= 4) {
        // Off the middle, where the lines of four hosts cross.
        const [x, y] = [from.x + (to.x - from.x) * 0.42, from.y + (to.y - from.y) * 0.42];
        const words = state === "bad" ? "✗" : typeof ms === "number" ? `${ms.toFixed(1)} ms` : "";
        if (words !== "") {
          const half = 8 + words.length * 5.2;
          labels.push(
            `<g class="label ${state}"><rect x="${(x - half).toFixed(1)}" y="${(y - 15).toFixed(1)}" width="${(2 * half).toFixed(1)}" height="30" rx="15"/><text x="${x.toFixed(1)}" y="${(y + 6).toFixed(1)}">${words}</text></g>`,
          );
        }
      }
    }
  }
  // Trouble is drawn last, over what is well.
  lines.sort((a, b) => Number(a.includes('class="bad"')) - Number(b.includes('class="bad"')));
  const nodes = hosts.map(({ name, address, status }, i) => {
    const { x, y } = place(i);
    const fits = count <= 8;
    const inside = fits && name.length <= 8;
    const size = inside ? Math.min(24, 120 / name.length) : Math.min(20, node);
    const under = [...(inside ? [] : [name]), ...(fits ? [address] : [])];
    // Above the upper hosts and below the lower ones, where no line runs; around a large ring, outwards.
    const upper = count > 2 && y < height / 2 - node;
    const [cos, sin] = [(x - width / 2) / rx, (y - height / 2) / ry];
    const labels = under.map((line, k) => {
      const [lx, ly] = fits
        ? [x, upper ? y - node - 12 - 20 * (under.length - 1 - k) : y + node + 26 + 20 * k]
        : [x + cos * (node + 6), y + sin * (node + 12) + 5];
      const anchor = fits || Math.abs(cos) < 0.3 ? "middle" : cos > 0 ? "start" : "end";
      return `<text class="under ${anchor}" x="${lx.toFixed(1)}" y="${ly.toFixed(1)}" font-size="${fits ? 17 : 13}">${text(line)}</text>`;
    });
    return `<g class="host ${status}"><title>${text(name)} ${text(address)}: ${status}</title><circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${node.toFixed(1)}"/>
<text class="name" x="${x.toFixed(1)}" y="${(y + size / 3).toFixed(1)}" font-size="${size.toFixed(1)}">${inside ? text(name) : mark(status)}</text>${count <= 40 ? labels.join("") : ""}</g>`;
  });
  const said = `${count} hosts, ${tally.good} connections that carry everything, ${tally.bad} that do not, ${tally.off} not tested`;
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${said}"><g class="${count > 12 ? "many" : ""}">${lines.join("")}</g>${labels.join("")}${nodes.join("")}</svg>`;
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
  const looked = checkNames.filter((check) => verdicts.some((one) => one.check === check));
  const rows = looked.map((check) => {
    const cells = names.map((name) => {
      const verdict = verdicts.find((one) => one.host === name && one.check === check);
      const away = hosts.some((host) => host.name === name && host.unreachable !== undefined);
      if (verdict === undefined && !away) return "<td></td>";
      const status = verdict?.status ?? "unknown";
      const [sign, words] = marks[status];
      return `<td class="${status}" title="${text(verdict?.found ?? words)}"><span aria-hidden="true">${sign}</span><span class="sr">${words}</span></td>`;
    });
    return `<tr><th scope="row">${check}<small>${text(checks[check].title)}</small></th>${cells.join("")}</tr>`;
  });
  return scroll(
    "Checks by host",
    `<table class="grid"><thead><tr><td></td>${names.map((name) => `<th scope="col">${text(name)}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`,
  );
}

/** A wide table moves by itself, not the page; the keyboard can move it too. */
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
  if (values(matrix).length === 0) return `<p class="none">Not tested.</p>`;
  const body = names.map((from) => {
    const cells = names.map((to) => {
      const value = matrix[from]?.[to];
      if (from === to) return `<td class="self"></td>`;
      if (value === undefined) return `<td class="off" title="${text(from)} to ${text(to)}: not tested">–</td>`;
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
  const { sent, received } = json.matrices.multicast;
  return heatMap(json, ["Multicast loss", "sender", "receiver"], received, (count) => {
    const loss = 1 - count / sent;
    return { words: `${percent(loss)} %`, heat: loss > 0.05 ? -1 : loss * 20 };
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
  const found = (host: string, check: Verdict["check"]) => {
    const verdict = verdicts.find((one) => one.host === host && one.check === check);
    return text(verdict?.status === "ok" ? verdict.found : "–");
  };
  const columns = ["leader", "weave", "ipam", "proxy", "swarm", "versions"] as const;
  const rows = hosts.map(({ name, address, consul, manager, agent, status }) => {
    const roles = [`Consul ${consul}`, ...(manager ? ["Swarm manager"] : []), ...(agent ? ["agent"] : [])].join(", ");
    return `<tr><th scope="row"><span class="dot ${status}" role="img" aria-label="${status}"></span> ${text(name)}<small>${text(address)}</small></th><td>${roles}</td>${columns
      .map((check) => `<td data-label="${check}">${found(name, check)}</td>`)
      .join("")}</tr>`;
  });
  const head = ["host", "roles", ...columns].map((one) => `<th scope="col">${one}</th>`).join("");
  return scroll("Hosts", `<table class="hosts"><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`);
}

const style = `
:root{--page:#f5f6f8;--card:#fff;--ink:#171b24;--soft:#5b6475;--line:#dfe3ea;--good:#12805c;--good-soft:#d8f0e5;--bad:#c2273a;--bad-soft:#fbe1e4;--warn:#8a5a00;--warn-soft:#fdeecb;--warm:#e8a33d;--glow:#0f9b6c}
@media (prefers-color-scheme:dark){:root{--page:#0f131a;--card:#171d27;--ink:#e8ecf3;--soft:#9aa5b8;--line:#2a3342;--good:#4cd6a0;--good-soft:#12392c;--bad:#ff7d8b;--bad-soft:#46202a;--warn:#f3c264;--warn-soft:#40321a;--warm:#c98a2b;--glow:#38c792}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%}
header,main,footer{max-width:1160px;margin:0 auto;padding:0 20px}
header{padding-top:36px;padding-bottom:20px}
.eyebrow{margin:0;color:var(--soft);font-size:.8rem;letter-spacing:.09em;text-transform:uppercase}
h1{margin:.1em 0;font-size:clamp(2rem,6vw,3.2rem);line-height:1.15;letter-spacing:-.02em;display:flex;flex-wrap:wrap;gap:.1em .4em;align-items:center}
.state{font-size:.42em;letter-spacing:0;padding:.3em .9em;border-radius:99px;font-weight:650;white-space:nowrap}
.healthy .state{background:var(--good-soft);color:var(--good)}.unhealthy .state{background:var(--bad-soft);color:var(--bad)}.unknown .state{background:var(--warn-soft);color:var(--warn)}
.lead{margin:.2em 0 1.1em;color:var(--soft);font-size:1.1rem;max-width:46em}
.numbers{display:grid;grid-template-columns:repeat(4,1fr);gap:14px;margin:0}
.numbers div{border-top:2px solid var(--line);padding-top:8px}
.numbers dt{color:var(--soft);font-size:.85rem}.numbers dd{margin:0;font-size:1.7rem;font-weight:650;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.numbers small{font-size:.55em;font-weight:450;color:var(--soft)}
main{display:grid;grid-template-columns:repeat(6,minmax(0,1fr));gap:18px}
main>section{grid-column:span 3}main>.checks{grid-row:span 2}main>.wide{grid-column:1/-1}
.card{background:var(--card);border:1px solid var(--line);border-radius:16px;padding:18px 20px;min-width:0}
h2{font-size:1.05rem;margin:0 0 .2em}h2.quiet{margin:.2em 0 .6em}
.card>p{margin:0 0 .8em;color:var(--soft);font-size:.9rem}
svg{display:block;width:100%;height:auto;max-height:520px}
line{stroke-width:5;stroke-linecap:round}line.good{stroke:var(--glow)}line.bad{stroke:var(--bad);stroke-dasharray:3 13}line.off{stroke:var(--line);stroke-dasharray:2 10}
.many line{stroke-width:1.6}.many line.good{opacity:.35}.many line.bad{stroke-width:2.6;stroke-dasharray:4 6}
.label rect{fill:var(--card);stroke:var(--line)}.label.bad rect{stroke:var(--bad)}.label text{fill:var(--ink);font-size:17px;text-anchor:middle;font-variant-numeric:tabular-nums}.label.bad text{fill:var(--bad);font-weight:700}
.host circle{fill:var(--card);stroke:var(--glow);stroke-width:5}.host.unhealthy circle{stroke:var(--bad);fill:var(--bad-soft)}.host.unknown circle{stroke:var(--warn);fill:var(--warn-soft);stroke-dasharray:7 6}
.host text{text-anchor:middle;paint-order:stroke;fill:var(--ink)}.host .name{font-weight:650}.host .start{text-anchor:start}.host .end{text-anchor:end}.host .under{fill:var(--soft);stroke:var(--card);stroke-width:5px;stroke-linejoin:round}
.legend{display:flex;flex-wrap:wrap;gap:2px 18px;margin:.6em 0 0!important}.good{color:var(--good)}.bad{color:var(--bad)}.off{color:var(--soft)}
.scroll{overflow-x:auto;margin:0 -6px;padding:0 6px;border-radius:8px}.scroll:focus-visible{outline:2px solid var(--glow)}
table{border-collapse:separate;border-spacing:0;width:100%;font-variant-numeric:tabular-nums}
th{font-weight:600;text-align:left}th small{display:block;color:var(--soft);font-weight:400;font-size:.8rem;line-height:1.25}
.grid th[scope=row]{padding:4px 8px 4px 0;border-top:1px solid var(--line)}.grid td{width:44px;text-align:center;border-top:1px solid var(--line);font-weight:700;padding:0 4px}
.grid thead th{white-space:nowrap}.grid thead th,.grid thead td{text-align:center;border:0;padding:0 4px 4px}
.grid .ok{color:var(--good)}.grid .failed{color:#fff;background:var(--bad)}.grid .follows{color:var(--bad);background:var(--bad-soft)}.grid .unknown{color:var(--warn);background:var(--warn-soft)}
@media (prefers-color-scheme:dark){.grid .failed{color:#1b0d10}}
.heat{border-spacing:4px;table-layout:fixed}.heat caption{caption-side:bottom;text-align:left;color:var(--soft);font-size:.8rem;padding:4px}
.heat thead td{height:auto}.heat th{font-size:.9rem;text-align:center;overflow:hidden;text-overflow:ellipsis}.heat th[scope=row]{text-align:right;padding-right:4px}
.heat td{height:52px;text-align:center;border-radius:10px;font-size:.95rem;background:color-mix(in oklab,var(--warm) calc(var(--heat,0)*75%),var(--good-soft))}
.heat thead td,.heat .self{background:none}.heat .off{background:none;color:var(--soft);border:1px dashed var(--line)}.heat .wrong{background:var(--bad);color:#fff;font-weight:700}
.heat .self{background:repeating-linear-gradient(135deg,var(--line) 0 1px,transparent 1px 8px)}
@media (prefers-color-scheme:dark){.heat .wrong{color:#1b0d10}}
.heat.small{border-spacing:2px;table-layout:auto}.heat.small td{height:24px;font-size:.68rem;border-radius:4px;min-width:26px}.heat.small th{font-size:.68rem}
.hosts th[scope=row]{white-space:nowrap}.hosts td,.hosts th{padding:8px 14px 8px 0;vertical-align:top;font-size:.92rem}.hosts tbody td,.hosts tbody th{border-top:1px solid var(--line)}.hosts thead th{color:var(--soft);font-weight:450;font-size:.82rem}
.dot{display:inline-block;width:.62em;height:.62em;border-radius:50%;background:var(--glow)}.dot.unhealthy{background:var(--bad)}.dot.unknown{background:none;border:2px solid var(--warn)}
.findings{list-style:none;margin:0;padding:0;display:grid;gap:12px;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr))}
.findings li{background:var(--card);border:1px solid var(--line);border-left:6px solid var(--bad);border-radius:14px;padding:14px 18px;min-width:0;overflow-wrap:anywhere}.findings li.unknown{border-left-color:var(--warn)}
.findings h3{margin:0;font-size:1rem;font-weight:450;color:var(--soft)}.findings h3 b{color:var(--ink);font-size:1.15rem}.findings p{margin:.3em 0 .6em;font-weight:600}
.findings dl{display:grid;grid-template-columns:auto 1fr;gap:4px 12px;margin:0;font-size:.92rem}.findings dt{color:var(--soft)}.findings dd{margin:0}
code{font:.92em/1.45 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
.none{color:var(--soft)}.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
footer{padding-top:22px;padding-bottom:36px;color:var(--soft);font-size:.88rem}
.some .grid small{display:none}.big>section{grid-column:1/-1}.big .grid td{width:auto;min-width:22px;padding:0}.big thead th{writing-mode:vertical-rl;transform:rotate(180deg);text-align:left;white-space:nowrap;padding:4px 0!important;font-size:.72rem}.big .hosts thead th{writing-mode:inherit;transform:none;font-size:.82rem}.big .heat th{white-space:nowrap}.big svg{max-height:760px}
@media (max-width:900px){main{grid-template-columns:minmax(0,1fr)}main>section{grid-column:1!important}.numbers{grid-template-columns:repeat(2,1fr)}}
@media (max-width:560px){header,main,footer{padding-left:14px;padding-right:14px}.card{padding:16px 14px}
.hosts thead{position:absolute;clip-path:inset(50%);height:1px;overflow:hidden}.hosts tr,.hosts th[scope=row]{white-space:nowrap}.hosts td,.hosts th{display:block}.hosts tbody td{border:0;padding:0 0 2px}.hosts tbody tr{border-top:1px solid var(--line);padding-bottom:10px}.hosts tbody th{border:0;padding:10px 0 4px}.hosts td[data-label]::before{content:attr(data-label) " ";color:var(--soft)}}
@media print{.card,.findings li{break-inside:avoid}}
`;
