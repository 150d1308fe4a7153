/**
 * Looks inside a schema by its JSON Schema: for the hints in errors, the reference page, and the JSON Schema that
 * editors read. What a value has to be, in the words of the error messages, is in the schemas' metadata.
 */
import { z } from "zod";

/** One value: what its schema says of it. */
export interface Field {
  readonly description?: string;
  /** What a value has to be, in the words of the error message. */
  readonly expected?: string;
  /** A word that may stand in the mapping's place. */
  readonly word?: string;
  readonly default?: unknown;
  /** The fields of a mapping. */
  readonly properties?: Readonly<Record<string, Field>>;
  /** The fields of a mapping that have no default and cannot be left out. */
  readonly required?: readonly string[];
  /** What a list holds. */
  readonly items?: Field;
}

const fields = new WeakMap<z.ZodType, Field>();

/** As a person writes the file, so fields with a default are not required. */
export function fieldOf(schema: z.ZodType): Field {
  const field = fields.get(schema) ?? (jsonSchema(schema, () => {}) as Field);
  fields.set(schema, field);
  return field;
}

/** JSON Schema for editors. Draft 7 is what their support of YAML understands best. */
export const editorSchema = (schema: z.ZodType): object =>
  jsonSchema(schema, (json) => {
    delete json.expected;
    const { word, description, default: fallback, ...mapping } = json;
    if (word !== undefined) {
      for (const name of Object.keys(mapping)) {
        delete json[name];
      }
      delete json.word;
      json.anyOf = [{ const: word }, mapping];
    }
  });

function jsonSchema(schema: z.ZodType, change: (json: Record<string, unknown>) => void): object {
  return z.toJSONSchema(schema, { io: "input", target: "draft-7", override: ({ jsonSchema: json }) => change(json) });
}

/** The keys that the schema knows at a path. */
export function keysAt(schema: z.ZodType, path: readonly (string | number)[]): string[] {
  let at: Field | undefined = fieldOf(schema);
  for (const step of path) {
    at = typeof step === "number" ? at?.items : at?.properties?.[step];
  }
  return Object.keys(at?.properties ?? {});
}
