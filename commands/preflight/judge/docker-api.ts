/** Does the machine that Terraform runs on reach the hosts' Docker API? */
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { within } from "../../../cluster/ipv4.js";
import { firewall as names } from "../../../cluster/names.js";
import { consulIsLocalOn, ports } from "../../../cluster/ports.js";
import type { CheckFinding } from "../checks.js";
import { type Facts, wordsOf } from "../facts.js";
import { type NetworkProbe, operatorPort } from "../probe-network.js";
import type { Way } from "../result.js";
import { denies, keptOut, openingCommand, opens } from "./firewall.js";

export function judgeDockerApi(
  inventory: Inventory,
  facts: ReadonlyMap<string, Facts>,
  { unreached }: NetworkProbe,
  { tunnel, deployer }: Way,
): CheckFinding[] {
  const { bastion, hosts } = inventory;
  const from = bastion && tunnel ? "the jump host" : "this machine";
  return hosts.flatMap((host) => {
    const outcome = unreached.get(host.name);
    const own = facts.get(host.name) ?? {};
    // A port that another program holds is a finding of its own.
    if (outcome === undefined || wordsOf(own["taken-ports"]).includes(operatorPort) || opens(inventory, own)) {
      return [];
    }
    // Without a tunnel, hosts see the jump host and not the machine that does not reach them.
    const client = bastion && !tunnel ? undefined : own.client;
    return [
      {
        host: host.name,
        check: "links",
        found: `${operatorPort} not reached from ${from}${client ? `, which is ${client} there` : ""} (${outcome}${denies(own)})`,
        needed: "this port open for the machine that deploys: Terraform makes Swarm's containers through it",
        fix:
          bastion && !tunnel
            ? "scripts/tunnel -- npx cdktf deploy (and so for every command that runs Terraform) goes by way of ssh.bastion"
            : openForOperators(inventory, host, own, client),
        // Terraform may be going to run elsewhere.
        ...(deployer === undefined ? { warning: true as const } : {}),
      },
    ];
  });
}

/** What operators use, opened for all of them. */
function openForOperators(
  { settings: { firewall } }: Inventory,
  host: InventoryHost,
  facts: Facts,
  client: string | undefined,
): string {
  if (client !== undefined && keptOut(facts, client)) {
    return `on the host: systemctl stop ${names.unit}; with ${client} in firewall.operators of the cluster file the next deploy loads the allow-list again`;
  }
  const consul = consulIsLocalOn(host) ? [] : [ports.consulHttp];
  const used = [...consul, ports.weaveProxy, ...(host.manager ? [ports.swarmManager] : [])];
  const numbers = used.map(({ number }) => number).sort((a, b) => a - b);
  const operators = firewall?.operators ?? [];
  const known = client === undefined || operators.some((range) => within(client, range));
  const sources = known ? operators : [client, ...operators];
  return openingCommand(
    facts,
    numbers.map((number) => `${number}/tcp`),
    sources.length > 0 ? sources : ["ADDRESS-OF-THIS-MACHINE"],
  );
}
