/** Is the host free, or a member of this very cluster, with the settings that cannot change where they are in use? */
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { peerName } from "../../../cluster/model.js";
import type { Judgement } from "../checks.js";
import type { Facts } from "../facts.js";

const elsewhere = "remove the host in one deploy and add it with the new value in the next";

export function judgeMembership({ name, hosts, settings }: Inventory, host: InventoryHost, facts: Facts): Judgement[] {
  const { cluster } = facts;
  if (cluster !== undefined && cluster !== name) {
    return [
      {
        check: "cluster",
        found: `the host belongs to the cluster ${cluster}`,
        needed: `a host of this cluster (${name}), or one that belongs to none`,
        fix: `remove it from ${cluster} first (or destroy ${cluster}); if ${cluster} is this cluster's old name, put that name back`,
      },
    ];
  }
  return [
    ...unchanged("consul.datacenter", facts["consul-datacenter"], settings.consul.datacenter),
    ...unchanged("consul.dataDir", facts["consul-data-dir"], settings.consul.dataDir),
    ...judgeMoved(hosts, host, facts["weave-peer"]),
  ];
}

function unchanged(field: string, inUse: string | undefined, wanted: string): Judgement[] {
  if (inUse === undefined || inUse === wanted) {
    return [];
  }
  return [
    {
      check: "cluster",
      found: `${field} is ${inUse} on the host, and ${wanted} in the cluster file`,
      needed: `${inUse}: it cannot change on a host that is a member`,
      fix: `put it back, or ${elsewhere}`,
    },
  ];
}

/** A host whose Weave peer was named after another address. One that is named after another member is a copied disk. */
function judgeMoved(
  hosts: readonly InventoryHost[],
  { address }: InventoryHost,
  peer: string | undefined,
): Judgement[] {
  if (peer === undefined || hosts.some((host) => peerName(host.address) === peer)) {
    return [];
  }
  const former = peer
    .split(":")
    .slice(2)
    .map((byte) => Number.parseInt(byte, 16))
    .join(".");
  return [
    {
      check: "cluster",
      found: `the host joined the cluster as ${former}, and is ${address} in the cluster file`,
      needed: `${former}: the address of a member cannot change`,
      fix: `give the host ${former} again, or ${elsewhere}`,
    },
  ];
}
