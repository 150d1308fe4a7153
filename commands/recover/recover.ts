/**
 * `scripts/recover`: makes the next deploy run all of its steps again, and lets Terraform work again where a host, or the
 * Docker API through its Weave proxy, does not answer.
 */
import type { Inventory } from "../../cluster/inventory.js";
import { type Host, label } from "../../cluster/model.js";
import type { SshTargets } from "../../ssh/config.js";
import { onAll, withHosts } from "../../ssh/contact.js";
import { explainContact, lastLine } from "../../ssh/explain.js";
import type { SshResult } from "../../ssh/ssh.js";
import { inventoryFrom } from "../shared/command.js";
import { hostScript } from "../shared/host-scripts.js";
import { stackFolder, terraform } from "../shared/terraform.js";

/** A backend holds the lock of a deploy that was killed until it has missed it for a while: Consul for half a minute. */
const lockSeconds = 60;

/** How long a step may go on after its deploy has ended: as long as packages take to install. */
const stepSeconds = 600;

/** How long a unit may take to start, and Weave's proxy to answer after that. */
const proxySeconds = 60;

/** The host's part in all: a step that is waited for, three units and a restart, and the proxy twice. */
const hostSeconds = stepSeconds + 6 * proxySeconds + 60;

/** The part of Terraform's state that matters here, as `terraform state pull` prints it. */
export interface State {
  readonly resources?: readonly {
    readonly mode: string;
    readonly type: string;
    readonly name: string;
    readonly instances: readonly { readonly attributes: { readonly id?: string } }[];
  }[];
}

/**
 * What must not run again. Where `swarm_clear` did, containers would go that the state has. A host that has made its
 * `leave` may be off, or have another job; one that was broken off on the way is tainted, and runs again anyway. What
 * is done about a `lost` host is done by a member, as often as it takes.
 */
const onlyOnce = /_(swarm_clear|leave)$/;

/** Steps by their addresses, and the ids of containers, that a state knows. */
export function known({ resources = [] }: State): { readonly steps: string[]; readonly containers: string[] } {
  const managed = resources.filter(({ mode }) => mode === "managed");
  return {
    steps: managed
      .filter(({ type, name }) => type === "null_resource" && !onlyOnce.test(name))
      .map(({ name }) => `null_resource.${name}`),
    containers: managed
      .filter(({ type }) => type === "docker_container")
      .flatMap(({ instances }) => instances.flatMap(({ attributes: { id } }) => id ?? [])),
  };
}

/** What a host's part has come to: its exit status, which `scripts/host/probes/recover.sh` explains. */
const outcomes = { proxyAnswers: 0, proxySilent: 3, engineSilent: 4 } as const;

interface Asked {
  readonly host: Host;
  readonly result: SshResult;
}

/** What becomes of the state, given what was found on the hosts. */
export interface Decision {
  /** Addresses of containers that Terraform can no longer ask for. */
  readonly forgotten: readonly string[];
  /** What that means, and what to do next. */
  readonly lines: readonly string[];
  /** Why nothing may be changed. */
  readonly failures: readonly string[];
}

/** A host that cannot be asked, or whose Weave proxy is dead, would fail every plan, deploy and destroy. */
export function decide(targets: SshTargets, state: State, asked: readonly Asked[]): Decision {
  const decisions = asked.map(({ host, result }) => decideOn(targets, host, result, containersOn(state, host)));
  const away = asked.filter(({ host, result }) => explainContact(targets, host, result) !== undefined);
  return {
    forgotten: decisions.flatMap(({ forgotten }) => forgotten),
    lines: decisions.flatMap(({ lines }) => lines),
    failures: [
      ...decisions.flatMap(({ failures }) => failures),
      // More likely the network of this machine than all of the hosts.
      ...(away.length === asked.length ? decisions.flatMap(({ lines }) => lines.slice(0, 1)) : []),
    ],
  };
}

function decideOn(targets: SshTargets, host: Host, result: SshResult, containers: readonly string[]): Decision {
  const forget = (why: string, next: string): Decision => ({
    forgotten: containers,
    lines: [
      `${label(host)}: ${why}`,
      ...(containers.length === 0
        ? []
        : [
            `${host.name}: took ${containers.join(" and ")} out of Terraform's state: plan, deploy and destroy no longer ask this host's Docker API`,
          ]),
      `${host.name}: ${next}`,
    ],
    failures: [],
  });
  const cause = explainContact(targets, host, result);
  if (cause?.check === "reach") {
    return forget(
      cause.found,
      "once it is back: scripts/recover again, then deploy; while it stays off: give it `down: true`, and deploy (or destroy the others); if it is gone for good: move it to `removed`, with `lost: true`, and deploy",
    );
  }
  const silent = "Weave's proxy does not answer";
  switch (cause === undefined ? result.status : undefined) {
    case outcomes.proxyAnswers:
      return { forgotten: [], lines: [], failures: [] };
    case outcomes.proxySilent:
      // Before the first deploy has come to Weave, that is as it should be.
      return containers.length === 0
        ? { forgotten: [], lines: [], failures: [] }
        : forget(silent, "deploy: it sets Weave up again and creates the containers");
    case outcomes.engineSilent:
      return containers.length === 0
        ? { forgotten: [], lines: [], failures: [] }
        : forget(`${silent}, nor does its Docker Engine`, "repair the engine, then scripts/recover again, then deploy");
    default: {
      const why = cause ? `${cause.found}; to fix it: ${cause.fix}` : lastLine(result.stderr);
      return { forgotten: [], lines: [], failures: [`${label(host)}: ${why}`] };
    }
  }
}

/** Addresses of Swarm's containers on a host, as `constructs/swarm.ts` names them. Names of hosts hold no underscore. */
function containersOn({ resources = [] }: State, { name }: Host): string[] {
  return resources
    .filter((one) => one.mode === "managed" && one.type === "docker_container" && one.name.startsWith(`${name}_`))
    .map((one) => `docker_container.${one.name}`);
}

async function askHosts(inventory: Inventory, containers: readonly string[]): Promise<Asked[]> {
  const script = hostScript("steps/tls.sh", "probes/recover.sh");
  const asked = await withHosts(inventory, (run) =>
    onAll(inventory.hosts, async (host) => {
      const form = inventory.operator === undefined ? "open" : "tls";
      const args = [inventory.name, String(stepSeconds), host.address, String(proxySeconds), form, ...containers];
      return { host, result: await run(host, script, args, hostSeconds) };
    }),
  );
  for (const { result } of asked) {
    process.stdout.write(result.stdout);
  }
  return asked;
}

export async function recover(clusterFile: string, output: string): Promise<number> {
  const inventory = inventoryFrom(clusterFile);
  const stack = stackFolder(output, inventory.name);
  terraform(stack, "init", "-input=false");
  const state = JSON.parse(terraform(stack, "state", "pull") || "{}") as State;
  const { steps, containers } = known(state);
  const { forgotten, lines, failures } = decide(inventory, state, await askHosts(inventory, containers));
  if (failures.length > 0) {
    throw new Error(`${failures.join("; ")}; the state was not changed`);
  }
  if (steps.length + forgotten.length > 0) {
    terraform(stack, "state", "rm", `-lock-timeout=${lockSeconds}s`, ...steps, ...forgotten);
  }
  for (const line of lines) {
    console.log(`recover: ${line}`);
  }
  console.log(`recover: ${steps.length} steps run again with the next deploy: npx cdktf deploy`);
  return 0;
}
