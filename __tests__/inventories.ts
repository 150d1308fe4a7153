/** Inventories of hosts h1, h2, … at 198.18.0.11, .12, …, for tests of what looks at hosts. */
import type { Inventory, InventoryHost } from "../hosts/inventory.js";

/** Default versions. */
export const settings: Inventory["settings"] = {
  ssh: { hostKeyChecking: "required", timeoutSeconds: 30 },
  consul: { dataDir: "/var/consul" },
  docker: { install: true, package: "docker.io" },
  weave: { version: "2.9.0", images: "rajchaudhuri", dns: true, range: "10.32.0.0/12", fastDatapath: true },
  swarm: { version: "1.2.9", replication: true },
  verify: { image: "alpine/socat:1.8.0.3" },
};

/** The settings of the hosts that were recorded, and of the lab. */
export const oldWeave: Inventory["settings"] = {
  ...settings,
  weave: { ...settings.weave, version: "2.6.5", images: "weaveworks" },
};

export function host(number: number, more: Partial<InventoryHost> = {}): InventoryHost {
  const address = `198.18.0.${10 + number}`;
  return {
    name: `h${number}`,
    address,
    login: { address, user: "root", port: 22, hostKeys: [] },
    consul: "server",
    manager: true,
    agent: true,
    rebuilt: 0,
    ports: [],
    ...more,
  };
}

export const inventory = (hosts: readonly InventoryHost[], more: Partial<Inventory> = {}): Inventory => ({
  name: "rack",
  hosts,
  settings,
  artifacts: [],
  required: [],
  sources: [],
  ...more,
});
