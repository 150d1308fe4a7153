/** What the hosts found out about the network between them, judged. */
import type { Inventory } from "../../../cluster/inventory.js";
import type { CheckFinding } from "../checks.js";
import type { Facts } from "../facts.js";
import type { NetworkProbe } from "../probe-network.js";
import type { Way } from "../result.js";
import { judgeClocks } from "./clocks.js";
import { judgeConnections } from "./connections.js";
import { judgeDockerApi } from "./docker-api.js";
import { judgePacketSizes } from "./packet-sizes.js";

export function judgeNetwork(
  inventory: Inventory,
  facts: ReadonlyMap<string, Facts>,
  network: NetworkProbe,
  way: Way = {},
): CheckFinding[] {
  const { connections, packetSizes, clocks } = network;
  return [
    ...judgeConnections(inventory, facts, connections),
    ...judgeDockerApi(inventory, facts, network, way),
    ...judgePacketSizes(inventory, packetSizes),
    ...judgeClocks(inventory, clocks),
  ];
}
