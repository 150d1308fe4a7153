/** The Vert.x event bus, as its test has found it. */
import { plural } from "../../shared/findings.js";
import type { EventBusResult } from "../event-bus-test.js";
import type { Evidence } from "../evidence.js";
import type { Check } from "./check.js";

export const eventBus = {
  name: "event-bus",
  title: "Vert.x event bus between all hosts (--vertx)",
  doc: "with `--vertx`: members on all hosts find each other by multicast alone, and hear each other again after one has crashed",
  after: ["tcp", "multicast"],
  needed: ({ eventBus: result }) =>
    result?.loaded
      ? `news of every other member within ${result.patience.seconds} s`
      : `the image ${result?.image}, on the host or at its source in artifacts.lock.json`,
  fix: (_, { eventBus: result }) =>
    result?.loaded
      ? "scripts/verify --vertx --transcript shows what the members print"
      : "examples/event-bus/README.md explains how hosts get the image",
  observe: ({ eventBus: result }: Evidence) =>
    result && {
      seen: new Map(result.on.map((host) => [host, `${members(result)} hear each other, also after a crash`])),
      complaints: result.complaints,
    },
} as const satisfies Check;

const members = ({ on }: EventBusResult) => (on.length > 1 ? `all ${plural(on.length, "member")}` : "both members");
