/** `hosts.tsv`: what every host is told of the others. `hosts` in `scripts/host/steps/lib.sh` reads it. */
import type { Cluster, Host } from "../cluster/model.js";

/** What a host does in the cluster, in the words that `hosts` takes. One that is down does nothing. */
const roles = ({ consul, manager, agent, down }: Host): string[] =>
  down ? ["down"] : [consul, ...(manager ? ["manager"] : []), ...(agent ? ["agent"] : [])];

/** One line for each host: name, address, and its roles with commas between them. */
export const hostsTable = ({ hosts }: Cluster): string =>
  hosts.map((host) => `${[host.name, host.address, roles(host).join(",")].join("\t")}\n`).join("");
