/** What a step's trigger covers: every file that the step reads, and no other. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type StepScript, stepHash, stepScripts, stepsFolder } from "../../constructs/step-scripts.js";

const scripts = Object.keys(stepScripts) as StepScript[];
const files = readdirSync(stepsFolder);
/** Read by every step, by way of lib.sh. */
const shared = ["lib.sh", "names.sh", "tls.sh", "http.sh", "hold.sh"];
const text = (file: string) => readFileSync(join(stepsFolder, file), "utf8");

/** Files that a script sources or runs, by its text: `"$here/consul-key.sh"`. */
const namedIn = (file: string): string[] =>
  [...text(file).matchAll(/\$here\/([a-z-]+\.sh)"/g)].map(([, name]) => name as string);

/** … and those that these name in turn. */
function reads(file: string, seen = new Set<string>()): string[] {
  for (const other of namedIn(file)) {
    if (!seen.has(other)) {
      reads(other, seen.add(other));
    }
  }
  return [...seen];
}

test.each(scripts)("%s states every script that it reads", (script) => {
  const found = reads(`${script}.sh`).filter((file) => !shared.includes(file));
  expect([...stepScripts[script]].sort()).toEqual(found.sort());
});

test("every file of the folder is a step, or is read by one", () => {
  const known = [...shared, ...scripts.map((script) => `${script}.sh`), ...Object.values(stepScripts).flat()];
  expect(files.filter((file) => !known.includes(file))).toEqual([]);
});

test.each(files)("an edit of %s changes the triggers of the steps that read it, and of no others", (edited) => {
  const changed = scripts.filter(
    (script) =>
      stepHash(script) !== stepHash(script, (file) => (file === edited ? `${text(file)}# edited` : text(file))),
  );
  const expected = scripts.filter(
    (script) => [...shared, `${script}.sh`].includes(edited) || reads(`${script}.sh`).includes(edited),
  );
  expect(changed).toEqual(expected);
  expect(changed).not.toEqual([]);
});
