/** With TLS: what the Docker API and Consul of each host show, and how long it is valid. */
import { join } from "node:path";
import type { InventoryHost } from "../../../cluster/inventory.js";
import { type CertificateFacts, daysLeft, factsOf, renewalDays } from "../../../cluster/pki.js";
import { ports } from "../../../cluster/ports.js";
import { lateRenewal, type OperatorCertificate, renewal, timeFault } from "../../shared/certificates.js";
import { plural, showDuration } from "../../shared/findings.js";
import { limitSeconds } from "../deadline.js";
import type { Evidence } from "../evidence.js";
import { succeeded, whyFailed } from "../sections.js";
import { type Check, complaintOfItself, inViews, type Sight, thisMachine, unless } from "./check.js";

/** Seconds by which a host's clock may differ from this machine's, beside the time that it has for its answer. */
const tolerance = 300;

export const certificates = {
  name: "tls",
  title: "Docker API and Consul with TLS alone (security.dockerTls, security.consulTls)",
  doc: `with \`security.dockerTls\`: Weave's proxy and Swarm's manager show the host's certificate of the cluster file's folder; with \`security.consulTls\`: Consul's agent has it, and a server shows it; that one, the authority's and this machine's own are valid, by clocks that agree, and do not end today; fewer than ${renewalDays} days left are said`,
  after: ["weave"],
  needed: "the host's own certificate shown, which is valid",
  fix: (_, __, complaints) => {
    const found = complaints.map((one) => one.found).join();
    if (/\bclock\b/.test(found)) {
      return setClock;
    }
    return found.includes("has ended") ? lateRenewal : renewal;
  },
  observe: (evidence) =>
    secured(evidence).length === 0
      ? undefined
      : inViews(["certificates"], (host, said) =>
          unless(whyFailed(said("certificates")), host, () => shown(host, said("certificates").text, evidence)),
        )(evidence),
  further: [
    {
      needed: "this machine's own key and certificate, valid: Terraform and scripts/swarm come with it",
      fix: () => "scripts/pki on this machine",
      observe: ({ operator, inventory, time }) => {
        const fault = operator && operatorEnds(operator, time);
        const path = join(inventory.operator ?? "", "cert.pem");
        const complaint = { by: thisMachine, about: thisMachine, found: `${path} ${fault}` };
        return fault === undefined ? undefined : { seen: new Map(), complaints: [complaint] };
      },
    },
  ],
} as const satisfies Check;

/** What is served with TLS alone, in the field's words. */
const secured = ({ inventory: { operator, settings } }: Evidence): string[] => [
  ...(operator === undefined ? [] : ["the Docker API"]),
  ...(settings.security?.consulTls ? ["Consul"] : []),
];

const setClock = "timedatectl set-ntp true where the clock is wrong, on this machine or on the host";

const operatorEnds = (operator: OperatorCertificate, time: Date): string | undefined => {
  if ("fault" in operator) {
    return operator.fault;
  }
  return daysLeft(operator.own, time.getTime() / 1000) < 1 ? "ends today" : undefined;
};

/** The certificates of a section's text, by the line in front of each. */
function certificatesIn(text: string): Map<string, CertificateFacts> {
  const parts = text.matchAll(
    /^(served \d+|agent|own|authority)\n(-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----)/gm,
  );
  return new Map([...parts].map(([, name = "", pem = ""]) => [name, factsOf(pem)]));
}

function shown(host: InventoryHost, text: string, evidence: Evidence): Sight {
  const [, time] = /^time (\d+)$/m.exec(text) ?? [];
  if (time === undefined) {
    return complaintOfItself(host, `serves ${secured(evidence).join(" and ")} to everybody, without TLS`);
  }
  const now = Number(time);
  const found = certificatesIn(text);
  const valid = [
    ["certificate", found.get("own")],
    ["authority", found.get("authority")],
  ] as const;
  const faults = [
    ...clockFaults(now, evidence.time.getTime() / 1000),
    ...servedFaults(host, found, evidence),
    ...valid.flatMap(([name, one]) => (one ? timeFaults(name, one, now) : [])),
  ];
  if (faults.length > 0) {
    return complaintOfItself(host, faults.join("; "));
  }
  const operator = evidence.operator && "own" in evidence.operator ? evidence.operator.own : undefined;
  const days = [valid[0], ["operator", operator] as const, valid[1]].flatMap(([name, one]) =>
    one ? [{ name, left: daysLeft(one, now) }] : [],
  );
  return {
    seen: days.map(({ name, left }) => `${name} ${plural(left, "day")}`).join(", "),
    complaints: [],
    ...(days.some(({ left }) => left < renewalDays) && { advice: renewal }),
  };
}

/** A host whose clock is off takes certificates for ended that are not, or the other way round. */
function clockFaults(now: number, here: number): string[] {
  const ahead = now - here;
  return ahead > limitSeconds + tolerance || ahead < -tolerance
    ? [`the clock is ${showDuration(Math.abs(ahead))} ${ahead > 0 ? "ahead of" : "behind"} this machine's`]
    : [];
}

/** Who has to show the host's certificate, where that stands in the section, and what says that it is there to do so. */
const showing = ({ manager, consul }: InventoryHost, { inventory: { operator, settings } }: Evidence) =>
  (
    [
      { who: "Weave's proxy", where: `served ${ports.weaveProxy.number}`, answer: "proxy", on: operator !== undefined },
      {
        who: "Swarm's manager",
        where: `served ${ports.swarmManager.number}`,
        answer: "swarm-info",
        on: operator !== undefined && manager,
      },
      { who: "Consul's agent", where: "agent", answer: "unit-consul", on: settings.security?.consulTls },
      {
        who: "Consul's server",
        where: `served ${ports.consulServer.number}`,
        answer: "consul-members",
        on: settings.security?.consulTls && consul === "server",
      },
    ] as const
  ).filter(({ on }) => on);

/** Who answers nobody has another fault, which another check finds. */
const servedFaults = (
  host: InventoryHost,
  found: ReadonlyMap<string, CertificateFacts>,
  evidence: Evidence,
): string[] =>
  showing(host, evidence).flatMap(({ who, where, answer }) => {
    const shows = found.get(where);
    if (shows === undefined) {
      return succeeded(evidence.views, host.name, answer) ? [`${who} shows no certificate`] : [];
    }
    const same = shows.key === host.certificate?.key && shows.until === host.certificate.until;
    return same ? [] : [`${who} shows another certificate than pki/ has`];
  });

function timeFaults(name: string, one: CertificateFacts, now: number): string[] {
  if (now < one.from) {
    return [`the ${name} ${timeFault(one, now, "the host's clock")?.found}`];
  }
  return daysLeft(one, now) < 1 ? [`the ${name} has ended, or ends today`] : [];
}
