/** A YAML (or JSON) file whose values know their line and column, checked against a zod schema. */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from "yaml";
import type { z } from "zod";
import { inAscii, nearest, type Path, type Position, Problems, showValue, withoutSecrets } from "./problems.js";
import { keysAt } from "./schema-walk.js";

/** Levels of lists and mappings: more than a person writes, and few enough for every function that walks down. */
const deepest = 32;
const tooDeep = ["something nested too deeply", `at most ${deepest} levels of lists and mappings`] as const;

/** Values, each counted as often as aliases repeat it: more than any file needs, and checked in seconds. */
const mostValues = 1_000_000;

export class YamlFile {
  /** The file's content as plain values; only of use when `readable`. */
  readonly value: unknown;
  readonly problems: Problems;
  /** False when the text is no YAML: then nothing else can be said about it. */
  readonly readable: boolean;
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();
  /** The pairs of every mapping by their keys; of a key that stands twice the last, whose value counts. */
  readonly #pairs = new Map<YAMLMap, Map<string, Pair>>();
  readonly #anchors = new Map<string, Node>();
  /** What each alias stands for. */
  readonly #aliases = new Map<Alias, Node>();
  /** Values in a node, those behind aliases too. */
  readonly #sizes = new Map<Node, number>();
  #broken = false;

  constructor(
    readonly name: string,
    text: string,
  ) {
    this.problems = new Problems(this);
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      // The library compares each key with each other one: minutes, in a file of many.
      uniqueKeys: false,
      // Sets, binary values and the like are no plain values.
      resolveKnownTags: false,
    });
    this.#reportSyntax(text);
    this.#walk(this.#document.contents, [], []);
    this.readable = !this.#broken;
    this.value = this.readable ? this.#document.toJS({ maxAliasCount: -1 }) : undefined;
  }

  /** What the parser has found. */
  #reportSyntax(text: string): void {
    const language = this.name.endsWith(".json") ? "JSON" : "YAML";
    const { errors, warnings, directives } = this.#document;
    for (const { code, pos, message } of [...errors, ...warnings]) {
      if (code === "MULTIPLE_DOCS") {
        this.#break([], pos[0], "a second YAML document", "one YAML document in the file");
      } else if (code === "RESOURCE_EXHAUSTION") {
        this.#break([], pos[0], ...tooDeep);
      } else {
        this.#break([], pos[0], `broken ${language}`, `valid ${language}: ${inAscii(withoutSecrets(message))}`);
      }
    }
    const { explicit, version } = directives.yaml;
    if (explicit && version !== "1.2" && !this.#broken) {
      this.#break([], text.indexOf("%YAML"), `YAML ${version}`, "YAML 1.2, in which only true and false are flags");
    }
  }

  /**
   * Indexes the mappings, follows the aliases, and reports what the parser lets pass. Returns how many values the node
   * has. `around` holds the collections that it stands in.
   */
  #walk(node: unknown, path: Path, around: readonly unknown[]): number {
    if (isAlias(node)) {
      return this.#follow(node, path, around);
    }
    const { anchor, range } = (node ?? {}) as Node & { anchor?: string };
    if (anchor !== undefined) {
      this.#anchors.set(anchor, node as Node);
    }
    if (!isMap(node) && !isSeq(node)) {
      return 1;
    }
    if (around.length >= deepest) {
      this.#break(path, range?.[0], ...tooDeep);
      return 1;
    }
    const inside = [...around, node];
    const sizes = isMap(node)
      ? this.#index(node, path).map(([key, { value }]) => this.#walk(value, [...path, key], inside))
      : node.items.map((item, i) => this.#walk(item, [...path, i], inside));
    const size = sizes.reduce((sum, one) => sum + one, 1);
    this.#sizes.set(node, size);
    if (size > mostValues && !this.#broken) {
      this.#break(
        path,
        range?.[0],
        "aliases that multiply",
        `at most ${mostValues} values, those behind aliases included`,
      );
    }
    return size;
  }

  #follow(alias: Alias, path: Path, around: readonly unknown[]): number {
    const meant = this.#anchors.get(alias.source);
    if (meant === undefined) {
      this.#break(path, alias.range?.[0], "an alias without its anchor", "the anchor before the alias");
      return 1;
    }
    if (around.includes(meant)) {
      this.#break(path, alias.range?.[0], "an alias inside what it stands for", "a value that has an end");
      return 1;
    }
    this.#aliases.set(alias, meant);
    return this.#sizes.get(meant) ?? 1;
  }

  /** The pairs whose keys are text, in order. */
  #index(map: YAMLMap, path: Path): [string, Pair][] {
    const byKey = new Map<string, Pair>();
    this.#pairs.set(map, byKey);
    return map.items.flatMap((pair): [string, Pair][] => {
      const key = pair.key as Node | null;
      const offset = key?.range?.[0] ?? (pair.value as Node | null)?.range?.[0] ?? map.range?.[0];
      // The provider is called null; written without quotes, YAML takes that for no value at all.
      if (isScalar(key) && key.value === null && key.source === "null") {
        key.value = "null";
      }
      if (!isScalar(key) || key.value === null) {
        this.#break(path, offset, "a key that is no word", "a word before each colon");
        return [];
      }
      const name = String(key.value);
      if (byKey.has(name)) {
        this.problems.addAt([...path, name], this.#at(offset), "a duplicate key", "each key once");
      }
      byKey.set(name, pair);
      return [[name, pair]];
    });
  }

  /** Something that leaves no value to check. */
  #break(path: Path, offset: number | undefined, found: string, expected: string): void {
    this.#broken = true;
    this.problems.addAt(path, this.#at(offset), found, expected);
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
        if (key === "<<") {
          this.problems.addKey([...path, key], "a merge key, which is not followed", "the keys themselves");
          continue;
        }
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

  #at(offset = 0): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #nearestNode(path: Path): Node | undefined {
    let node: Node | undefined = this.#document.contents ?? undefined;
    for (const step of path) {
      const inside = this.#resolve(node);
      const pair = isMap(inside) ? this.#pairs.get(inside)?.get(String(step)) : undefined;
      const item = isSeq(inside) ? inside.items[Number(step)] : pair?.value;
      if (item === undefined || item === null) {
        // A key without a value: its own place says more than the mapping's.
        return (pair?.key as Node | undefined) ?? node;
      }
      node = item as Node;
    }
    return node;
  }

  #pair(path: Path): Pair | undefined {
    const parent = this.#resolve(this.#nearestNode(path.slice(0, -1)));
    return isMap(parent) ? this.#pairs.get(parent)?.get(String(path.at(-1))) : undefined;
  }

  #resolve(node: Node | undefined): Node | undefined {
    return isAlias(node) ? this.#aliases.get(node) : node;
  }
}
