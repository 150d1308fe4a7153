/** The versions of all that runs. */
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { containers } from "../../../cluster/names.js";
import { parseConsulInfo, parseContainers, parseSwarmInfo, parseWeaveReport } from "../parsers.js";
import type { Said, Section } from "../sections.js";
import { type Check, inViews, type Sight } from "./check.js";

export const versions = {
  name: "versions",
  title: "Versions equal the cluster file",
  doc: "Consul, Weave and Swarm run in the versions of the cluster file",
  after: ["engine", "consul", "weave", "swarm"],
  needed: ({ inventory }) => {
    const { weave, swarm } = inventory.settings;
    return `consul ${consulVersion(inventory) ?? "in any version"}, weave ${weave.version}, swarm ${swarm.version}`;
  },
  fix: () => "scripts/lock, then deploy",
  observe: inViews(["containers", "consul-info", "weave-report", "swarm-info"], (host, said, { inventory }) =>
    runningVersions(inventory, host, said),
  ),
  inHostTable: true,
} as const satisfies Check;

const consulVersion = ({ artifacts }: Inventory) => artifacts.find(({ name }) => name === "consul")?.version;

function runningVersions(inventory: Inventory, host: InventoryHost, said: (section: VersionSection) => Said): Sight {
  const { weave, swarm } = inventory.settings;
  const text = (section: VersionSection) => (said(section).status === 0 ? said(section).text : "");
  const listed = parseContainers(text("containers"));
  const agentTag = listed.get(containers.agent)?.image.split(":").at(-1);
  const managers = parseSwarmInfo(text("swarm-info")).version;
  const managerVersion = managers === "unknown" ? undefined : managers;
  const running: readonly (readonly [string, string | undefined, string | undefined])[] = [
    ["consul", parseConsulInfo(text("consul-info")).version, consulVersion(inventory)],
    ["weave", parseWeaveReport(text("weave-report"))?.version, weave.version],
    ["swarm", host.manager ? managerVersion : agentTag, swarm.version],
    [containers.agent, host.agent ? agentTag : undefined, swarm.version],
  ];
  return {
    seen: running
      .slice(0, 3)
      .map(([name, found]) => `${name} ${found ?? "?"}`)
      .join(", "),
    // What does not answer fails another check.
    complaints: running.flatMap(([name, found, needed]) =>
      found === undefined || needed === undefined || found === needed
        ? []
        : [{ about: host.name, found: `${name} ${found} runs, not ${needed}` }],
    ),
  };
}

type VersionSection = Extract<Section, "containers" | "consul-info" | "weave-report" | "swarm-info">;
