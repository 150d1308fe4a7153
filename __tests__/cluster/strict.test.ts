/** `security: strict`, one word for all that protects a cluster on a LAN that is not trusted. */
import { expect, it } from "vitest";
import { clusterFileSchema, strict } from "../../cluster/schema.js";
import { type Field, fieldOf } from "../../cluster/schema-walk.js";
import { load, three } from "../fixtures/files.js";

const parse = (more: object) =>
  clusterFileSchema.parse({ name: "test", hosts: [{ name: "h1", address: "10.0.0.1" }], ...more });
/** What is wrong with the cluster file itself; that it has no certificates is another matter. */
const problems = (lines: string) =>
  load(three(`${lines}\n`)).problems.filter((problem) => problem.startsWith("cluster.yaml"));

it("means every switch of security, and the allow-list", () => {
  const { security, firewall } = parse({ security: "strict", firewall: { operators: ["10.9.0.1"] } });
  const switches = Object.entries(fieldOf(clusterFileSchema).properties?.security?.properties ?? {}).filter(
    ([, field]) => (field as Field & { type?: string }).type === "boolean",
  );
  expect(switches.length).toBeGreaterThan(1);
  for (const [name] of switches) {
    expect(security, name).toHaveProperty(name, true);
  }
  expect(firewall).toEqual({ managed: true, operators: ["10.9.0.1"] });
});

it("is the same as its switches, written one by one", () => {
  expect(parse({ security: "strict" })).toEqual(parse({ security: strict.security, firewall: strict.firewall }));
});

it("does not go with an open firewall", () => {
  expect(problems("security: strict\nfirewall: { managed: false }")).toEqual([
    "cluster.yaml:7:22: firewall.managed: found false, expected true, since security is strict (or name security's switches one by one)",
  ]);
});

it("is the only word there", () => {
  const expected = "expected strict, or a mapping";
  expect(problems("security: strictly")).toEqual([`cluster.yaml:6:11: security: found "strictly", ${expected}`]);
  expect(problems("security: true")).toEqual([`cluster.yaml:6:11: security: found true, ${expected}`]);
});

it("leaves mistakes in the firewall's section where they are", () => {
  expect(problems("security: strict\nfirewall: []")).toEqual([
    "cluster.yaml:7:11: firewall: found an empty list, expected a mapping",
  ]);
  expect(problems("security: strict\nfirewall:")).toEqual([
    "cluster.yaml:7:10: firewall: found nothing, expected a mapping",
  ]);
});
