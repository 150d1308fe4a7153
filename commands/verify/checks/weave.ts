/** Weave Net: its connections, its address ranges, its proxy. */
import type { InventoryHost } from "../../../cluster/inventory.js";
import { peerName } from "../../../cluster/model.js";
import { ports } from "../../../cluster/ports.js";
import { lastLine } from "../../../ssh/explain.js";
import { plural } from "../../shared/findings.js";
import type { Complaint } from "../blame.js";
import type { Evidence } from "../evidence.js";
import { parseWeaveReport, type WeaveReport } from "../parsers.js";
import { textOf, whyFailed } from "../sections.js";
import { connectionsTo, isEstablished } from "../weave-connections.js";
import {
  type Check,
  complainOfPairs,
  complaintOfItself,
  inNetwork,
  inViews,
  isMember,
  restart,
  type Sight,
  unless,
  whyInactive,
} from "./check.js";

const peers = ports.weavePeers.number;
const fastDatapath = ports.weaveFastDatapath.number;

export const weave = {
  name: "weave",
  title: "Weave connections between all pairs",
  doc: "a connection to every other host is established, encrypted where the cluster file says so, and carries datagrams; no other peers",
  after: ["engine", "firewall"],
  needed: "an established connection between every pair of hosts, and no other peers",
  fix: (host, evidence, complaints) => {
    if (!isMember(evidence, host)) {
      return "stop Weave on it; then weave rmpeer its name on exactly one host";
    }
    const own = complaints.some(({ by, about }) => by === host && about === host);
    return own
      ? `${restart("weave", host)}; if deploys fail on its proxy: scripts/recover`
      : letWeaveThrough(host, evidence);
  },
  observe: inViews(["unit-weave", "weave-report"], (host, said, evidence) =>
    unless(whyInactive("weave", said("unit-weave")) ?? whyFailed(said("weave-report")), host, () =>
      withReport(host, said("weave-report").text, (report) => connections(evidence, host, report)),
    ),
  ),
  further: [
    {
      needed: `connections that carry datagrams: UDP ${peers}, and ${fastDatapath} for the fast datapath`,
      fix: letWeaveThrough,
      observe: inNetwork(["weave-report"], (network, evidence) => ({
        seen: new Map(),
        complaints: complainOfPairs(network, (from, to, { ping }) =>
          ping?.received === 0 && isEstablished(evidence, from, to)
            ? "Weave's connection is established, but no datagram passes"
            : undefined,
        ).map((complaint) => withRule(evidence, complaint)),
      })),
    },
  ],
  inHostTable: true,
  transcript: { section: "weave-status", command: "weave status" },
} as const satisfies Check;

export const ipam = {
  name: "ipam",
  title: "Weave address ranges owned by living peers",
  doc: "all address ranges are owned by living peers of the cluster",
  after: ["weave"],
  needed: "ranges owned by the cluster's peers alone",
  fix: (host, evidence) =>
    isMember(evidence, host) ? restart("weave", host) : `on exactly one host: weave rmpeer ${host}`,
  observe: inViews(["weave-report"], (host, said, evidence) =>
    unless(whyFailed(said("weave-report")), host, () =>
      withReport(host, said("weave-report").text, (report) => ranges(evidence, host, report)),
    ),
  ),
  inHostTable: true,
} as const satisfies Check;

export const proxy = {
  name: "proxy",
  title: "Weave proxy answers the Docker API",
  doc: "Weave's proxy answers the Docker API",
  after: ["weave", "tls"],
  needed: `the Docker API on port ${ports.weaveProxy.number}`,
  fix: (host) =>
    `scripts/recover restarts Weave on ${host}, or lets Terraform go on without its proxy; then deploy; on ${host}: journalctl -u weave -n 30`,
  observe: inViews(["proxy"], (host, said) =>
    unless(whyFailed(said("proxy")), host, () => ({ seen: `engine ${lastLine(said("proxy").text)}`, complaints: [] })),
  ),
  inHostTable: true,
} as const satisfies Check;

/** How to let Weave's traffic through to and from a host. */
export function letWeaveThrough(host: string, evidence: Pick<Evidence, "views">): string {
  const rules = droppingRules(evidence, host);
  return rules.length > 0
    ? `on ${host}: ${rules.map((rule) => `iptables ${rule.replace(/^-A/, "-D")}`).join("; ")}`
    : `open ${peers}/tcp and ${peers}-${fastDatapath}/udp to and from ${host}; iptables-save and nft list ruleset show what blocks them`;
}

