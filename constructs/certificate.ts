/** Every host has its certificate: it serves the Docker API with it, and its Consul agent shows it to the others. */
import type { TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import type { Cluster, Host } from "../cluster/model.js";
import type { StagedHost } from "./staged-host.js";
import { Step } from "./step.js";
import type { Swarm } from "./swarm.js";
import { Task } from "./task.js";
import { literal, sha256 } from "./text.js";

interface Sent {
  readonly authority: string;
  readonly own: string;
}

function certificateOf({ certificates }: Cluster, { name }: Host): Sent | undefined {
  const own = certificates?.hosts.get(name);
  return certificates && own !== undefined ? { authority: certificates.authority, own } : undefined;
}

type Hash = { readonly certificate?: string };

function certificateHash(cluster: Cluster, host: Host): Hash {
  const sent = certificateOf(cluster, host);
  return sent ? { certificate: sha256(sent.authority + sent.own) } : {};
}

/** What a step is told that serves with the certificate, and so when it runs again; nothing in the open form. */
export const dockerCertificate = (cluster: Cluster, host: Host): Hash =>
  cluster.settings.security.dockerTls ? certificateHash(cluster, host) : {};

export const consulCertificate = (cluster: Cluster, host: Host): Hash =>
  cluster.settings.security.consulTls ? certificateHash(cluster, host) : {};

/** Certificates are where Weave, Swarm and Consul find them, before one of these has need of them. What then to wait for. */
export function certifyHosts(
  scope: Construct,
  cluster: Cluster,
  hosts: readonly StagedHost[],
  after: readonly TerraformResource[],
): readonly TerraformResource[] {
  const steps = hosts.flatMap((on) => {
    const sent = certificateOf(cluster, on.host);
    return sent ? [certificate(cluster, on, sent, after)] : [];
  });
  return steps.length > 0 ? [new Task(scope, "certified", { after: steps })] : after;
}

function certificate(cluster: Cluster, on: StagedHost, sent: Sent, after: readonly TerraformResource[]): Step {
  return new Step(on, "certificate", {
    on,
    script: "certificate",
    // Both are public. The key is the host's own, and on no other machine.
    uploads: [
      { content: literal(sent.authority), to: "ca.pem" },
      { content: literal(sent.own), to: "cert.pem" },
    ],
    inputs: certificateHash(cluster, on.host),
    after,
  });
}

/** Managers read their certificate when they start: where it is another one, they are restarted, one after the other. */
export function renewManagers(cluster: Cluster, swarms: readonly Swarm[]): Step[] {
  const steps: Step[] = [];
  if (!cluster.settings.security.dockerTls) {
    return steps;
  }
  for (const swarm of swarms.filter(({ on: { host } }) => host.manager)) {
    const { on, containers } = swarm;
    const step = new Step(swarm, "certificate", {
      on,
      script: "swarm-certificate",
      args: { address: on.host.address, timeout: cluster.settings.gates.timeoutSeconds },
      inputs: certificateHash(cluster, on.host),
      after: [...containers, ...steps.slice(-1)],
    });
    steps.push(step);
  }
  return steps;
}
