/** What the hosts found out about the network between them, judged. */
import type { Inventory } from "../../../cluster/inventory.js";
import type { CheckFinding } from "../checks.js";
import type { Facts } from "../facts.js";
import type { NetworkProbe } from "../probe-network.js";
import { judgeClocks } from "./clocks.js";
import { judgeConnections, judgeFromHere } from "./connections.js";
import { judgePacketSizes } from "./packet-sizes.js";

export function judgeNetwork(
  inventory: Inventory,
  facts: ReadonlyMap<string, Facts>,
  { connections, fromHere, packetSizes, clocks }: NetworkProbe,
  deployer?: string,
): CheckFinding[] {
  return [
    ...judgeConnections(inventory, facts, connections),
    ...judgeFromHere(inventory, facts, fromHere, deployer),
    ...judgePacketSizes(inventory, packetSizes),
    ...judgeClocks(inventory, clocks),
  ];
}
