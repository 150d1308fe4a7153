/** The settings of an inventory with default versions, for tests of what judges one. */
import type { Inventory } from "../hosts/inventory.js";

export const settings: Inventory["settings"] = {
  ssh: { hostKeyChecking: "required", timeoutSeconds: 30 },
  consul: { dataDir: "/var/consul" },
  docker: { install: true, package: "docker.io" },
  weave: { version: "2.9.0", images: "rajchaudhuri", dns: true, range: "10.32.0.0/12", fastDatapath: true },
  swarm: { version: "1.2.9", replication: true },
  verify: { image: "alpine/socat:1.8.0.3" },
};
