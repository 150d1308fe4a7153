/** Is a host fit for what the deploy installs on it, whatever the other hosts are like? */
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { overlap, within } from "../../../cluster/ipv4.js";
import type { CheckFinding, Judgement } from "../checks.js";
import { type Facts, wordsOf } from "../facts.js";
import { judgeCertificate } from "./certificates.js";
import { judgeDeploy } from "./deploy.js";
import { judgeBridge, judgeFirewall } from "./firewall.js";
import { judgeIptables, judgeKernel } from "./kernel.js";
import { judgeMembership } from "./membership.js";
import { judgeRegistries } from "./registries.js";
import { judgeDisks, judgeMemory } from "./room.js";
import { judgeSystem } from "./system.js";
import { judgeWeaveProxy } from "./weave-proxy.js";

/**
 * All problems of one host that do not concern the others.
 *
 * @param deployer who this deploy is to the hosts, if it is part of one
 */
export function judgeHost(inventory: Inventory, host: InventoryHost, facts: Facts, deployer?: string): CheckFinding[] {
  return [
    ...judgeSystem(host, facts),
    ...judgeMembership(inventory, host, facts),
    ...judgeDeploy(facts, deployer),
    ...judgeWeaveProxy(host, facts, deployer),
    ...judgeFirewall(inventory, host, facts),
    ...judgeBridge(facts),
    ...judgeCertificate(host, facts),
    ...judgeKernel(inventory, facts),
    ...judgeIptables(inventory, facts),
    ...judgeDisks(inventory, facts),
    ...judgeMemory(facts),
    ...judgeRange(inventory, facts),
    ...judgeNames(facts),
    ...judgeRegistries(host.name, facts),
  ].map((judgement) => ({ host: host.name, ...judgement }));
}

function judgeRange({ settings: { weave } }: Inventory, facts: Facts): Judgement[] {
  const ours = facts["weave-peer"] === undefined ? [] : ["weave"];
  const routes = wordsOf(facts.routes).flatMap((route) => {
    const [network = "", device = ""] = route.split("@");
    return !ours.includes(device) && overlap(network, weave.range) ? [`a route to ${network} by ${device}`] : [];
  });
  const servers = wordsOf(facts.nameservers)
    .filter((address) => within(address, weave.range))
    .map((address) => `the name server ${address}`);
  const found = [...routes, ...servers];
  if (found.length === 0) {
    return [];
  }
  return [
    {
      check: "range",
      found: `${found.join(" and ")}, within weave.range ${weave.range}`,
      needed: "a range for containers that the host uses for nothing else",
      fix: "set weave.range in the cluster file to a free one, such as 10.96.0.0/12 or 172.24.0.0/14",
    },
  ];
}

function judgeNames(facts: Facts): Judgement[] {
  const names = wordsOf(facts.unresolved);
  if (names.length === 0) {
    return [];
  }
  const servers = facts.nameservers ? `its name servers are ${facts.nameservers}` : "it has no name server";
  const fetched = facts["installed-consul"] === "yes" && facts["images-missing"] === "0";
  return [
    {
      check: "dns",
      found: `cannot resolve ${names.join(", ")}; ${servers}`,
      needed: "the addresses of the machines that artifacts come from",
      fix: "correct the name servers in /etc/resolv.conf, or set artifacts.mirror with an IP address, or artifacts.directory, in the cluster file",
      // With everything installed, nothing has to be fetched.
      ...(fetched ? { warning: true as const } : {}),
    },
  ];
}
