/**
 * Terraform's JSON as HCL, for `cdktf synth --hcl`. cdktf's own writer loses what it has no words for: the required
 * version, `removed`, preconditions, a backend's settings; and quotes inside templates.
 */

type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Mappings that are blocks. A list of mappings is a block for each of them. */
const blocks = new Set(["connection", "lifecycle", "required_providers"]);
/** Mappings whose keys are the labels of blocks. */
const labelled = new Set(["backend", "provisioner"]);
/** Strings that name something of Terraform's. */
const names = new Set(["depends_on", "from", "on_failure", "provider", "when"]);

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The file of a stack, from what its JSON would hold. */
export function hclOf({ terraform = {}, locals = {}, removed = [], ...byKind }: JsonObject): string {
  const text: string[] = [block("terraform", terraform), block("locals", locals)];
  for (const [kind, labels] of Object.entries(byKind)) {
    if (kind === "//" || !isObject(labels)) {
      continue;
    }
    for (const [label, content] of Object.entries(kind === "variable" ? withTypes(labels) : labels)) {
      const name = `${kind} ${quoted(label)}`;
      if (kind === "resource" && isObject(content)) {
        text.push(...Object.entries(content).map(([id, one]) => block(`${name} ${quoted(id)}`, one)));
      } else {
        text.push(...[content].flat().map((one) => block(name, one as Json)));
      }
    }
  }
  return [...text, ...[removed].flat().map((one) => block("removed", one as Json))].join("\n");
}

/** A variable's type is an expression of its own kind. */
const withTypes = (variables: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(variables).map(([name, one]) => [
      name,
      isObject(one) && typeof one.type === "string" ? { ...one, type: `\${${one.type}}` } : one,
    ]),
  );

function block(head: string, content: Json): string {
  const lines = isObject(content) ? Object.entries(content).map(([key, value]) => argument(key, value)) : [];
  return `${head} {\n${lines.join("")}}\n`;
}

function argument(key: string, value: Json): string {
  if (key === "//") {
    return "";
  }
  if (labelled.has(key)) {
    const all = [value].flat().flatMap((one) => Object.entries(one as JsonObject));
    return all.map(([label, content]) => block(`${key} ${quoted(label)}`, content)).join("");
  }
  if (Array.isArray(value) && value.length > 0 && value.every(isObject)) {
    return value.map((one) => block(key, one)).join("");
  }
  if (blocks.has(key)) {
    return block(key, value);
  }
  return `${key} = ${names.has(key) ? reference(value) : expression(value)}\n`;
}

const reference = (value: Json): string => (Array.isArray(value) ? `[${value.join(", ")}]` : String(value));

function expression(value: Json): string {
  if (typeof value === "string") {
    return template(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map(expression).join(", ")}]`;
  }
  if (isObject(value)) {
    const pairs = Object.entries(value).map(([key, one]) => `${quoted(key)} = ${expression(one)}\n`);
    return `{\n${pairs.join("")}}`;
  }
  return JSON.stringify(value);
}

/** A string as Terraform reads it in JSON: text, with expressions between `${` and `}`. */
function template(text: string): string {
  const parts: string[] = [];
  let at = 0;
  for (const { index } of text.matchAll(/(?<![$%])[$%]\{/g)) {
    if (index < at) {
      continue;
    }
    const end = endOfExpression(text, index + 2);
    if (index === 0 && end === text.length && text.startsWith("$")) {
      return text.slice(2, -1);
    }
    parts.push(escaped(text.slice(at, index)), text.slice(index, end));
    at = end;
  }
  return `"${[...parts, escaped(text.slice(at))].join("")}"`;
}

/** Behind the brace that closes the one before `from`; braces in strings do not count. */
function endOfExpression(text: string, from: number): number {
  let depth = 1;
  let inString = false;
  for (let i = from; i < text.length; i++) {
    const unit = text[i];
    if (inString && unit === "\\") {
      i++;
    } else if (unit === '"') {
      inString = !inString;
    } else if (!inString && unit === "{") {
      depth++;
    } else if (!inString && unit === "}" && --depth === 0) {
      return i + 1;
    }
  }
  return text.length;
}

/** JSON's escapes are HCL's, but for two that nobody needs. */
const escaped = (text: string): string =>
  JSON.stringify(text)
    .slice(1, -1)
    .replace(/\\([bf])/g, (_, letter) => (letter === "b" ? "\\u0008" : "\\u000c"));

const quoted = (text: string): string => `"${escaped(text)}"`;
