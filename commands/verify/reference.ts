/** What `npm run reference` makes of the list of checks and of the JSON form. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { checks } from "./checks/index.js";
import { verifyJsonSchema } from "./report/json.js";

const page = "docs/verify.md";

/** What is generated: path from the repository's root, and content. */
export function verifyReference(): Record<string, string> {
  return {
    "docs/schemas/verify.schema.json": jsonSchema(),
    [page]: withChecks(readFileSync(join(__dirname, "../..", page), "utf8")),
  };
}

/** Open for fields that later versions add, and without what says nothing to a reader. */
function jsonSchema(): string {
  const schema = z.toJSONSchema(verifyJsonSchema, {
    override: ({ jsonSchema: part }) => {
      if (part.additionalProperties === false) {
        delete part.additionalProperties;
      }
      if (part.format === "date-time") {
        delete part.pattern;
      }
      delete part.readOnly;
    },
  });
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** The page with the table of checks between its two markers; the prose around it is written by hand. */
function withChecks(text: string): string {
  const marked = /(<!-- checks: [^\n]*-->\n)[\s\S]*?(<!-- end of checks -->)/;
  if (!marked.test(text)) {
    throw new Error(`${page} has no markers around the table of checks`);
  }
  return text.replace(marked, (_, begin: string, end: string) => `${begin}\n${checksTable()}\n\n${end}`);
}

function checksTable(): string {
  return [
    "| Check | What has to be so, as each host sees it |",
    "| --- | --- |",
    ...checks.map(({ name, doc }) => `| ${name} | ${doc} |`),
  ].join("\n");
}
