/** With TLS: what the Docker API and Consul's servers of each host show, and how long it is valid. */
import type { InventoryHost } from "../../../cluster/inventory.js";
import { type CertificateFacts, daysLeft, factsOf, renewalDays } from "../../../cluster/pki.js";
import { ports } from "../../../cluster/ports.js";
import { plural } from "../../shared/findings.js";
import { whyFailed } from "../sections.js";
import { type Check, complaintOfItself, inViews, type Sight, unless } from "./check.js";

export const certificates = {
  name: "tls",
  title: "Docker API and Consul with TLS alone (security.dockerTls, security.consulTls)",
  doc: `with \`security.dockerTls\`: Weave's proxy and Swarm's manager show the host's certificate of the cluster file's folder; with \`security.consulTls\`: Consul's agent has it, and a server shows it; no certificate ends today; fewer than ${renewalDays} days left are said`,
  after: ["proxy", "swarm"],
  needed: "the host's own certificate shown, which is valid",
  fix: () => "scripts/pki, commit what it changes, and deploy",
  observe: (evidence) => {
    const docker = evidence.inventory.operator !== undefined;
    const consul = evidence.inventory.settings.security?.consulTls === true;
    const look = inViews(["certificates"], (host, said) =>
      unless(whyFailed(said("certificates")), host, () => shown(host, { docker, consul }, said("certificates").text)),
    );
    return docker || consul ? look(evidence) : undefined;
  },
} as const satisfies Check;

/** What is served with TLS. */
interface Secured {
  readonly docker: boolean;
  readonly consul: boolean;
}

/** The certificates of a section's text, by the line in front of each. */
function certificatesIn(text: string): Map<string, CertificateFacts> {
  const parts = text.matchAll(
    /^(served \d+|agent|own|authority)\n(-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----)/gm,
  );
  return new Map([...parts].map(([, name = "", pem = ""]) => [name, factsOf(pem)]));
}

/** Who has to show the host's certificate, and where that stands in the section. */
const showing = (host: InventoryHost, { docker, consul }: Secured): (readonly [who: string, where: string])[] => [
  ...(docker ? [["Weave's proxy", `served ${ports.weaveProxy.number}`] as const] : []),
  ...(docker && host.manager ? [["Swarm's manager", `served ${ports.swarmManager.number}`] as const] : []),
  ...(consul ? [["Consul's agent", "agent"] as const] : []),
  ...(consul && host.consul === "server" ? [["Consul's server", `served ${ports.consulServer.number}`] as const] : []),
];

function shown(host: InventoryHost, secured: Secured, text: string): Sight {
  const [, time] = /^time (\d+)$/m.exec(text) ?? [];
  if (time === undefined) {
    const open = [...(secured.docker ? ["the Docker API"] : []), ...(secured.consul ? ["Consul"] : [])].join(" and ");
    return complaintOfItself(host, `serves ${open} to everybody, without TLS`);
  }
  const found = certificatesIn(text);
  const others = showing(host, secured).flatMap(([who, where]) => {
    const certificate = found.get(where);
    if (certificate === undefined) {
      return [`${who} shows no certificate`];
    }
    const same = certificate.key === host.certificate?.key && certificate.until === host.certificate.until;
    return same ? [] : [`${who} shows another certificate than pki/ has`];
  });
  const all = [["certificate", found.get("own")] as const, ["authority", found.get("authority")] as const];
  const days = all.flatMap(([name, one]) => (one ? [{ name, left: daysLeft(one, Number(time)) }] : []));
  const ended = days.filter(({ left }) => left < 1).map(({ name }) => `the ${name} has ended, or ends today`);
  const faults = [...others, ...ended];
  if (faults.length > 0) {
    return complaintOfItself(host, faults.join("; "));
  }
  const soon = days.some(({ left }) => left < renewalDays) ? ": run scripts/pki" : "";
  return {
    seen: `${days.map(({ name, left }) => `${name} ${plural(left, "day")}`).join(", ")}${soon}`,
    complaints: [],
  };
}
