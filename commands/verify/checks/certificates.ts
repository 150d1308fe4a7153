/** `security.dockerTls`: what proxy and manager of each host show, and how long it is valid. */
import type { InventoryHost } from "../../../cluster/inventory.js";
import { type CertificateFacts, daysLeft, factsOf, renewalDays } from "../../../cluster/pki.js";
import { ports } from "../../../cluster/ports.js";
import { plural } from "../../shared/findings.js";
import { whyFailed } from "../sections.js";
import { type Check, complaintOfItself, inViews, type Sight, unless } from "./check.js";

export const certificates = {
  name: "tls",
  title: "Docker API with TLS alone (security.dockerTls)",
  doc: `with \`security.dockerTls\`: Weave's proxy and Swarm's manager show the host's certificate of the cluster file's folder; no certificate ends today; fewer than ${renewalDays} days left are said`,
  after: ["proxy", "swarm"],
  needed: "the Docker API served with the host's own certificate, which is valid",
  fix: () => "scripts/pki, commit what it changes, and deploy",
  observe: (evidence) =>
    evidence.inventory.operator === undefined
      ? undefined
      : inViews(["certificates"], (host, said) =>
          unless(whyFailed(said("certificates")), host, () => shown(host, said("certificates").text)),
        )(evidence),
} as const satisfies Check;

/** The certificates of a section's text, by the line in front of each. */
function certificatesIn(text: string): Map<string, CertificateFacts> {
  const parts = text.matchAll(
    /^(served \d+|own|authority)\n(-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----)/gm,
  );
  return new Map([...parts].map(([, name = "", pem = ""]) => [name, factsOf(pem)]));
}

function shown(host: InventoryHost, text: string): Sight {
  const [, time] = /^time (\d+)$/m.exec(text) ?? [];
  if (time === undefined) {
    return complaintOfItself(host, "serves the Docker API to everybody, without TLS");
  }
  const found = certificatesIn(text);
  const served = [
    ["Weave's proxy", ports.weaveProxy.number] as const,
    ...(host.manager ? [["Swarm's manager", ports.swarmManager.number] as const] : []),
  ];
  const others = served.flatMap(([who, port]) => {
    const certificate = found.get(`served ${port}`);
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
