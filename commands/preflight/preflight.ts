/** The preflight: all problems of all hosts, before anything is changed on one. */
import type { Inventory, InventoryHost } from "../../cluster/inventory.js";
import { onAll, type RunAsRoot, withHosts } from "../../ssh/contact.js";
import { explainContact, lastLine } from "../../ssh/explain.js";
import type { SshResult } from "../../ssh/ssh.js";
import { type Connect, withTunnel } from "../../ssh/tunnel.js";
import { type Finding, plural } from "../shared/findings.js";
import { painter, progress } from "../shared/progress.js";
import { endOnSignals } from "../shared/signals.js";
import type { Judgement } from "./checks.js";
import { type Facts, parseReport } from "./facts.js";
import { preflightJson } from "./json.js";
import { judgeAllHosts } from "./judge/all-hosts.js";
import { judgeNetwork } from "./judge/network.js";
import { judgeHost } from "./judge/one-host.js";
import { judgeOperator } from "./operator.js";
import { type NetworkProbe, probeNetwork } from "./probe-network.js";
import { preflightReport } from "./report.js";
import type { ExitStatus, PreflightResult, Way } from "./result.js";

/** The texts of what runs on hosts. */
export interface Programs {
  /** `names.sh`, `tls.sh`, `preflight-facts.sh` and `preflight.sh` of `scripts/host` */
  readonly host: string;
  /** `scripts/host/probes/port-probe.pl` */
  readonly portProbe: string;
}

/**
 * Looks at all hosts at once. Changes nothing on any.
 *
 * @param script what each host is asked with
 * @param probe lets the hosts try each other, once all of them have been looked at
 */
export async function lookAtHosts(
  inventory: Inventory,
  script: string,
  run: RunAsRoot,
  probe: (looked: Promise<unknown>) => Promise<NetworkProbe>,
  way: Way = {},
): Promise<PreflightResult> {
  const facts = new Map<string, Facts>();
  const undecided = new Map<string, string>();
  const findings: Finding[] = [];
  const looked = onAll(inventory.hosts, async (host) => ({
    host,
    result: await run(host, script, scriptArguments(inventory, host)),
  }));
  const [answers, network] = await Promise.all([looked, probe(looked)]);
  for (const { host, result } of answers) {
    const view = viewOf(inventory, host, result, {
      silence: network.silent.get(host.name),
      deployer: way.deployer,
    });
    findings.push(...view.findings);
    if (view.facts) {
      facts.set(host.name, view.facts);
    }
    if (view.undecided !== undefined) {
      undecided.set(host.name, view.undecided);
    }
  }
  // Beside the first host, since findings are of hosts.
  const operator = inventory.hosts
    .slice(0, 1)
    .flatMap(({ name }) => judgeOperator(inventory).map((one) => ({ host: name, ...one })));
  return {
    findings: [
      ...operator,
      ...findings,
      ...judgeAllHosts(inventory, facts),
      ...judgeNetwork(inventory, facts, network, way),
    ],
    facts,
    undecided,
    network,
  };
}

interface HostView {
  readonly findings: readonly Finding[];
  readonly facts?: Facts;
  readonly undecided?: string;
}

interface Known {
  /** What the port probe said, on a host that took no part in it. */
  readonly silence: string | undefined;
  readonly deployer: string | undefined;
}

function viewOf(inventory: Inventory, host: InventoryHost, result: SshResult, { silence, deployer }: Known): HostView {
  const report = parseReport(host.name, result.stdout);
  if (!report.complete) {
    const unreached = explainContact(inventory, host, result);
    if (unreached) {
      return { findings: [unreached] };
    }
    const reason = lastLine(result.stderr) || `status ${result.status}`;
    return { findings: [], undecided: `the checks ended early: ${reason}` };
  }
  const { facts } = report;
  const findings = [...report.findings, ...judgeHost(inventory, host, facts, deployer)];
  if (silence === undefined) {
    return { findings, facts };
  }
  if (/perl: (command )?not found|exec: perl/.test(silence)) {
    return { findings: [...findings, { host: host.name, ...noPerl }], facts };
  }
  return { findings, facts, undecided: `could not try the other hosts' ports: ${silence}` };
}

const noPerl: Judgement = {
  check: "links",
  found: "there is no perl",
  needed: "perl-base",
  fix: "apt-get install perl-base",
};

/** What `preflight.sh` is told. */
function scriptArguments({ settings, required, sources, pulls = [] }: Inventory, { ports }: InventoryHost): string[] {
  const images = required.filter((name) => name.startsWith("image:")).map((name) => name.slice("image:".length));
  return [
    `data_dir=${settings.consul.dataDir}`,
    `images=${[...images, settings.verify.image].join(",")}`,
    ...(pulls.length > 0 ? [`pulls=${pulls.map(({ image, from }) => `${image}=${from}`).join(",")}`] : []),
    `ports=${ports.join(",")}`,
    `names=${sources.join(",")}`,
  ];
}

interface Options {
  /** Prints the result for programs. */
  readonly json?: boolean;
  readonly deployer?: string;
}

/** Looks at all hosts and prints what was found. */
export async function runPreflight(
  inventory: Inventory,
  programs: Programs,
  { json = false, deployer }: Options = {},
): Promise<ExitStatus> {
  endOnSignals("preflight");
  const { say, done } = progress("preflight");
  const many = inventory.hosts.length > 1;
  say(`looking at ${plural(inventory.hosts.length, "host")}${many ? ", which try each other's ports" : ""}`);
  const tunnel = inventory.bastion !== undefined && (process.env.HTTP_PROXY ?? process.env.http_proxy ?? "") !== "";
  const look = (connect?: Connect) =>
    withHosts(inventory, (run, open) =>
      lookAtHosts(
        inventory,
        programs.host,
        run,
        (looked) => probeNetwork(inventory, programs.portProbe, open, looked, connect),
        { deployer, tunnel },
      ),
    );
  const result = await (tunnel ? withTunnel(inventory, look) : look()).finally(done);
  const { lines, status } = preflightReport(inventory, result, painter());
  if (json) {
    console.log(JSON.stringify(preflightJson(inventory, result, status), undefined, 2));
  } else {
    for (const line of lines) {
      console.log(line);
    }
  }
  return status;
}
