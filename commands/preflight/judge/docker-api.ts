/** Does the machine that Terraform runs on reach the hosts' Docker API? */
import type { Inventory } from "../../../cluster/inventory.js";
import { ports } from "../../../cluster/ports.js";
import type { CheckFinding } from "../checks.js";
import { type Facts, wordsOf } from "../facts.js";
import type { Way } from "../preflight.js";
import type { NetworkProbe } from "../probe-network.js";

export function judgeDockerApi(
  { bastion }: Inventory,
  facts: ReadonlyMap<string, Facts>,
  { unreached, connections }: NetworkProbe,
  { tunnel, deployer }: Way,
): CheckFinding[] {
  const port = ports.weaveProxy.number;
  const from = bastion && tunnel ? `the jump host ${bastion.address}` : "this machine";
  const fix =
    bastion && !tunnel
      ? "scripts/tunnel -- npx cdktf deploy (and so for every command that runs Terraform) goes by way of ssh.bastion"
      : `let ${from} in to ${port}/tcp of the host`;
  // A port that another program holds, or that other hosts do not reach either, is a finding of its own.
  const otherwise = (host: string) =>
    wordsOf(facts.get(host)?.["taken-ports"]).includes(`${port}/tcp`) ||
    connections.some(({ to, port: tried, outcome }) => to === host && tried === `${port}/tcp` && outcome !== "ok");
  return [...unreached]
    .filter(([host]) => !otherwise(host))
    .map(([host, outcome]) => ({
      host,
      check: "docker api",
      found: `${from} does not reach port ${port}: ${outcome}`,
      needed: "a way for Terraform, which creates Swarm's containers through that port",
      fix,
      // Terraform may be going to run elsewhere.
      ...(deployer === undefined ? { warning: true as const } : {}),
    }));
}
