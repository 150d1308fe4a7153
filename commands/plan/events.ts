/** What a plan's changed resources mean on one host. */
import type { HostEvent } from "./json-schema.js";
import type { Member } from "./members.js";
import type { PlannedChange, TerraformPlan, Turn } from "./terraform-plan.js";

/** How long systemd waits for Weave's unit: `TimeoutStartSec` in `scripts/host/steps/weave-launch.sh`. */
export const weaveStartSeconds = 180;

type Texts = Readonly<Record<string, string>>;

/** What a component's step does to its service when it runs again. */
interface Effect {
  /** Why the service is restarted for certain. */
  readonly restarts: readonly string[];
  /** What is told to the running service. */
  readonly told: readonly string[];
  /** Why the step is going to refuse. */
  readonly refused: readonly string[];
}

const changed = (what: string, before: string | undefined, after: string | undefined) =>
  `${what}: ${before ?? "none"} → ${after ?? "none"}`;

/** The NAME=VALUE words of a step's command. */
export const argsOf = (triggers: Texts | undefined): Texts =>
  Object.fromEntries([...(triggers?.command ?? "").matchAll(/ (\w+)=(\S*)/g)].map(([, name, value]) => [name, value]));

/** Its hash says nothing to a reader. */
function certificateChange(before: string | undefined, after: string | undefined): string {
  if (before === undefined) {
    return "security.dockerTls: false → true";
  }
  return after === undefined ? "security.dockerTls: true → false" : "another certificate";
}

/** Has a step that had a certificate another one? */
const otherCertificate = ({ before, after }: Turn<Texts>): boolean =>
  before?.certificate !== undefined && after?.certificate !== undefined && before.certificate !== after.certificate;

/** Arguments that differ, but for those that say only how long the step waits. */
function differing({ before, after }: Turn<Texts>): [name: string, text: string][] {
  const [was, is] = [argsOf(before), argsOf(after)];
  return [...new Set([...Object.keys(was), ...Object.keys(is)])]
    .filter((name) => name !== "timeout" && was[name] !== is[name])
    .map((name) => [
      name,
      name === "certificate" ? certificateChange(was[name], is[name]) : changed(name, was[name], is[name]),
    ]);
}

/** Versions and checksums of an artifact, as one text to compare and one to show. */
function artifact(table: string | undefined, wanted: string) {
  const lines = (table ?? "").split("\n").map((line) => line.split("\t"));
  const found = lines.filter(([name]) => name === wanted);
  return { version: found[0]?.[2], exact: found.map(([, platform, , sha256]) => `${platform} ${sha256}`).join("\n") };
}

function artifactChange(plan: TerraformPlan, name: string): string[] {
  const table = plan.file("artifacts");
  if (table.before === undefined || table.after === undefined) {
    return [];
  }
  const [was, is] = [artifact(table.before, name), artifact(table.after, name)];
  if (was.version !== is.version) {
    return [changed("version", was.version, is.version)];
  }
  return was.exact === is.exact ? [] : [`version ${is.version}, with another checksum`];
}

/** Keys of Consul's configuration that all agents need alike, to talk to each other, and where they come from. */
const forms = { tls: "security.consulTls", acl: "security.consulAcl" } as const;

/** One line for each key of Consul's configuration that differs; lists by what comes and goes. */
function configChanges({ before, after }: Turn<string>): string[] {
  if (before === undefined || after === undefined) {
    return [];
  }
  const [was, is] = [before, after].map((text) => JSON.parse(text) as Record<string, unknown>) as [Texts, Texts];
  return [...new Set([...Object.keys(was), ...Object.keys(is)])]
    .filter((key) => JSON.stringify(was[key]) !== JSON.stringify(is[key]))
    .map((key) => {
      const [a, b] = [was[key] as unknown, is[key] as unknown];
      if (Array.isArray(a) && Array.isArray(b)) {
        const gone = a.filter((one) => !b.includes(one)).map((one) => `−${one}`);
        const come = b.filter((one) => !a.includes(one)).map((one) => `+${one}`);
        return `${key}: ${[...come, ...gone].join(" ") || "another order"}`;
      }
      if (key in forms) {
        return changed(forms[key as keyof typeof forms], String(key in was), String(key in is));
      }
      const show = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
      return changed(key, show(a), show(b));
    });
}