/** The rules on a host that drop Weave's datagrams. Weave has rules of its own, which keep local containers out. */
function droppingRules({ views }: Pick<Evidence, "views">, host: string): string[] {
  const lines = textOf(views, host, "firewall").split("\n");
  return lines.filter((line) => /^-A .*-p udp /.test(line) && !/ -i docker0 | -d 127\.0\.0\.1/.test(line));
}

/** A rule that drops Weave's traffic explains what does not pass on its host. */
function withRule(evidence: Evidence, complaint: Complaint): Complaint {
  for (const host of [complaint.by, complaint.about]) {
    const [rule] = droppingRules(evidence, host);
    if (rule) {
      return { by: host, about: host, found: `${complaint.found}: this host has the rule ${rule}` };
    }
  }
  return complaint;
}

function withReport(host: InventoryHost, text: string, look: (report: WeaveReport) => Sight): Sight {
  const report = parseWeaveReport(text);
  return report ? look(report) : complaintOfItself(host, "weave report is not JSON");
}

function connections(
  { inventory: { hosts, absent, settings } }: Evidence,
  self: InventoryHost,
  report: WeaveReport,
): Sight {
  const encrypted = settings.security?.weaveEncryption === true;
  const others = hosts.filter(({ name }) => name !== self.name);
  const missing = others.flatMap((other) => {
    const between = connectionsTo(report, other);
    const established = between.filter(({ state }) => state === "established");
    if (established.length > 0) {
      return established.every((one) => one.encrypted === encrypted)
        ? []
        : [
            {
              about: other.name,
              found: encrypted ? "is connected without encryption" : "is connected with encryption",
            },
          ];
    }
    const [first] = between;
    const state = first ? `: ${first.state} ${withoutRetry(first.detail)}` : "";
    return [{ about: other.name, found: `no Weave connection${state}` }];
  });
  const own = new Set([...hosts, ...absent].map(({ address }) => peerName(address)));
  const strangers = report.peers
    .filter(({ name }) => !own.has(name))
    .map(({ name, nickname }) => ({
      about: name,
      found: `is a Weave peer (${nickname}), but not in the cluster file`,
    }));
  const ways = [...new Set(report.connections.map(({ detail }) => detail.split(" ")[0]))].filter(Boolean).join(", ");
  return {
    seen: `${plural(others.length - missing.length, "connection")}${ways ? ` by ${ways}` : ""}${encrypted ? ", encrypted" : ""}`,
    complaints: [...missing, ...strangers],
  };
}

/** Without what differs between the two ends and from one moment to the next. */
function withoutRetry(detail: string): string {
  return detail
    .replace(/, retry: .*$/, "")
    .replace(/ mtu=\d+/, "")
    .replace(/dial tcp [\d.]+:\d+->/, "dial tcp ");
}

function ranges(
  { inventory: { hosts, absent } }: Evidence,
  self: InventoryHost,
  { ipam: { owners, ...own } }: WeaveReport,
): Sight {
  const total = owners.reduce((sum, { addresses }) => sum + addresses, 0);
  const mine = owners.find(({ peer }) => peer === peerName(self.address))?.addresses ?? 0;
  const share = (addresses: number) => `${Math.round((100 * addresses) / Math.max(total, 1))} %`;
  const lost = owners.flatMap(({ peer, nickname, addresses, known }) => {
    const host = hosts.find(({ address }) => peerName(address) === peer);
    if ((host && known) || absent.some(({ address }) => peerName(address) === peer)) {
      return [];
    }
    const why = host ? "is no longer a peer" : `is not in the cluster file (${nickname})`;
    return [{ about: host?.name ?? peer, found: `owns ${share(addresses)} of the containers' addresses, but ${why}` }];
  });
  const stuck = own.state === "awaiting consensus" || own.state === "waiting for addresses";
  return {
    // Weave allocates ranges when the first container asks for an address.
    seen: own.state === "idle" ? `idle, ${own.range}` : `${share(mine)} of ${own.range}`,
    complaints: [...(stuck ? [{ about: self.name, found: `Weave's address allocator is ${own.state}` }] : []), ...lost],
  };
}
