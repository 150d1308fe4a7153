/** A told plan as people read it, on a terminal and in a pull request. */
import { columns, plural } from "../shared/findings.js";
import { type Paint, unpainted } from "../shared/progress.js";
import type { HostEvent, Story } from "./json-schema.js";

/** What an event means to whoever has something running there. */
const meaning: Partial<Record<HostEvent["what"], string>> = {
  joins: "joins: everything is installed and started",
  leaves: "leaves, and is uninstalled; containers that still run there lose their network for good",
  "is lost": "is lost: the other hosts take over what it held; nothing is run on it",
  "is rebuilt": "is rebuilt: everything is installed and started again; it runs no container of the cluster until then",
  "is down": "is down: nothing is asked of it, and the others keep its place",
  returns: "returns: everything runs again and gets what was changed meanwhile",
  "is uninstalled": "is uninstalled; its containers lose their network for good",
};

const cut = (text: string) => (text.length > 160 ? `${text.slice(0, 159)}…` : text);

/** One event as a sentence without its host. */
function sentence({ what, component, because, noNetworkSeconds }: HostEvent): string {
  if (component === undefined) {
    return meaning[what] ?? what;
  }
  const reasons = because.length > 0 ? ` (${because.map(cut).join("; ")})` : "";
  if (what === "runs again") {
    return `nothing restarts by: ${component}`;
  }
  if (what === "is told") {
    return `${component} is told${reasons}; nothing restarts`;
  }
  const network =
    noNetworkSeconds === undefined
      ? ""
      : `; its containers have no network meanwhile: some seconds, ${noNetworkSeconds} s at most before the deploy stops there`;
  return `${component} ${what}${reasons}${network}`;
}

const turnsText = (turns: readonly (readonly string[])[]): string =>
  turns.map((hosts) => (hosts.length > 1 ? `${hosts.join(", ")} side by side` : hosts[0])).join(", then ");

function summary({ cluster, result, hosts, dangers }: Story): string {
  const touched = hosts.filter(({ events }) => events.some(({ what }) => what !== "runs again")).length;
  if (result === "no changes") {
    return `plan: ${cluster}: no changes`;
  }
  const what =
    touched === 0
      ? `plan: ${cluster}: nothing that runs on the hosts changes`
      : `plan: ${cluster}: something happens on ${touched} of ${plural(hosts.length, "host")}`;
  return dangers.length === 0 ? what : `${what}; do not apply it: ${plural(dangers.length, "danger")}`;
}

/** Lines for a terminal. */
export function textPage(story: Story, paint: Paint = unpainted): string[] {
  const hosts = story.hosts.flatMap(({ name, address, events }) => {
    const lines = events.length > 0 ? events.map(sentence) : ["nothing"];
    return lines.map((line, i) => [i === 0 ? `${name} (${address})` : "", line]);
  });
  const order = story.order.map(({ component, turns }) => [`order of ${component}`, turnsText(turns)]);
  const destroyed = story.destroyed.map((address, i) => [i === 0 ? "destroyed" : "", address]);
  const dangers = story.dangers.flatMap(({ danger, found, needed }) => [
    [paint("red", `danger: ${danger}`), found],
    ["", `${paint("dim", "needs:")} ${needed}`],
  ]);
  const rows = story.result === "no changes" ? [] : [...hosts, ...order, ...destroyed, ...dangers];
  const colour = { "no changes": "green", changes: "yellow", dangerous: "red" } as const;
  return [...columns(rows), paint(colour[story.result], summary(story))];
}

/** The same for a comment on a pull request. */
export function markdownPage(story: Story): string[] {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const head = [`### ${cell(summary(story))}`];
  if (story.result === "no changes") {
    return head;
  }
  const dangers = story.dangers.map(({ danger, found, needed }) => `- **${danger}**: ${found}. Needed: ${needed}.`);
  const hosts = story.hosts.map(({ name, address, events }) => {
    const lines = events.length > 0 ? events.map(sentence) : ["nothing"];
    return `| ${name} (${address}) | ${lines.map(cell).join("<br>")} |`;
  });
  const order = story.order.map(({ component, turns }) => `- order of ${component}: ${turnsText(turns)}`);
  const destroyed = story.destroyed.map((address) => `- destroyed: \`${address}\``);
  const part = (lines: readonly string[]) => (lines.length > 0 ? ["", ...lines] : []);
  return [
    ...head,
    ...part(dangers),
    ...part(["| Host | What happens |", "| --- | --- |", ...hosts]),
    ...part([...order, ...destroyed]),
  ];
}