/** Agents of different forms do not talk to each other, so that all are restarted at the same time. */
export function changesForm(plan: TerraformPlan, host: string): boolean {
  if (tokensChange(plan.triggers(serviceStep("Consul", host))).length > 0) {
    return true;
  }
  const { before, after } = plan.file(consulFile(host));
  if (before === undefined || after === undefined) {
    return false;
  }
  const [was, is] = [before, after].map((text) => JSON.parse(text) as object) as [object, object];
  return Object.keys(forms).some((key) => key in was !== key in is);
}

/** Arguments of a step that a running component cannot take over; its step refuses them. */
const fixed = {
  consul: { datacenter: "consul.datacenter", data_dir: "consul.dataDir" },
  weave: { range: "weave.range", mtu: "weave.mtu", fast_datapath: "weave.fastDatapath" },
} as const;

function refusals(args: [string, string][], of: Readonly<Record<string, string>>): string[] {
  return args.flatMap(([name, text]) => (of[name] ? [text.replace(name, of[name])] : []));
}

/** It starts an agent where none runs, and does to one that runs what needs no turn. */
const consulInstall = (host: string): string => `null_resource.${host}_consul_install`;

/** The name of the rendered file with the configuration of a host's Consul. */
export const consulFile = (host: string): string => `${host}_consul_config-file`;

function consulEffect(plan: TerraformPlan, { name }: Member, triggers: Turn<Texts>): Effect {
  const args = differing(triggers);
  const told = args.filter(([arg]) => arg === "servers").map(([, text]) => text);
  const config = configChanges(plan.file(consulFile(name)));
  const renewed = otherCertificate(plan.triggers(consulInstall(name)));
  const role = args.filter(([arg]) => arg === "role").map(([, text]) => text);
  return {
    restarts: [...artifactChange(plan, "consul"), ...role, ...tokensChange(triggers), ...config],
    told: [...told, ...(renewed ? ["another certificate"] : [])],
    refused: refusals(args, fixed.consul),
  };
}

/** Agents that came to have tokens, or have none any more, are told by their configuration. */
function tokensChange({ before, after }: Turn<Texts>): string[] {
  const [was, is] = [argsOf(before).tokens, argsOf(after).tokens];
  return was === undefined || is === undefined || was === is ? [] : ["another management token"];
}

function weaveEffect(plan: TerraformPlan, member: Member, triggers: Turn<Texts>): Effect {
  const args = differing(triggers);
  const options = args
    .filter(([name]) => name !== "version" && name !== "password" && !(name in fixed.weave))
    .map(([, text]) => text);
  const script = artifactChange(plan, "weave");
  const install = plan.triggers(`null_resource.${member.name}_${services.Weave.tells}`);
  const told = install.before?.peers === install.after?.peers ? [] : peerChanges(plan, member);
  return { restarts: [...script, ...passwordChange(triggers), ...options], told, refused: refusals(args, fixed.weave) };
}

function passwordChange({ before, after }: Turn<Texts>): string[] {
  const [was, is] = [argsOf(before).password, argsOf(after).password];
  if (was === is || before === undefined) {
    return [];
  }
  const encrypted = (password: string | undefined) => String(password !== undefined);
  return was === undefined || is === undefined
    ? [changed("weaveEncryption", encrypted(was), encrypted(is))]
    : ["another password"];
}

/** Routers with different passwords do not talk to each other, so that all get another one at the same time. */
export const getsOtherPassword = (plan: TerraformPlan, host: string): boolean =>
  passwordChange(plan.triggers(serviceStep("Weave", host))).length > 0;

/** Hosts that come and go, as the others are told of them. */
function peerChanges(plan: TerraformPlan, { name }: Member): string[] {
  const named = (table: string | undefined) =>
    (table ?? "")
      .split("\n")
      .map((line) => line.split("\t")[0] ?? "")
      .filter((host) => host !== "" && host !== name);
  const table = plan.file("hosts");
  const [was, is] = [named(table.before), named(table.after)];
  return [
    ...is.filter((host) => !was.includes(host)).map((host) => `+${host}`),
    ...was.filter((host) => !is.includes(host)).map((host) => `−${host}`),
  ];
}

