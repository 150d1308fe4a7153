/** The stack in HCL says what its JSON says. That Terraform takes it is seen in `__tests__/lab/validate.test.ts`. */
import { expect, test } from "vitest";
import { hclOf } from "../../constructs/hcl.js";

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: Terraform's, not ours
test("blocks, references, expressions and text are told apart", () => {
  const hcl = hclOf({
    "//": { metadata: {} },
    terraform: { required_version: ">= 1.10", backend: { local: { path: "x" } } },
    locals: { who: "me" },
    variable: { key: { type: "string", default: null } },
    provider: { docker: [{ alias: "h1" }] },
    resource: {
      null_resource: {
        one: {
          connection: { type: "ssh", port: 22 },
          depends_on: ["null_resource.a", "null_resource.b"],
          labels: [{ label: "a" }, { label: "b" }],
          lifecycle: { precondition: [{ condition: '${x != "}"}' }] },
          provider: "docker.h1",
          provisioner: [
            { "local-exec": { command: 'echo "\\a" ${join(",", ["}"])}\n$${HOME} 100%', when: "destroy" } },
          ],
          triggers: { "a.b": "${x.id}", list: ["1"] },
        },
      },
    },
    removed: [{ from: "null_resource.c", lifecycle: { destroy: false } }],
  });
  expect(hcl.split("\n").filter((line) => line !== "")).toEqual([
    "terraform {",
    'required_version = ">= 1.10"',
    'backend "local" {',
    'path = "x"',
    "}",
    "}",
    "locals {",
    'who = "me"',
    "}",
    'variable "key" {',
    "type = string",
    "default = null",
    "}",
    'provider "docker" {',
    'alias = "h1"',
    "}",
    'resource "null_resource" "one" {',
    "connection {",
    'type = "ssh"',
    "port = 22",
    "}",
    "depends_on = [null_resource.a, null_resource.b]",
    "labels {",
    'label = "a"',
    "}",
    "labels {",
    'label = "b"',
    "}",
    "lifecycle {",
    "precondition {",
    'condition = x != "}"',
    "}",
    "}",
    "provider = docker.h1",
    'provisioner "local-exec" {',
    'command = "echo \\"\\\\a\\" ${join(",", ["}"])}\\n$${HOME} 100%"',
    "when = destroy",
    "}",
    "triggers = {",
    '"a.b" = x.id',
    '"list" = ["1"]',
    "}",
    "}",
    "removed {",
    "from = null_resource.c",
    "lifecycle {",
    "destroy = false",
    "}",
    "}",
  ]);
});
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: Terraform's, not ours
