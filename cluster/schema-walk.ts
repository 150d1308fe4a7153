/** Looks inside the cluster file's schema: for the hints in errors and for the reference page. */
import type { z } from "zod";

interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly defaultValue?: unknown;
  readonly element?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
}

export interface Field {
  readonly required: boolean;
  readonly default?: unknown;
  readonly description: string;
  /** What a value has to be, in the words of the error message. */
  readonly expected: string;
  /** The fields inside a mapping. */
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  /** What a list holds. */
  readonly element?: z.ZodType;
}

/** A schema without its wrappers (default, optional), and what those said. */
export function field(schema: z.ZodType): Field {
  let at = schema;
  let required = true;
  let fallback: unknown;
  let description: string | undefined;
  for (;;) {
    const def = at.def as unknown as Definition;
    description ??= at.description;
    if (def.innerType === undefined) {
      // No schema of ours takes a symbol, so this is the message for a value of a wrong kind.
      const expected = at.safeParse(Symbol()).error?.issues[0]?.message ?? "anything";
      const { shape, element } = def;
      return {
        required,
        description: description ?? "",
        expected,
        ...(fallback === undefined ? {} : { default: fallback }),
        ...(shape ? { shape } : {}),
        ...(element ? { element } : {}),
      };
    }
    required = false;
    if (def.type === "default") fallback = def.defaultValue;
    at = def.innerType;
  }
}

/** The keys that the schema knows at a path. */
export function keysAt(schema: z.ZodType, path: readonly (string | number)[]): string[] {
  let at: z.ZodType | undefined = schema;
  for (const step of path) {
    if (at === undefined) break;
    const { shape, element } = field(at);
    at = typeof step === "number" ? element : shape?.[step];
  }
  return Object.keys((at && field(at).shape) ?? {});
}
