/** The cluster file's folder, as `scripts/pki` writes into it. */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { privatePki } from "../../cluster/pki.js";

/** Files are written whole; private ones are this user's alone, and git ignores them. */
export class Folder {
  readonly authorityKey = privatePki.authorityKey;
  readonly operatorAuthority = `${privatePki.operator}/ca.pem`;

  constructor(private readonly root: string) {}

  path(name: string): string {
    return join(this.root, name);
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  read(name: string): string | undefined {
    return this.has(name) ? readFileSync(this.path(name), "utf8") : undefined;
  }

  write(name: string, text: string | undefined): void {
    if (text === undefined || text === this.read(name)) {
      return;
    }
    if (name.startsWith(`${privatePki.folder}/`)) {
      this.keepPrivate();
    }
    this.writeNew(this.path(name), text, name.startsWith(`${privatePki.folder}/`) ? 0o600 : 0o644);
  }

  writeNew(path: string, text: string, mode = 0o600): void {
    if (dirname(path).startsWith(this.path(privatePki.folder))) {
      this.keepPrivate();
    }
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, text, { mode });
    chmodSync(`${path}.new`, mode);
    renameSync(`${path}.new`, path);
  }

  /** A file of the same name takes its place; this one stays beside it. */
  putAside(path: string): void {
    if (existsSync(path)) {
      renameSync(path, `${path}.old`);
    }
  }

  private keepPrivate(): void {
    mkdirSync(this.path(privatePki.folder), { recursive: true, mode: 0o700 });
    writeFileSync(this.path(`${privatePki.folder}/.gitignore`), "*\n");
  }
}
