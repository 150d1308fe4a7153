/** Hosts on which a Vert.x event bus can be tested, and disturbed. */

import type { EventBusRun } from "../checks/verify/event-bus.js";
import type { Said } from "../checks/views.js";
import { host } from "./inventories.js";

export const hosts = [host(1), host(2), host(3)];

type Answer = Said | string;

/** Three hosts, their Swarm, and members that hear each other, in the output's own form; single answers can be changed. */
export class FakeCluster {
  readonly asked: string[] = [];
  readonly specs: string[] = [];
  readonly containers = new Map<string, { node: string; status: string; args: string; log: string[] }>();
  /** Pairs, listener first, of which the first hears nothing of the second from the given look on. */
  deaf: { from: number; pairs: string[] } = { from: Number.POSITIVE_INFINITY, pairs: [] };
  together = false;
  fails: Record<string, Answer> = {};
  looks = 0;

  constructor(readonly nodes = hosts) {}

  run: EventBusRun["run"] = async ({ name }, _, args = []) => {
    const [action = "", ...rest] = args;
    this.asked.push(`${name} ${action}`);
    const sections = this.answer(name, action, rest).map(([section, answer]) => {
      const { status, text } = typeof answer === "string" ? { status: 0, text: answer } : answer;
      return `=== ${section} ${status}\n${text}\n`;
    });
    return { status: 0, stdout: `${sections.join("")}=== end 0\n`, stderr: "" };
  };

  private answer(on: string, action: string, args: string[]): [string, Answer][] {
    const broken = this.fails[`${on} ${action}`];
    if (broken !== undefined) return [[action, broken]];
    if (action === "start") return args.slice(2).map((spec) => this.start(spec));
    if (action === "look") return this.look();
    const container = this.containers.get(args[0] ?? "");
    if (action === "crash" && container) container.status = "Exited (137) Less than a second ago";
    if (action === "again" && container) container.status = "Up Less than a second";
    if (action === "discard") for (const name of args) this.containers.delete(name);
    return action === "unload" ? [] : [[action, ""]];
  }

  private start(spec: string): [string, Answer] {
    this.specs.push(spec);
    const [name = "", variable = "", args = ""] = spec.split(";");
    const broken = this.fails[`start ${name}`];
    if (broken !== undefined) return [`start ${name}`, broken];
    const wanted = /^constraint:node==(\w+)$/.exec(variable)?.[1];
    const apart = variable.includes("affinity:container!=") && !this.together;
    const node = wanted ?? this.nodes[apart ? 1 : 0]?.name ?? "";
    this.containers.set(name, {
      node,
      status: "Up 1 second",
      args,
      log: ["Starting clustering at 10.32.0.1...", "Ready!"],
    });
    return [`start ${name}`, "1f"];
  }

  /** Each look is a second later: everyone has published once more. */
  private look(): [string, Answer][] {
    this.looks++;
    const alive = [...this.containers.values()].filter(({ status }) => status.startsWith("Up"));
    const cannotHear = (pair: string) => this.looks >= this.deaf.from && this.deaf.pairs.includes(pair);
    for (const listener of alive) {
      for (const speaker of alive) {
        const [, to] = /^Member (.*)/.exec(listener.args) ?? [];
        const [, from] = /^Member (.*)/.exec(speaker.args) ?? [];
        if (to && from && to !== from && !cannotHear(`${to} ${from}`)) {
          listener.log.push(`Received news ${this.looks} from ${from}`);
        }
        const pair = listener.args === "Receiver" && speaker.args === "Sender";
        if (pair && !cannotHear("Receiver Sender")) listener.log.push("Received news: Some news!");
      }
    }
    const listing = [...this.containers].map(([name, { node, status }]) => `${node}/${name} ${status}`);
    return [
      ["containers", listing.join("\n")],
      ...[...this.containers].map(([name, { log }]): [string, Answer] => [`log ${name}`, log.join("\n")]),
    ];
  }
}
