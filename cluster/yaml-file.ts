/** A YAML (or JSON) file whose values know their line and column, checked against a zod schema. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from "yaml";
import type { z } from "zod";
import { nearest, type Path, type Position, Problems, showValue, withoutSecrets } from "./problems.js";
import { keysAt } from "./schema-walk.js";

export class YamlFile {
  /** The file's content as plain values; only of use when `problems` has no syntax error. */
  readonly value: unknown;
  readonly problems: Problems;
  /** False when the text is no YAML: then nothing else can be said about it. */
  readonly readable: boolean;
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();

  constructor(
    readonly name: string,
    text: string,
  ) {
    this.problems = new Problems(this);
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const language = name.endsWith(".json") ? "JSON" : "YAML";
    for (const error of [...this.#document.errors, ...this.#document.warnings]) {
      const position = this.#at(error.pos[0]);
      if (error.code === "DUPLICATE_KEY") {
        this.problems.addAt(this.#pathOfKey(error.pos[0]), position, "a duplicate key", "each key once");
      } else if (error.code === "MULTIPLE_DOCS") {
        this.problems.addAt([], position, "a second YAML document", "one YAML document in the file");
      } else {
        this.problems.addAt([], position, `broken ${language}`, `valid ${language}: ${withoutSecrets(error.message)}`);
      }
    }
    const broken = [...this.#document.errors, ...this.#document.warnings].filter((e) => e.code !== "DUPLICATE_KEY");
    this.readable = broken.length === 0;
    // The provider is called null; written without quotes, YAML takes that for no value at all.
    visit(this.#document, {
      Pair: (_, { key }) => {
        if (isScalar(key) && key.value === null && key.source === "null") {
          key.value = "null";
        }
      },
    });
    this.value = this.readable ? this.#document.toJS() : undefined;
  }

  /** Place of a value, or of the nearest thing around it that is written down. */
  position(path: Path): Position {
    return this.#at(this.#nearestNode(path)?.range?.[0] ?? 0);
  }

  /** Place of a key. */
  keyPosition(path: Path): Position {
    const key = this.#pair(path)?.key as Node | undefined;
    return key?.range ? this.#at(key.range[0]) : this.position(path);
  }

  has(path: Path): boolean {
    return this.valueAt(path) !== undefined;
  }

  valueAt(path: Path): unknown {
    let value = this.value;
    for (const step of path) {
      if (typeof value !== "object" || value === null) {
        return undefined;
      }
      value = (value as Record<string | number, unknown>)[step];
    }
    return value;
  }

  /** The checked value; undefined when it has problems, which are then in `problems`. */
  check<T extends z.ZodType>(schema: T): z.infer<T> | undefined {
    const result = schema.safeParse(this.value ?? undefined);
    if (result.success) {
      return result.data;
    }
    for (const issue of result.error.issues) {
      this.#report(issue as z.core.$ZodIssue, schema);
    }
    return undefined;
  }

  #report(issue: z.core.$ZodIssue, schema: z.ZodType): void {
    const path = issue.path as Path;
    if (issue.code === "unrecognized_keys") {
      const known = keysAt(schema, path);
      for (const key of issue.keys) {
        const meant = nearest(key, known);
        const hint = meant ? ` (did you mean ${meant}?)` : "";
        this.problems.addKey([...path, key], "an unknown key", `one of ${known.join(", ")}${hint}`);
      }
      return;
    }
    const value = this.valueAt(path);
    const quoted = issue.code === "invalid_type" && issue.expected === "string" && typeof value !== "object";
    const unquoted = quoted && value !== undefined && value !== null && !issue.message.includes("quoted");
    const hint = unquoted ? ", as text in quotes" : "";
    this.problems.add(path, showValue(value, path), `${issue.message}${hint}`);
  }

  #at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #resolve(node: unknown): Node | undefined {
    if (isAlias(node)) {
      return node.resolve(this.#document);
    }
    return (node ?? undefined) as Node | undefined;
  }

  #nearestNode(path: Path): Node | undefined {
    let node: Node | undefined = this.#document.contents ?? undefined;
    for (const step of path) {
      const inside = this.#resolve(node);
      const next: unknown = isMap(inside) || isSeq(inside) ? inside.get(step, true) : undefined;
      if (next === undefined || next === null) {
        // A key without a value: its own place says more than the mapping's.
        const key = isMap(inside) ? (inside.items.find((pair) => keyText(pair) === step)?.key as Node) : undefined;
        return key ?? node;
      }
      node = next as Node;
    }
    return node;
  }

  #pair(path: Path): Pair | undefined {
    const parent = this.#resolve(this.#nearestNode(path.slice(0, -1)));
    return isMap(parent) ? parent.items.find((pair) => keyText(pair) === path.at(-1)) : undefined;
  }

  /** The path of the key at this offset. */
  #pathOfKey(offset: number): Path {
    const search = (node: unknown, path: Path): Path | undefined => {
      if (isMap(node)) {
        for (const pair of node.items) {
          const here = [...path, keyText(pair)];
          if ((pair.key as Node | null)?.range?.[0] === offset) {
            return here;
          }
          const inside = search(pair.value, here);
          if (inside) {
            return inside;
          }
        }
      } else if (isSeq(node)) {
        for (const [i, item] of node.items.entries()) {
          const inside = search(item, [...path, i]);
          if (inside) {
            return inside;
          }
        }
      }
      return undefined;
    };
    return search(this.#document.contents, []) ?? [];
  }
}

function keyText(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : "";
}
