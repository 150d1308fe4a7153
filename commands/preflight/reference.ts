/** What `npm run reference` makes of the preflight's tables: the parts of docs/preflight.md between marks, and the JSON Schema. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { supportedArchitectures, supportedSystems } from "../../cluster/systems.js";
import { type CheckGroup, checkGroups } from "./checks.js";
import { preflightSchema } from "./json-schema.js";

const page = "docs/preflight.md";

/** What is generated: path from the repository's root, and content. */
export function preflightReference(): Record<string, string> {
  const text = readFileSync(join(__dirname, "../..", page), "utf8");
  return {
    [page]: replaced(replaced(text, "systems", systemsLine()), "checks", checksTable()),
    "docs/schemas/preflight.schema.json": `${JSON.stringify(z.toJSONSchema(preflightSchema), null, 2)}\n`,
  };
}

/** Which hosts are supported; README quotes it. */
export const systemsLine = (): string => `${supportedSystems()}, on ${supportedArchitectures()}.`;

/** The text with another content between `<!-- begin NAME: … -->` and `<!-- end NAME -->`. */
function replaced(text: string, name: string, content: string): string {
  const part = new RegExp(`(<!-- begin ${name}:[^>]*-->\\n)[^]*?(<!-- end ${name} -->)`);
  if (!part.test(text)) {
    throw new Error(`${page} has no place for ${name}`);
  }
  return text.replace(part, (_, begin: string, end: string) => `${begin}\n${content}\n\n${end}`);
}

function checksTable(): string {
  const rows = (checkGroups as readonly CheckGroup[]).map(
    ({ checks, finds, limit = "" }) => `| ${checks.join(", ")} | ${finds} | ${limit}${limit && " "}|`,
  );
  return ["| Check | What it finds | Limit |", "| --- | --- | --- |", ...rows].join("\n");
}