/** The components that a step runs as a service, and the step that tells what runs of its peers. */
const services = {
  Consul: { step: "consul_start", tells: "consul_start", effect: consulEffect },
  Weave: { step: "weave_launch", tells: "weave_install", effect: weaveEffect },
} as const;

export type Service = keyof typeof services;

/** The step that starts and restarts a service on a host. */
export const serviceStep = (service: Service, host: string): string =>
  `null_resource.${host}_${services[service].step}`;

/** All steps that are about a service's process. */
const serviceSteps = (service: Service, host: string): string[] =>
  [services[service].step, services[service].tells].map((step) => `null_resource.${host}_${step}`);

/** What happens to a service of a host that was a member before and stays one. */
function serviceEvents(plan: TerraformPlan, member: Member, service: Service): HostEvent[] {
  const runs = (address: string) => plan.changes.get(address)?.actions.includes("create") === true;
  if (!serviceSteps(service, member.name).some(runs)) {
    return [];
  }
  const triggers = plan.triggers(serviceStep(service, member.name));
  const event = (what: HostEvent["what"], because: readonly string[]): HostEvent => ({
    what,
    component: service,
    because: [...because],
    ...(service === "Weave" && /restart/.test(what) && { noNetworkSeconds: noNetworkSeconds(triggers.after) }),
  });
  if (!runs(serviceStep(service, member.name))) {
    const { told } = services[service].effect(plan, member, { before: undefined, after: undefined });
    return told.length > 0 ? [event("is told", told)] : [];
  }
  if (triggers.before === undefined) {
    return [event("may restart", ["Terraform's state does not know what it runs with"])];
  }
  const { restarts, told, refused } = services[service].effect(plan, member, triggers);
  if (refused.length > 0) {
    return [event("is refused", refused)];
  }
  if (restarts.length > 0) {
    return [event("restarts", restarts)];
  }
  if (triggers.before.script !== triggers.after?.script) {
    return [event("may restart", ["the step's script has changed"])];
  }
  return told.length > 0 ? [event("is told", told)] : [];
}

/** The start itself, then the proxy's answer and the connections, for each of which the step waits. */
const noNetworkSeconds = (triggers: Texts | undefined): number =>
  weaveStartSeconds + 2 * Number(argsOf(triggers).timeout ?? 0);

/** Swarm's containers, which Terraform itself makes. */
function containerEvents(plan: TerraformPlan, { name }: Member): HostEvent[] {
  return [...plan.changes.values()]
    .filter((one) => one.type === "docker_container" && one.name.startsWith(`${name}_swarm_`))
    .map((container) => ({
      what: containerEvent(container),
      component: `Swarm ${container.name.replace(/^.*_swarm_(manager|agent).*$/, "$1")}`,
      because: container.actions.includes("create") || container.actions.includes("update") ? changesOf(container) : [],
    }));
}

function containerEvent({ actions }: PlannedChange): HostEvent["what"] {
  if (actions.includes("forget")) {
    return "is forgotten";
  }
  if (!actions.includes("create")) {
    return actions.includes("delete") ? "is removed" : "may restart";
  }
  return actions.includes("delete") ? "is replaced" : "starts";
}

function changesOf({ actions, before, after, changed: names }: PlannedChange): string[] {
  if (!actions.includes("delete") && !actions.includes("update")) {
    return [];
  }
  return names.map((name) => {
    const [was, is] = [before[name], after[name]];
    const words = (value: unknown) => (Array.isArray(value) ? value.map(String) : [JSON.stringify(value)]);
    const [a, b] = [words(was), words(is)];
    // Options are shown with their names: the words before them.
    const options = b.flatMap((word, i) => (word === a[i] ? [] : [`${b[i - 1] ?? ""} ${a[i]} → ${word}`.trim()]));
    return a.length === b.length ? `${name}: ${options.join(", ")}` : changed(name, a.join(" "), b.join(" "));
  });
}

const managerStep = (host: string): string => `null_resource.${host}_swarm_certificate`;

