/** `scripts/pki`: the authority, and how another one comes in its place while the cluster goes on. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { loadCluster } from "../../cluster/load.js";
import { daysLeft, factsOf, hostFault, hostNames, pki, renewalDays } from "../../cluster/pki.js";
import { plural } from "../shared/findings.js";
import { Folder } from "./folder.js";
import { newAuthority, newKey } from "./openssl.js";

export type Say = (line: string) => void;

const authorityDays = 3650;

/** Is a certificate at its end, or near it? Of what is none, somebody else says so. */
export function ends(certificate: string | undefined): boolean {
  try {
    return certificate !== undefined && daysLeft(factsOf(certificate)) < renewalDays;
  } catch {
    return false;
  }
}

/** In words, how long a certificate is valid. */
export function left(certificate: string): string {
  const facts = factsOf(certificate);
  const until = new Date(facts.until * 1000).toISOString().slice(0, 10);
  return `${plural(daysLeft(facts), "day")} left, until ${until}`;
}

/** The authority's certificate, and its key unless there is one already. Others that hosts trust stay behind it. */
export function makeAuthority(folder: Folder, keyFile: string, cluster: string, say: Say, others = ""): void {
  if (!existsSync(keyFile)) {
    folder.writeNew(keyFile, newKey());
    say(`authority: changed ${keyFile} (new key: keep it where the team keeps its secrets; it is in no other place)`);
  }
  const certificate = newAuthority(`multicast-swarm ${cluster}`, keyFile, authorityDays);
  folder.write(pki.authority, certificate + others);
  say(`authority: changed ${pki.authority} (${left(certificate)})`);
}

interface Where {
  readonly keyFile?: string;
}

const opened = (clusterFile: string) => {
  const cluster = loadCluster(clusterFile, {
    lock: "ignore",
    hostKeys: "ignore",
    certificates: "ignore",
    warn: () => {},
  });
  const folder = new Folder(dirname(clusterFile));
  const authority = folder.read(pki.authority);
  if (authority === undefined) {
    throw new Error(`there is no ${folder.path(pki.authority)}: scripts/pki makes the first authority`);
  }
  const certificates = authority.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? [];
  return { cluster, folder, authority, certificates };
};

/** Another authority, which signs from now on. What the one before has signed stays valid. */
export function newAuthorityBeside(clusterFile: string, { keyFile: given }: Where, say: Say): void {
  const { cluster, folder, authority, certificates } = opened(clusterFile);
  if (certificates.length > 1) {
    throw new Error(
      `${folder.path(pki.authority)} holds ${certificates.length} authorities already: deploy, scripts/pki renew, deploy, and scripts/pki drop-authority first`,
    );
  }
  const keyFile = given ?? folder.path(folder.authorityKey);
  folder.putAside(keyFile);
  makeAuthority(folder, keyFile, cluster.name, say, authority);
  say("next: deploy; scripts/pki renew; deploy; scripts/pki drop-authority; deploy");
}

/** Only the newest authority is trusted from the next deploy on: refused while a host still has a certificate of another. */
export function dropAuthority(clusterFile: string, _: Where, say: Say): void {
  const { cluster, folder, certificates } = opened(clusterFile);
  const [newest = "", ...others] = certificates;
  if (others.length === 0) {
    say(`authority: found ${pki.authority} with one authority: there is none to drop`);
    return;
  }
  for (const host of cluster.up) {
    const fault = hostFault(folder.read(pki.host(host.name)) ?? "", newest, hostNames(host, cluster.settings));
    if (fault !== undefined) {
      throw new Error(
        `${pki.host(host.name)} is not of the newest authority (${fault}): scripts/pki renew, and deploy first`,
      );
    }
  }
  folder.write(pki.authority, newest);
  folder.write(folder.operatorAuthority, newest);
  say(`authority: changed ${pki.authority} (only the newest is left: ${left(newest)}); deploy`);
}
