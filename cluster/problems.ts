/** What is wrong with a file that a person wrote, and where. */
import type { YamlFile } from "./yaml-file.js";

export type Path = readonly (string | number)[];

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface Problem extends Position {
  readonly path: Path;
  /** The finished line "FILE:LINE:COLUMN: PATH: found …, expected …". */
  readonly text: string;
}

/** Every problem of the cluster file and of the files beside it, at once. */
export class ClusterFileError extends Error {
  override readonly name = "ClusterFileError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** `hosts[1].address`; the file itself when the path is empty. */
export function showPath(path: Path): string {
  const text = path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${inAscii(withoutSecrets(step))}`))
    .join("");
  return text.replace(/^\./, "") || "(file)";
}

/** Collects problems. */
export class Problems {
  readonly #found: Problem[] = [];
  /** Paths of the values that are wrong themselves, as text. */
  readonly #covered = new Set<string>();

  constructor(private readonly file: YamlFile) {}

  /** In the order of the file. */
  get all(): readonly Problem[] {
    return [...this.#found].sort((a, b) => a.line - b.line || a.column - b.column);
  }

  /**
   * A wrong value: further problems with it, or with parts of it, would say nothing new and are dropped. `at` names another place to
   * point at when the value is a default and stands nowhere.
   */
  add(path: Path, found: string, expected: string, at: Path = path): void {
    if ([...path, ""].some((_, length) => this.#covered.has(JSON.stringify(path.slice(0, length))))) {
      return;
    }
    this.#covered.add(JSON.stringify(path));
    this.addAt(path, this.file.position(at), found, expected);
  }

  /** Something is missing from a list or mapping that is right otherwise. */
  addLack(path: Path, found: string, expected: string): void {
    this.addAt(path, this.file.position(path), found, expected);
  }

  addKey(path: Path, found: string, expected: string): void {
    this.addAt(path, this.file.keyPosition(path), found, expected);
  }

  addAt(path: Path, { line, column }: Position, found: string, expected: string): void {
    const text = `${this.file.name}:${line}:${column}: ${showPath(path)}: found ${found}, expected ${expected}`;
    this.#found.push({ path, line, column, text });
  }
}

const secretPath = /secret|passw|token|encrypt|credential|(^|_)key$|(gossip|private|api|access)_?key/i;

/** A value as an error may show it: short, and never something that looks like a secret. */
export function showValue(value: unknown, path: Path = []): string {
  if (value === undefined || value === null) {
    return "nothing";
  }
  if (Array.isArray(value)) {
    return value.length === 0 ? "an empty list" : "a list";
  }
  if (typeof value === "object") {
    return "a mapping";
  }
  const named = path.some((step) => typeof step === "string" && secretPath.test(step));
  if (typeof value === "string" && (looksSecret(value) || (named && value !== ""))) {
    return "a value that is not shown";
  }
  // Not JSON for numbers, which has no infinity.
  const json = typeof value === "string" ? inAscii(JSON.stringify(value)) : String(value);
  return json.length > 60 ? `${json.slice(0, 56)}…"` : json;
}

/** Letters that look like others, and characters that nobody sees or that a terminal obeys, as escapes. */
export function inAscii(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The text with whatever looks like a secret replaced. */
export function withoutSecrets(text: string): string {
  return text.replace(/[A-Za-z0-9+/_-]{16,}={0,2}/g, (word) => (looksSecret(word) ? "…" : word));
}

/** Base64 of 16 bytes or more, long hex, or the text of a private key; not a path and not words with dashes. */
function looksSecret(text: string): boolean {
  if (/PRIVATE KEY|-----BEGIN/.test(text)) {
    return true;
  }
  if (/^[0-9a-f]{32,}$/i.test(text)) {
    return true;
  }
  if (!/^[A-Za-z0-9+/_-]{20,}={0,2}$/.test(text)) {
    return false;
  }
  return text.endsWith("=") || (/[A-Z]/.test(text) && /[a-z]/.test(text) && /[0-9]/.test(text));
}

/** The known word that `word` was probably meant to be. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const scored = known
    .map((candidate) => ({ candidate, distance: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = scored[0];
  return best && best.distance <= Math.max(1, Math.floor(best.candidate.length / 3)) ? best.candidate : undefined;
}

/** Edits between two words, a swap of neighbours counting as one. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const at = (r: number, c: number) => rows[r]?.[c] ?? 0;
      let best = Math.min(at(i - 1, j) + 1, (row[j - 1] ?? 0) + 1, at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, at(i - 2, j - 2) + 1);
      }
      row.push(best);
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? 0;
}
