/** The part of the preflight that no host can judge alone: do the hosts, the versions and the lock file fit together? */

import { apiNeeds, defaultFloor, floorFix } from "../../../cluster/engines.js";
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { peerName } from "../../../cluster/model.js";
import { compareVersions } from "../../../cluster/versions.js";
import { type Finding, label } from "../../shared/findings.js";
import { type Facts, platformsOf } from "../facts.js";

/** Findings from the facts of all hosts that answered, by name of the host. */
export function judge(inventory: Inventory, factsOf: ReadonlyMap<string, Facts>): Finding[] {
  const present = inventory.hosts.flatMap((host) => {
    const facts = factsOf.get(host.name);
    return facts === undefined ? [] : [{ host, facts }];
  });
  return [
    ...unique(present, "hostname", "a hostname of its own", (host) => `hostnamectl set-hostname ${host.name}`),
    ...unique(
      present,
      "machine-id",
      "a machine-id of its own (a copied system keeps the old one)",
      () => "rm -f /etc/machine-id /var/lib/dbus/machine-id && systemd-machine-id-setup && reboot",
    ),
    ...present.flatMap(({ host, facts }) => [
      ...judgeHostname(present, host, facts),
      ...judgePeer(inventory, host, facts),
      ...judgeArtifacts(inventory, host, facts),
      ...judgeEngine(inventory, host, facts),
    ]),
  ];
}

interface Present {
  readonly host: InventoryHost;
  readonly facts: Facts;
}

function unique(
  present: readonly Present[],
  fact: string,
  needed: string,
  fix: (host: InventoryHost) => string,
): Finding[] {
  const first = new Map<string, InventoryHost>();
  return present.flatMap(({ host, facts }) => {
    const value = facts[fact]?.toLowerCase();
    if (value === undefined) return [];
    const other = first.get(value);
    if (other === undefined) first.set(value, host);
    return other === undefined
      ? []
      : [
          {
            host: host.name,
            check: fact,
            found: `${fact} ${value}, which ${label(other)} has too`,
            needed,
            fix: fix(host),
          },
        ];
  });
}

/** A machine that is called like another entry of the cluster file: the addresses of the two may be swapped. */
function judgeHostname(present: readonly Present[], host: InventoryHost, { hostname }: Facts): Finding[] {
  const other = present.find(({ host: { name } }) => name !== host.name && name === hostname?.toLowerCase());
  // Two machines of one name are a finding already.
  if (other === undefined || other.facts.hostname?.toLowerCase() === other.host.name) return [];
  return [
    {
      host: host.name,
      check: "hostname",
      found: `the machine at ${host.address} calls itself ${hostname}, which in the cluster file is ${other.host.address}`,
      needed: `a machine that no other entry is named after: are the addresses of ${host.name} and ${other.host.name} swapped?`,
      fix: `correct the addresses in the cluster file, or hostnamectl set-hostname ${host.name}`,
    },
  ];
}

/** Peer names come from addresses. A disk that was copied from another member still has that one's. */
function judgePeer({ hosts }: Inventory, host: InventoryHost, facts: Facts): Finding[] {
  const other = hosts.find(({ name, address }) => name !== host.name && peerName(address) === facts["weave-peer"]);
  if (other === undefined) return [];
  return [
    {
      host: host.name,
      check: "weave peer",
      found: `/etc/default/weave has the peer name ${facts["weave-peer"]}, which is that of ${label(other)}`,
      needed: `a peer name of its own (${peerName(host.address)}); this looks like a copy of that host's disk`,
      fix: "install the host anew, or, if the address was changed, systemctl stop weave and deploy that other host first",
    },
  ];
}

const lockFix = "scripts/lock, then review the changes of artifacts.lock.json";

function judgeArtifacts({ artifacts, required }: Inventory, host: InventoryHost, facts: Facts): Finding[] {
  const platforms = platformsOf(facts);
  const missing = required.filter(
    (name) => !artifacts.some((artifact) => artifact.name === name && platforms.includes(artifact.platform)),
  );
  if (missing.length === 0) return [];
  return [
    {
      host: host.name,
      check: "artifacts",
      found: `artifacts.lock.json has no ${missing.join(", ")} for ${platforms.at(-1)}`,
      needed: "every artifact for the host's platform",
      fix: lockFix,
    },
  ];
}

function judgeEngine({ settings, artifacts }: Inventory, host: InventoryHost, facts: Facts): Finding[] {
  const finding = (found: string, needed: string, fix: string): Finding => ({
    host: host.name,
    check: "engine",
    found,
    needed,
    fix,
  });
  const { install, package: packageName } = settings.docker;
  if (facts.engine === "absent") {
    if (!install) {
      return [
        finding(
          "no Docker Engine",
          "Docker Engine, since the cluster file says docker.install: false",
          "install Docker Engine on the host, or set docker.install: true",
        ),
      ];
    }
    const platforms = platformsOf(facts);
    const locked = artifacts.filter(
      ({ name, platform }) => name.startsWith("package:docker-engine:") && platforms.includes(platform),
    );
    if (locked.length === 0) {
      return [
        finding(
          `no Docker Engine, and artifacts.lock.json has no packages of it for ${platforms.at(-1)}`,
          "the packages of Docker Engine in the lock file",
          lockFix,
        ),
      ];
    }
    const version = locked.find(({ name }) => name === `package:docker-engine:${packageName}`)?.version;
    return version === undefined
      ? []
      : judgeFloor(
          settings,
          `${packageName} ${version}, which is going to be installed,`,
          version,
          defaultFloor(version),
          finding,
        );
  }
  const { engine, "engine-client": client } = facts;
  // A stopped engine has only said its version; the deploy is going to start it.
  const floor = facts["engine-min-api"] ?? defaultFloor(engine ?? "");
  return [
    ...(engine === undefined || engine === "unknown"
      ? []
      : judgeFloor(settings, `Docker Engine ${engine}`, engine, floor, finding)),
    ...(client !== undefined && compareVersions(client, "29") >= 0
      ? [
          finding(
            `the command docker ${client}, which speaks API ${defaultFloor(client)} and newer`,
            "a docker command up to 28: Swarm answers docker -H :4000 with API 1.30 at most",
            "apt-get install --allow-downgrades docker-ce-cli=5:28.*",
          ),
        ]
      : []),
  ];
}

function judgeFloor(
  settings: Inventory["settings"],
  engine: string,
  version: string,
  floor: string,
  finding: (found: string, needed: string, fix: string) => Finding,
): Finding[] {
  const refused = apiNeeds(settings).filter(({ api }) => compareVersions(api, floor) < 0);
  if (refused.length === 0) return [];
  return [
    finding(
      `${engine} refuses clients below API ${floor}`,
      refused.map(({ component, api }) => `API ${api} for ${component}`).join(", "),
      floorFix(version, refused, settings),
    ),
  ];
}
