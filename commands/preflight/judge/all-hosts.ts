/** What no host can be judged for alone: do the hosts, the versions and the lock file fit together? */
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { label, peerName } from "../../../cluster/model.js";
import type { CheckFinding, Judgement } from "../checks.js";
import { type Facts, platformsOf } from "../facts.js";
import { judgeEngine, lockFix } from "./engine.js";
import { judgePulls } from "./pulls.js";
import { judgeQuorum } from "./quorum.js";
import { isMachineId } from "./system.js";

/** Findings from the facts of all hosts that answered, by name of the host. */
export function judgeAllHosts(inventory: Inventory, factsOf: ReadonlyMap<string, Facts>): CheckFinding[] {
  const present = inventory.hosts.flatMap((host) => {
    const facts = factsOf.get(host.name);
    return facts === undefined ? [] : [{ host, facts }];
  });
  return [
    ...repeated(present, {
      fact: "hostname",
      needed: "a hostname of its own",
      fix: (host) => `hostnamectl set-hostname ${host.name}`,
    }),
    ...repeated(
      present.filter(({ facts }) => isMachineId(facts["machine-id"] ?? "")),
      {
        fact: "machine-id",
        needed: "a machine-id of its own (a copied system keeps the old one)",
        fix: () => "rm -f /etc/machine-id /var/lib/dbus/machine-id && systemd-machine-id-setup && reboot",
      },
    ),
    ...judgePulls(inventory, factsOf),
    ...judgeQuorum(inventory, factsOf),
    ...present.flatMap(({ host, facts }) =>
      [
        ...judgeHostname(present, host, facts),
        ...judgePeer(inventory, host, facts),
        ...judgeArtifacts(inventory, facts),
        ...judgeEngine(inventory, facts),
      ].map((judgement) => ({ host: host.name, ...judgement })),
    ),
  ];
}

interface Present {
  readonly host: InventoryHost;
  readonly facts: Facts;
}

interface Unique {
  readonly fact: "hostname" | "machine-id";
  readonly needed: string;
  readonly fix: (host: InventoryHost) => string;
}

/** Hosts with a value that a host before them has too. */
function repeated(present: readonly Present[], { fact, needed, fix }: Unique): CheckFinding[] {
  const first = new Map<string, InventoryHost>();
  return present.flatMap(({ host, facts }) => {
    const value = facts[fact]?.toLowerCase();
    if (value === undefined) {
      return [];
    }
    const other = first.get(value);
    if (other === undefined) {
      first.set(value, host);
      return [];
    }
    const found = `${fact} ${value}, which ${label(other)} has too`;
    return [{ host: host.name, check: fact, found, needed, fix: fix(host) }];
  });
}

/** A machine that is called like another entry of the cluster file: the addresses of the two may be swapped. */
function judgeHostname(present: readonly Present[], host: InventoryHost, { hostname }: Facts): Judgement[] {
  const other = present.find(({ host: { name } }) => name !== host.name && name === hostname?.toLowerCase());
  // Two machines of one name are a finding already.
  if (other === undefined || other.facts.hostname?.toLowerCase() === other.host.name) {
    return [];
  }
  return [
    {
      check: "hostname",
      found: `the machine at ${host.address} calls itself ${hostname}, which is ${other.host.address} in the cluster file`,
      needed: `a machine that is not named like another entry: are the addresses of ${host.name} and ${other.host.name} swapped?`,
      fix: `correct the addresses in the cluster file, or hostnamectl set-hostname ${host.name}`,
    },
  ];
}

/** Peer names come from addresses. A disk that was copied from another member still has that one's. */
function judgePeer({ hosts }: Inventory, host: InventoryHost, facts: Facts): Judgement[] {
  const other = hosts.find(({ name, address }) => name !== host.name && peerName(address) === facts["weave-peer"]);
  if (other === undefined) {
    return [];
  }
  return [
    {
      check: "weave peer",
      found: `/etc/default/weave has the peer name ${facts["weave-peer"]}, which is that of ${label(other)}`,
      needed: `a peer name of its own (${peerName(host.address)}); this looks like a copy of that host's disk`,
      fix: "reinstall the host; or, if only the address was changed, stop weave.service and deploy that other host first",
    },
  ];
}

function judgeArtifacts({ artifacts, required }: Inventory, facts: Facts): Judgement[] {
  const platforms = platformsOf(facts);
  const missing = required.filter(
    (name) => !artifacts.some((artifact) => artifact.name === name && platforms.includes(artifact.platform)),
  );
  if (missing.length === 0) {
    return [];
  }
  return [
    {
      check: "artifacts",
      found: `artifacts.lock.json has no ${missing.join(", ")} for ${platforms.at(-1)}`,
      needed: "every artifact for the host's platform",
      fix: lockFix,
    },
  ];
}