/** A manager that stays is restarted with its host's new certificate. */
function certificateEvents(plan: TerraformPlan, { name }: Member): HostEvent[] {
  return otherCertificate(plan.triggers(managerStep(name)))
    ? [{ what: "restarts", component: "Swarm manager", because: ["another certificate"] }]
    : [];
}

const firewallStep = (host: string): string => `null_resource.${host}_firewall`;

/** The allow-list of a host that was a member before and stays one. */
function firewallEvents(plan: TerraformPlan, member: Member): HostEvent[] {
  const address = firewallStep(member.name);
  const planned = plan.changes.get(address);
  if (planned === undefined) {
    return [];
  }
  const event = (what: HostEvent["what"], because: string[]): HostEvent => ({ what, component: "firewall", because });
  const managed = (before: boolean) => [`firewall.managed: ${before} → ${!before}`];
  if (!planned.actions.includes("create")) {
    return [event("is removed", managed(true))];
  }
  const { before, after } = plan.triggers(address);
  if (before === undefined) {
    return [event("starts", managed(false))];
  }
  const peers = before.peers === after?.peers ? [] : peerChanges(plan, member);
  const told = [...differing({ before, after }).map(([, text]) => text), ...peers];
  return told.length > 0 ? [event("is told", told)] : [];
}

/** Steps of the host that run again and restart nothing by themselves. */
function otherSteps(plan: TerraformPlan, { name }: Member, told: readonly HostEvent[]): HostEvent[] {
  const steps = [...plan.changes.values()].filter(
    (one) => one.type === "null_resource" && one.name.startsWith(`${name}_`) && one.actions.includes("create"),
  );
  // The deploy lets go of every host that it has done anything on.
  const quiet = steps.filter(({ address }) => {
    if (address === `null_resource.${name}_release`) {
      return false;
    }
    if (address === managerStep(name)) {
      return !told.some(({ what, component }) => what === "restarts" && component === "Swarm manager");
    }
    if (address === consulInstall(name) && (changesForm(plan, name) || otherCertificate(plan.triggers(address)))) {
      return !told.some(({ component }) => component === "Consul");
    }
    if (address === firewallStep(name)) {
      return !told.some(({ component }) => component === "firewall");
    }
    const service = (Object.keys(services) as Service[]).find((one) => serviceSteps(one, name).includes(address));
    return service === undefined || !told.some(({ component }) => component === service);
  });
  if (quiet.length === 0) {
    return [];
  }
  const component = quiet.map((one) => one.name.slice(name.length + 1).replaceAll("_", " ")).sort();
  return [{ what: "runs again", component: component.join(", "), because: [] }];
}

/** What happens to a member as a whole, when that says it all. */
function wholeEvent(plan: TerraformPlan, member: Member): HostEvent["what"] | undefined {
  const { before, after, departs, name } = member;
  if (departs) {
    return departs;
  }
  if (plan.changes.get(`terraform_data.${name}_teardown`)?.actions.includes("delete")) {
    return "is uninstalled";
  }
  if (before === undefined) {
    return "joins";
  }
  const down = (row: Member["before"]) => row?.roles.includes("down") ?? false;
  if (down(after)) {
    return down(before) ? undefined : "is down";
  }
  if (down(before)) {
    return "returns";
  }
  const { before: was, after: is } = plan.triggers(`null_resource.${name}_stage`);
  return was && is && was.rebuilt !== is.rebuilt ? "is rebuilt" : undefined;
}

/** Everything that happens to a host and on it. */
export function eventsOf(plan: TerraformPlan, member: Member): HostEvent[] {
  const whole = wholeEvent(plan, member);
  if (whole !== undefined) {
    return [{ what: whole, because: [] }];
  }
  if (!member.after) {
    // Its departure was an earlier deploy's.
    return [];
  }
  const events = [
    ...(Object.keys(services) as Service[]).flatMap((service) => serviceEvents(plan, member, service)),
    ...containerEvents(plan, member),
    ...certificateEvents(plan, member),
    ...firewallEvents(plan, member),
  ];
  return [...events, ...otherSteps(plan, member, events)];
}
