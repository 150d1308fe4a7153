/** The picture of the hosts and the connections between them, as SVG. */

import { plural } from "../../shared/findings.js";
import type { VerifyJson } from "./json.js";
import { mark, text } from "./markup.js";

export type PairState = "good" | "bad" | "off";
type Host = VerifyJson["hosts"][number];

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Where everything goes, for a number of hosts. */
interface Layout {
  readonly count: number;
  readonly width: number;
  readonly height: number;
  /** Radius of a host's circle. */
  readonly node: number;
  /** Of the ellipse on which the hosts stand. */
  readonly radius: Point;
  /** Names and addresses fit beside the circles. */
  readonly roomy: boolean;
  /** The centres of the hosts' circles. */
  readonly places: readonly Point[];
}

export function networkPicture(json: VerifyJson, stateOf: (a: string, b: string) => PairState): string {
  const { hosts, matrices } = json;
  const layout = layoutOf(hosts.length);
  const tally = { good: 0, bad: 0, off: 0 };
  const lines: { readonly state: PairState; readonly svg: string }[] = [];
  const labels: string[] = [];
  for (const [i, one] of hosts.entries()) {
    for (const [j, other] of hosts.entries()) {
      if (j <= i) {
        continue;
      }
      const state = stateOf(one.name, other.name);
      tally[state]++;
      const [from, to] = [placeOf(layout, i), placeOf(layout, j)];
      lines.push({ state, svg: line(state, from, to) });
      if (layout.count <= 4) {
        labels.push(pairLabel(state, from, to, matrices.pingMs[one.name]?.[other.name]));
      }
    }
  }
  // What does not work is drawn last, over the rest.
  lines.sort((a, b) => Number(a.state === "bad") - Number(b.state === "bad"));
  const circles = hosts.map((host, i) => circle(host, placeOf(layout, i), layout));
  const said = `${plural(layout.count, "host")}; of the connections, ${tally.good} work, ${tally.bad} do not, ${tally.off} were not tested`;
  return `<svg viewBox="0 0 ${layout.width} ${layout.height}" role="img" aria-label="${said}"><g class="${layout.count > 12 ? "many" : ""}">${lines.map(({ svg }) => svg).join("")}</g>${labels.join("")}${circles.join("")}</svg>`;
}

function layoutOf(count: number): Layout {
  const roomy = count <= 8;
  const smallHeight = count <= 2 ? 220 : 440;
  const [width, height] = roomy ? [600, smallHeight] : [760, 700];
  const node = roomy ? 46 : Math.max(9, Math.min(34, 780 / count));
  const [besides, above] = roomy ? [40, 50] : [76, 76];
  const radius = { x: width / 2 - node - besides, y: height / 2 - node - above };
  const places = Array.from({ length: count }, (_, i) => {
    // Two hosts stand beside each other, more begin at the top.
    const angle = (2 * Math.PI * i) / count - (count === 2 ? 0 : Math.PI / 2);
    const away = count === 1 ? 0 : 1;
    return {
      x: width / 2 + away * radius.x * Math.cos(angle),
      y: height / 2 + (count === 3 ? 40 : 0) + away * radius.y * Math.sin(angle),
    };
  });
  return { count, width, height, node, radius, roomy, places };
}

const placeOf = ({ places }: Layout, i: number): Point => places[i] ?? { x: 0, y: 0 };

const line = (state: PairState, from: Point, to: Point) =>
  `<line class="${state}" x1="${from.x.toFixed(1)}" y1="${from.y.toFixed(1)}" x2="${to.x.toFixed(1)}" y2="${to.y.toFixed(1)}"/>`;

/** The round trip between two hosts, on their line; off its middle, where the lines of four hosts cross. */
function pairLabel(state: PairState, from: Point, to: Point, ms: number | null | undefined): string {
  const time = typeof ms === "number" ? `${ms.toFixed(1)} ms` : "";
  const words = state === "bad" ? "✗" : time;
  if (words === "") {
    return "";
  }
  const [x, y] = [from.x + (to.x - from.x) * 0.42, from.y + (to.y - from.y) * 0.42];
  const half = 8 + words.length * 5.2;
  return `<g class="label ${state}"><rect x="${(x - half).toFixed(1)}" y="${(y - 15).toFixed(1)}" width="${(2 * half).toFixed(1)}" height="30" rx="15"/><text x="${x.toFixed(1)}" y="${(y + 6).toFixed(1)}">${words}</text></g>`;
}

function circle({ name, address, status }: Host, place: Point, layout: Layout): string {
  const { count, node, roomy } = layout;
  const nameFits = roomy && name.length <= 8;
  const size = nameFits ? Math.min(24, 120 / name.length) : Math.min(20, node);
  const beside = [...(nameFits ? [] : [name]), ...(roomy ? [address] : [])];
  const labels = beside.map((words, k) => labelBeside(words, k, beside.length, place, layout));
  return `<g class="host ${status}"><title>${text(name)} ${text(address)}: ${status}</title><circle cx="${place.x.toFixed(1)}" cy="${place.y.toFixed(1)}" r="${node.toFixed(1)}"/>
<text class="name" x="${place.x.toFixed(1)}" y="${(place.y + size / 3).toFixed(1)}" font-size="${size.toFixed(1)}">${nameFits ? text(name) : mark(status)}</text>${count <= 40 ? labels.join("") : ""}</g>`;
}

/** Line `k` of a host's label, where no connection runs: above the upper hosts and below the lower, or outside the ring. */
function labelBeside(words: string, k: number, lines: number, { x, y }: Point, layout: Layout): string {
  const { count, width, height, node, radius, roomy } = layout;
  const [cos, sin] = [(x - width / 2) / radius.x, (y - height / 2) / radius.y];
  const upper = count > 2 && y < height / 2 - node;
  const above = y - node - 12 - 20 * (lines - 1 - k);
  const below = y + node + 26 + 20 * k;
  const [lx, ly] = roomy ? [x, upper ? above : below] : [x + cos * (node + 6), y + sin * (node + 12) + 5];
  const side = cos > 0 ? "start" : "end";
  const anchor = roomy || Math.abs(cos) < 0.3 ? "middle" : side;
  return `<text class="under ${anchor}" x="${lx.toFixed(1)}" y="${ly.toFixed(1)}" font-size="${roomy ? 17 : 13}">${text(words)}</text>`;
}
