/** Swarm: its containers, its nodes, its primary. */
import type { InventoryHost } from "../../../cluster/inventory.js";
import { containers } from "../../../cluster/names.js";
import { ports } from "../../../cluster/ports.js";
import { plural } from "../../shared/findings.js";
import type { Evidence } from "../evidence.js";
import { parseContainers, parseSwarmInfo, type SwarmInfo } from "../parsers.js";
import { succeeded, textOf, whyFailed } from "../sections.js";
import {
  type Check,
  complainOfList,
  complaintOfItself,
  inViews,
  isMember,
  type Sight,
  unless,
  withoutAbsent,
} from "./check.js";

const { agent: agentContainer, manager: managerContainer } = containers;

export const swarm = {
  name: "swarm",
  title: "Swarm nodes equal the cluster file, one primary",
  doc: `\`${agentContainer}\` and \`${managerContainer}\` are up; every manager's nodes are the cluster file's agents, healthy; one primary`,
  after: ["consul", "leader", "proxy"],
  needed: `${agentContainer}, and on managers ${managerContainer}, up`,
  fix: startContainers,
  observe: inViews(
    ["containers"],
    (host, said) => {
      const found = said("containers").status === 0 ? downContainers(host, said("containers").text) : [];
      return found.length === 0 ? { seen: "node", complaints: [] } : complaintOfItself(host, found.join("; "));
    },
    ({ agent }) => agent,
  ),
  further: [
    {
      needed: "exactly the cluster file's agents as Swarm nodes, all healthy, and one primary",
      fix: (host, evidence) =>
        isMember(evidence, host)
          ? `on ${host}: docker logs --tail 20 ${agentContainer}; docker restart ${agentContainer}`
          : `docker rm -f its swarm join; on any host: consul kv delete docker/swarm/nodes/${host}:${ports.weaveProxy.number}`,
      observe: inViews(
        ["swarm-info"],
        (host, said, evidence) =>
          unless(whyFailed(said("swarm-info")), host, () => nodes(evidence, host, said("swarm-info").text)),
        ({ manager }) => manager,
      ),
    },
  ],
  inHostTable: true,
  transcript: { section: "swarm-info", command: `docker -H :${ports.swarmManager.number} info` },
} as const satisfies Check;

type ContainerState = "missing" | "paused" | "down" | "up";

function stateOf(status: string | undefined): ContainerState {
  if (status === undefined) {
    return "missing";
  }
  if (/\(Paused\)/.test(status)) {
    return "paused";
  }
  return status.startsWith("Up") ? "up" : "down";
}

function downContainers({ agent, manager }: InventoryHost, text: string): string[] {
  const listed = parseContainers(text);
  const wanted = [...(agent ? [agentContainer] : []), ...(manager ? [managerContainer] : [])];
  return wanted.flatMap((name) => {
    const status = listed.get(name)?.status;
    const complaints: Record<ContainerState, readonly string[]> = {
      missing: [`there is no container ${name}`],
      paused: [`container ${name} is paused`],
      down: [`container ${name} is not up: ${status}`],
      up: [],
    };
    return complaints[stateOf(status)];
  });
}

function startContainers(host: string, { views }: Evidence): string {
  const listed = parseContainers(textOf(views, host, "containers"));
  const commands = [agentContainer, managerContainer].flatMap((name) => {
    const fixes: Record<ContainerState, readonly string[]> = {
      missing: [],
      paused: [`docker unpause ${name}`],
      down: [`docker start ${name}`],
      up: [],
    };
    return fixes[stateOf(listed.get(name)?.status)];
  });
  return commands.length > 0 ? `on ${host}: ${commands.join("; ")}` : "deploy again: it creates what is missing";
}

function nodes(evidence: Evidence, self: InventoryHost, text: string): Sight {
  const info = parseSwarmInfo(text);
  const agents = evidence.inventory.hosts.filter(({ agent }) => agent);
  const wrong = complainOfList(
    agents,
    withoutAbsent(evidence.inventory, info.nodes),
    "Swarm node",
    (_, { status, error }) =>
      status === "Healthy" ? undefined : `is ${status} as a Swarm node${error ? `: ${error}` : ""}`,
  );
  return {
    seen: `${info.role}, ${plural(info.nodes.filter(({ status }) => status === "Healthy").length, "node")}`,
    complaints: [...wrong, ...primaries(evidence, self, info)],
  };
}

function primaries({ inventory, views }: Evidence, self: InventoryHost, { role }: SwarmInfo): Sight["complaints"] {
  const managers = inventory.hosts.filter(({ manager }) => manager);
  if (!inventory.settings.swarm.replication || managers.length === 1) {
    return role === "primary" ? [] : [{ about: self.name, found: `its Swarm manager is ${role}, not primary` }];
  }
  const roles = managers.map(({ name }) => ({
    name,
    role: succeeded(views, name, "swarm-info") ? parseSwarmInfo(textOf(views, name, "swarm-info")).role : undefined,
  }));
  const leading = roles.filter((one) => one.role === "primary");
  if (leading.length > 1 && role === "primary") {
    return leading
      .filter(({ name }) => name !== self.name)
      .map(({ name }) => ({ about: name, found: "both are primaries of the Swarm" }));
  }
  // A manager that did not answer may be the primary.
  return leading.length === 0 && roles.every((one) => one.role !== undefined)
    ? [{ about: self.name, found: "no Swarm manager is primary" }]
    : [];
}
