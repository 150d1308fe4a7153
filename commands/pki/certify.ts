/** `scripts/pki`: every host and the operator have a key of their own, and a certificate that fits. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { loadCluster } from "../../cluster/load.js";
import { type Host, label } from "../../cluster/model.js";
import {
  authorityFault,
  factsOf,
  type HostNames,
  hostFault,
  hostNames,
  keyHash,
  operatorFault,
  pki,
  privatePki,
} from "../../cluster/pki.js";
import type { SshTargets } from "../../ssh/config.js";
import { onAll, type RunAsRoot, withHosts } from "../../ssh/contact.js";
import { explainInOneLine } from "../../ssh/explain.js";
import { inventoryHere } from "../shared/command.js";
import { hostScript } from "../shared/host-scripts.js";
import { ends, left, makeAuthority, type Say } from "./authorities.js";
import { Folder } from "./folder.js";
import { keyOfRequest, newKey, newRequest, sign } from "./openssl.js";

/** Who signs. */
export type Way =
  | { readonly by: "authority"; readonly keyFile?: string }
  | { readonly by: "requests" }
  | { readonly by: "import"; readonly folder: string };

const certificateDays = 365;

/** Somebody who has a key, and needs a certificate of it. */
interface Holder {
  readonly who: string;
  /** What the request is for. */
  readonly request: string;
  /** Where the request is written for another authority to sign … */
  readonly requestFile: string;
  /** … and where that puts its certificate, below the folder that is imported. */
  readonly importFile: string;
  readonly certificateFile: string;
  readonly names: readonly string[];
  readonly usages: readonly ("serverAuth" | "clientAuth")[];
  /** Why a certificate does not fit, but for its key and its end. */
  readonly fault: (certificate: string, authority: string) => string | undefined;
}

/** Returns false when somebody has no certificate that fits. */
export async function certify(clusterFile: string, renew: boolean, way: Way, say: Say): Promise<boolean> {
  const cluster = loadCluster(clusterFile, { lock: "ignore", certificates: "ignore", warn: () => {} });
  const folder = new Folder(dirname(clusterFile));
  const issue = issuerOf(folder, way, cluster.name, say);
  const authority = folder.read(pki.authority);
  if (authority !== undefined && ends(authority)) {
    say(`warning: ${pki.authority} has ${left(authority)}: docs/security.md says how to replace an authority`);
  }
  const certificates = new Map(cluster.up.map((host) => [host.name, folder.read(pki.host(host.name))]));
  const asked = await ask(inventoryHere(cluster), cluster.up, (host) => {
    const certificate = certificates.get(host.name);
    const renewed = renew || (way.by === "authority" && ends(certificate));
    return [host.name, renewed ? "new" : "keep", namesOf(hostNames(host, cluster.settings)).join(",")];
  });
  let whole = true;
  const holders: Holder[] = [];
  for (const { host, lines, request } of asked) {
    for (const line of lines) {
      say(line);
    }
    if (request === undefined) {
      whole = false;
    } else {
      holders.push(hostHolder(host, hostNames(host, cluster.settings), request));
    }
  }
  holders.push(operatorHolder(folder, renew || ends(folder.read(operatorFile("cert"))), way, say));
  for (const holder of holders) {
    whole = settle(folder, holder, issue, say) && whole;
  }
  // Programs of Docker's look for it beside the certificate.
  folder.write(operatorFile("ca"), folder.read(pki.authority));
  return whole;
}

const operatorFile = (name: "ca" | "cert" | "key") => `${privatePki.operator}/${name}.pem`;

function hostHolder(host: Host, needed: HostNames, request: string): Holder {
  const { name } = host;
  return {
    who: label(host),
    request,
    requestFile: privatePki.request(name),
    importFile: `hosts/${name}.pem`,
    certificateFile: pki.host(name),
    names: namesOf(needed),
    // Managers dial the proxies, Consul's agents its servers, and what runs on a host for a deploy asks managers and proxies.
    usages: ["serverAuth", "clientAuth"],
    fault: (certificate, authority) => hostFault(certificate, authority, needed),
  };
}

/** As openssl has them. */
const namesOf = ({ addresses, names }: HostNames) => [
  ...addresses.map((address) => `IP:${address}`),
  ...names.map((name) => `DNS:${name}`),
];

/** The operator's key is made here. A new one comes with its certificate, or not at all. */
function operatorHolder(folder: Folder, renewed: boolean, way: Way, say: Say): Holder {
  const key = operatorFile("key");
  if (!folder.has(key) || (renewed && way.by === "authority")) {
    folder.write(key, newKey());
    say(`operator: changed ${key}`);
  }
  return {
    who: "operator",
    request: newRequest("operator", folder.path(key)),
    requestFile: privatePki.operatorRequest,
    importFile: "operator.pem",
    certificateFile: operatorFile("cert"),
    names: [],
    usages: ["clientAuth"],
    fault: operatorFault,
  };
}

