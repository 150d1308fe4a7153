/** `scripts/plan`: from what Terraform prints of a plan to a page, its exit status, and the form that programs read. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it, test } from "vitest";
import { z } from "zod";
import { weaveStartSeconds } from "../../../commands/plan/events.js";
import { markdownPage, textPage } from "../../../commands/plan/page.js";
import { tell } from "../../../commands/plan/story.js";
import { TerraformPlan } from "../../../commands/plan/terraform-plan.js";

const published = z.fromJSONSchema(JSON.parse(readFileSync("docs/schemas/plan.schema.json", "utf8")));

const hosts = ["h1", "h2", "h3"];
const table = (names: readonly string[]) =>
  names.map((name) => `${name}\t10.0.1.${name.slice(1)}\tserver,manager,agent\n`).join("");
const file = (name: string, content: string) => ({ address: `local_file.${name}`, values: { content } });

interface Resource {
  readonly address: string;
  readonly actions: readonly string[];
  readonly before?: object | null;
  readonly after?: object | null;
}

/** A plan of a cluster whose hosts are all up, before it and after it. */
const planOf = (changes: readonly Resource[], graph: object[] = [], more: Record<string, unknown> = {}) => ({
  format_version: "1.2",
  resource_changes: changes.map(({ address, ...change }) => {
    const [type, name] = address.split(".");
    return { address, type, name, change: { before: null, after: null, ...change } };
  }),
  prior_state: { values: { root_module: { resources: [file("hosts", table(hosts)), file("cluster", "test\n")] } } },
  planned_values: { root_module: { resources: [file("hosts", table(hosts)), file("cluster", "test\n")] } },
  configuration: { root_module: { resources: graph } },
  ...more,
});

const launch = (host: string, before: string, after: string): Resource => {
  const triggers = (dns: string) => ({ command: `sh weave-launch.sh dns=${dns} timeout=120`, script: "s", peers: "p" });
  return {
    address: `null_resource.${host}_weave_launch`,
    actions: ["delete", "create"],
    before: { triggers: triggers(before) },
    after: { triggers: triggers(after) },
  };
};
const restarts = hosts.map((host) => launch(host, "true", "false"));
const chain = hosts.map((host, i) => ({
  address: `null_resource.${host}_weave_launch`,
  depends_on: i === 0 ? [] : [`null_resource.${hosts[i - 1]}_weave_launch`],
}));

const told = (plan: object) => tell(new TerraformPlan(JSON.stringify(plan)));
const dangers = (plan: object) => told(plan).dangers.map(({ danger, found }) => `${danger}: ${found}`);

it("restarts routers in turns, says what they lose for how long, and keeps to the published form", () => {
  const story = told(planOf(restarts, chain));
  expect(story.order).toEqual([{ component: "Weave", turns: [["h1"], ["h2"], ["h3"]] }]);
  expect(story.result).toBe("changes");
  expect(textPage(story)[0]).toMatch(/^h1 \(10\.0\.1\.1\) +Weave restarts \(dns: true → false\).* 420 s at most/);
  expect(published.parse(story)).toEqual(story);
});

it("gives the script's own limits as how long the network is lost", () => {
  const script = readFileSync("scripts/host/steps/weave-launch.sh", "utf8");
  expect(script).toContain(`TimeoutStartSec=${weaveStartSeconds}\n`);
});

it("counts servers that are down when another is lost", () => {
  const servers = ["h1", "h2", "h3", "h4", "h5"];
  const state = (...down: readonly string[]) => {
    const lines = servers.map((name, i) => `${name}\t10.0.1.${i}\t${down.includes(name) ? "down" : "server"}\n`);
    return file("hosts", lines.join(""));
  };
  const config = file("h1_consul_config-file", JSON.stringify({ retry_join: servers.slice(1) }));
  const lost = (...down: readonly string[]) =>
    dangers(
      planOf([{ address: "null_resource.h5_lost", actions: ["create"], after: {} }], [], {
        prior_state: { values: { root_module: { resources: [state(...down), config] } } },
        planned_values: { root_module: { resources: [state(...down, "h5")] } },
      }),
    );
  expect(lost("h4")).toEqual([]);
  expect(lost("h3", "h4")).toEqual(["quorum: without h5, 2 of 5 Consul servers cannot elect a leader"]);
});

