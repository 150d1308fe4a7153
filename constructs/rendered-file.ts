/**
 * Files that the stack renders and sends to hosts. Each is a `local_file`, and lies in the stack's folder as soon as that is
 * synthesised: a checkout of the synthesised stack then has what Terraform's state says, and its plan is empty.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { File } from "@cdktf/provider-local/lib/file";
import type { Construct } from "constructs";
import { literal } from "./text.js";

/** The folder of rendered files, in the stack's. */
const folder = "rendered";

export interface RenderedFileProps {
  /** Path below the folder of rendered files. */
  readonly path: string;
  readonly text: string;
}

export class RenderedFile extends File {
  public constructor(
    scope: Construct,
    id: string,
    public readonly rendered: RenderedFileProps,
  ) {
    const { path, text } = rendered;
    // The mode that a checkout gives it too.
    super(scope, id, { filename: `${folder}/${path}`, content: literal(text), filePermission: "0644" });
  }
}

/** Writes every rendered file of a stack into the stack's folder, and removes those that an earlier synthesis has left. */
export function writeRenderedFiles(stack: Construct, stackFolder: string): void {
  rmSync(join(stackFolder, folder), { recursive: true, force: true });
  const files = stack.node.findAll().filter((one): one is RenderedFile => one instanceof RenderedFile);
  for (const { rendered } of files) {
    const path = join(stackFolder, folder, rendered.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, rendered.text);
  }
}