/** One certificate: kept, made, taken over, or asked for. */
function settle(folder: Folder, holder: Holder, issue: Issue, say: Say): boolean {
  const { who, certificateFile } = holder;
  const authority = folder.read(pki.authority) ?? "";
  const why = unfit(holder, folder.read(certificateFile), authority);
  if (why === undefined) {
    say(`same     ${who}: ${left(folder.read(certificateFile) ?? "")}`);
    return true;
  }
  try {
    const certificate = issue(holder, why);
    if (certificate === undefined) {
      return false;
    }
    folder.write(certificateFile, certificate);
    say(`signed   ${who}: ${left(certificate)} (there was ${why})`);
    return true;
  } catch (error) {
    say(`FAILED   ${who}: ${(error as Error).message}`);
    return false;
  }
}

/** Why a holder needs another certificate. */
function unfit({ request, fault }: Holder, certificate: string | undefined, authority: string): string | undefined {
  if (certificate === undefined) {
    return "no certificate";
  }
  const wrong = fault(certificate, authority);
  if (wrong !== undefined) {
    return wrong;
  }
  if (factsOf(certificate).key !== keyHash(keyOfRequest(request))) {
    return "one of another key";
  }
  return ends(certificate) ? `one with ${left(certificate)}` : undefined;
}

/** Makes a certificate; nothing when that is somebody else's turn now. */
type Issue = (holder: Holder, why: string) => string | undefined;

function issuerOf(folder: Folder, way: Way, cluster: string, say: Say): Issue {
  if (way.by === "requests") {
    return ({ who, request, requestFile }, why) => {
      folder.write(requestFile, request);
      say(`request  ${who}: ${requestFile} (there is ${why}); signed, scripts/pki --import FOLDER takes it`);
      return undefined;
    };
  }
  if (way.by === "import") {
    return importer(folder, way.folder, say);
  }
  const keyFile = way.keyFile ?? folder.path(privatePki.authorityKey);
  if (!folder.has(pki.authority)) {
    makeAuthority(folder, keyFile, cluster, say);
  }
  const authority = folder.read(pki.authority) ?? "";
  const fault = authorityFault(authority);
  if (fault !== undefined) {
    throw new Error(`${folder.path(pki.authority)}: found ${fault}, expected that of the authority`);
  }
  return ({ request, names, usages }) => {
    if (!existsSync(keyFile)) {
      throw new Error(
        `there is no ${keyFile}, which belongs to ${pki.authority}: put it there, name it with --ca-key, or ask for signatures with --csr-only`,
      );
    }
    if (keyHash(createPublicKey(createPrivateKey(readFileSync(keyFile)))) !== factsOf(authority).key) {
      throw new Error(`${keyFile} is not the key of ${pki.authority}`);
    }
    return sign({ request, authority, authorityKeyFile: keyFile, days: certificateDays, names, usages });
  };
}

/** Takes over what another authority has made, if it fits. */
function importer(folder: Folder, from: string, say: Say): Issue {
  const given = (name: string) => {
    const path = join(from, name);
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  };
  const authority = given("ca.pem");
  if (authority !== undefined && authority !== folder.read(pki.authority)) {
    const fault = authorityFault(authority);
    if (fault !== undefined) {
      throw new Error(`${join(from, "ca.pem")}: found ${fault}, expected that of the authority`);
    }
    folder.write(pki.authority, authority);
    say(`authority: changed ${pki.authority} (${left(authority)})`);
  }
  return (holder, why) => {
    const certificate = given(holder.importFile);
    if (certificate === undefined) {
      throw new Error(`found ${why}, and no ${join(from, holder.importFile)}`);
    }
    const wrong = unfit(holder, certificate, folder.read(pki.authority) ?? "");
    if (wrong !== undefined) {
      throw new Error(`found ${wrong} in ${join(from, holder.importFile)}`);
    }
    return certificate;
  };
}

interface Asked {
  readonly host: Host;
  readonly lines: readonly string[];
  /** Nothing when the host did not give one. */
  readonly request?: string;
}

/** Every host's request, of a new key or the one that it has: `words` are those of pki.sh. */
async function ask(
  targets: SshTargets,
  hosts: readonly Host[],
  words: (host: Host) => readonly string[],
): Promise<Asked[]> {
  const script = hostScript("steps/tls.sh", "steps/http.sh", "steps/lib.sh", "probes/pki.sh");
  const one = async (run: RunAsRoot, host: Host): Promise<Asked> => {
    const result = await run(host, script, words(host), 60);
    const [request] = /-----BEGIN CERTIFICATE REQUEST-----[^-]+-----END CERTIFICATE REQUEST-----\n/.exec(
      result.stdout,
    ) ?? [undefined];
    const lines = result.stdout.split("\n").filter((line) => / pki: (found|changed) /.test(line));
    if (result.status !== 0 || request === undefined) {
      return { host, lines: [...lines, `FAILED   ${explainInOneLine(targets, host, result)}`] };
    }
    return { host, lines, request };
  };
  return withHosts(targets, (run) => onAll(hosts, (host) => one(run, host)));
}