it("counts the servers that are left when others have left in the same deploy", () => {
  const rows = (h2: string, ...more: string[]) =>
    file("hosts", `h1\t10.0.1.1\tserver\nh2\t10.0.1.2\t${h2}\n${more.join("")}`);
  const leaving = (h2: string) =>
    dangers(
      planOf([{ address: "null_resource.h3_leave", actions: ["create"], after: {} }], [], {
        prior_state: { values: { root_module: { resources: [rows("server", "h3\t10.0.1.3\tserver\n")] } } },
        planned_values: { root_module: { resources: [rows(h2)] } },
      }),
    );
  expect(leaving("server")).toEqual([]);
  expect(leaving("client")).toEqual(["quorum: without h2, h3, 1 of 2 Consul servers cannot elect a leader"]);
});

it("finds routers that are restarted at the same time", () => {
  expect(dangers(planOf(restarts, chain.slice(0, 2)))).toEqual([
    "order: Weave of h1 and h3, of h2 and h3 can be restarted at the same time",
  ]);
});

it("finds a host that is uninstalled without having left", () => {
  const teardown = { address: "terraform_data.h3_teardown", actions: ["delete"], before: {} };
  expect(dangers(planOf([teardown]))).toEqual([
    "destroys: terraform_data.h3_teardown is destroyed, which uninstalls everything from that host",
  ]);
  // Replacing it does so too.
  expect(dangers(planOf([{ ...teardown, actions: ["delete", "create"] }]))).toHaveLength(1);
});

it("finds something else that is destroyed, but for what is only a record", () => {
  const gone = (address: string) => ({ address, actions: ["delete"], before: {} });
  expect(dangers(planOf([gone("docker_container.bus"), gone("null_resource.h4_leave")]))).toEqual([
    "destroys: docker_container.bus is destroyed",
  ]);
});

it("knows rendered files that this checkout does not have from what Terraform calls drift", () => {
  const config = (level: string) => `{"log_level": "${level}"}`;
  const name = "h1_consul_config-file";
  const resource = { address: `local_file.${name}`, type: "local_file", name };
  const start = {
    address: "null_resource.h1_consul_start",
    actions: ["delete", "create"],
    before: { triggers: { script: "s", config: "a" } },
    after: { triggers: { script: "s", config: "b" } },
  };
  const plan = planOf([start], [], {
    resource_drift: [
      { ...resource, change: { actions: ["delete"], before: { content: config("INFO") }, after: null } },
    ],
    planned_values: { root_module: { resources: [file("hosts", table(hosts)), file(name, config("DEBUG"))] } },
  });
  expect(told(plan).hosts[0]?.events).toEqual([
    { what: "restarts", component: "Consul", because: ["log_level: INFO → DEBUG"] },
  ]);
});

it("does not promise what only the host can decide", () => {
  const edited = { ...launch("h1", "true", "true") };
  const script = { triggers: { ...(edited.after as { triggers: object }).triggers, script: "t" } };
  const story = told(planOf([{ ...edited, after: script }]));
  expect(story.hosts[0]?.events).toMatchObject([{ what: "may restart", because: ["the step's script has changed"] }]);
  // After scripts/recover the state has no step.
  expect(told(planOf([{ ...edited, actions: ["create"], before: null }])).hosts[0]?.events).toMatchObject([
    { what: "may restart", because: ["Terraform's state does not know what it runs with"] },
  ]);
});

it("writes a page for a pull request that no text of the plan can break out of", () => {
  const lines = markdownPage(told(planOf([launch("h1", "a|b", "c|d")], chain)));
  expect(lines.find((line) => line.startsWith("| h1"))?.match(/(?<!\\)\|/g)).toHaveLength(3);
});

test("a plan on standard input, without a cluster file: exit status 3 when it should not be applied", () => {
  const input = JSON.stringify(planOf(restarts));
  const { status, stdout, stderr } = spawnSync("scripts/plan", ["--from", "-"], { input, encoding: "utf8" });
  expect(stderr).toBe("");
  expect(stdout).toMatch(/something happens on 3 of 3 hosts; do not apply it: 1 danger\n$/);
  expect(status).toBe(3);
});

test.each([
  ["no JSON", "Terraform will perform the following actions", "found no JSON, expected what"],
  ["other JSON", "{}", "found other JSON than a plan's"],
  ["a plan that failed", JSON.stringify(planOf([], [], { errored: true })), "found a plan that failed"],
])("could not tell: %s", (_, input, message) => {
  expect(() => new TerraformPlan(input)).toThrow(message);
});
