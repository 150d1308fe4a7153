/** Collects what is needed to find out why a cluster does not work, in one file without secrets. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Inventory } from "../../cluster/inventory.js";
import { label } from "../../cluster/model.js";
import { onAll, type RunAsRoot } from "../../ssh/contact.js";
import { explainContact, lastLine } from "../../ssh/explain.js";
import { columns, plural } from "../shared/findings.js";

/** What one command printed on one host. */
export interface Collected {
  /** Name of the host. */
  readonly host: string;
  /** `consul/members.txt`, below the host's own folder. */
  readonly file: string;
  readonly command: string;
  readonly status: number;
  readonly text: string;
}

export interface Diagnosis {
  readonly files: readonly Collected[];
  /** Hosts that are not in it, or not wholly, with the reason. */
  readonly missing: ReadonlyMap<string, string>;
}

/** Long enough for a host on which every command hangs until its own time is up. */
const timeoutSeconds = 420;

/**
 * Asks all hosts at once. Only reads there.
 *
 * @param script `hostScript("steps/tls.sh", "probes/diagnose.sh")`
 */
export async function diagnose(
  inventory: Inventory,
  script: string,
  run: RunAsRoot,
  say: (line: string) => void,
): Promise<Diagnosis> {
  const { hosts, settings } = inventory;
  const missing = new Map<string, string>();
  let left = hosts.length;
  say(`asking ${plural(left, "host")}`);
  const files = await onAll(hosts, async (host) => {
    // Nothing that a host says can be taken for a heading.
    const mark = randomBytes(8).toString("hex");
    const result = await run(host, script, [mark, host.address, settings.consul.dataDir], timeoutSeconds);
    const { collected, complete } = parseBundle(host.name, mark, result.stdout);
    if (!complete) {
      const why = explainContact(inventory, host, result)?.found ?? lastLine(result.stderr);
      const part = collected.length > 0 ? `only ${collected.length} files: ` : "";
      missing.set(host.name, `${part}${why || `the script ended early (status ${result.status})`}`);
    }
    left--;
    if (left > 0) {
      say(`${host.name} has answered, ${left} to go`);
    }
    return collected;
  });
  return { files: files.flat(), missing };
}

/** Takes the script's output apart at its headings `=== MARK FILE STATUS COMMAND`. */
export function parseBundle(
  host: string,
  mark: string,
  output: string,
): { readonly collected: Collected[]; readonly complete: boolean } {
  const [, ...parts] = `\n${output}`.split(new RegExp(`\\n=== ${mark} (\\S+) (\\d+) (.*)(?=\\n|$)`));
  const collected: Collected[] = [];
  for (let i = 0; i + 3 < parts.length; i += 4) {
    const [file = "", status, command = "", text = ""] = parts.slice(i, i + 4);
    // Files stay in the folder of their host, whatever it says.
    if (!/^[a-z0-9-]+(\/[a-z0-9.-]+)?$/.test(file)) {
      continue;
    }
    collected.push({ host, file, status: Number(status), command, text: redact(text.replace(/^\n/, "")) });
  }
  const complete = collected.at(-1)?.file === "end";
  return { collected: collected.filter(({ file }) => file !== "end"), complete };
}

/** The hosts have done this already, with what they know; here is what the operator knows. */
export function redact(text: string, env: NodeJS.ProcessEnv = process.env): string {
  const { TF_VAR_gossip_key: gossipKey, TF_VAR_weave_password: weavePassword, TF_VAR_consul_token: token } = env;
  const hidden = text.replace(/("encrypt"\s*:\s*)"[^"]*"/g, '$1"[redacted]"');
  return [gossipKey, weavePassword, token].reduce<string>(
    (safe, secret) => (secret ? safe.replaceAll(secret, "[redacted]") : safe),
    hidden,
  );
}

/** `rack-diagnose-20261123-021500` */
export function bundleName({ name }: Inventory, time: Date): string {
  const digits = time.toISOString().replace(/\D/g, "");
  return `${name}-diagnose-${digits.slice(0, 8)}-${digits.slice(8, 14)}`;
}

/**
 * Writes `NAME.tar.gz` in the current folder, readable by its owner alone.
 *
 * @param more files of the operator's own: name and content
 * @returns its size in bytes
 */
export function writeBundle(
  inventory: Inventory,
  diagnosis: Diagnosis,
  name: string,
  more: readonly (readonly [string, string])[] = [],
): number {
  // mkdtemp makes a folder that nobody else can look into.
  const folder = mkdtempSync(join(tmpdir(), "multicast-swarm-diagnose-"));
  try {
    const put = (file: string, text: string) => {
      const path = join(folder, name, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    };
    for (const { host, file, text } of diagnosis.files) {
      put(`${host}/${file}`, text);
    }
    for (const [file, text] of more) {
      put(file, redact(text));
    }
    put("index.md", indexPage(inventory, diagnosis, name));
    put("index.json", `${JSON.stringify(index(inventory, diagnosis), undefined, 2)}\n`);
    const { stdout, stderr, status, error } = spawnSync("tar", ["-czf", "-", "-C", folder, name], {
      maxBuffer: 4 * 2 ** 30,
    });
    if (status !== 0) {
      throw new Error(`tar: ${error?.message ?? String(stderr).trim()}`);
    }
    writeFileSync(`${name}.tar.gz`, stdout, { mode: 0o600, flag: "wx" });
    return stdout.length;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function index({ name, hosts }: Inventory, { files, missing }: Diagnosis) {
  return {
    cluster: name,
    hosts: hosts.map((host) => ({
      name: host.name,
      address: host.address,
      ...(missing.has(host.name) ? { missing: missing.get(host.name) } : {}),
    })),
    files: files.map(({ host, file, command, status }) => ({ host, file: `${host}/${file}`, command, status })),
  };
}

function showStatus(status: number): string {
  if (status === 0) {
    return "";
  }
  if (status === 124) {
    return "no answer in 15 s";
  }
  return status === 127 ? "no such command" : `status ${status}`;
}

function indexPage(inventory: Inventory, { files, missing }: Diagnosis, name: string): string {
  const absent = inventory.hosts.flatMap((host) => {
    const why = missing.get(host.name);
    return why === undefined ? [] : [`- ${label(host)}: ${why}`];
  });
  const sections = inventory.hosts.flatMap((host) => {
    const own = files.filter((file) => file.host === host.name);
    if (own.length === 0) {
      return [];
    }
    const rows = own.map(({ file, status, command }) => [`    ${host.name}/${file}`, showStatus(status), command]);
    return ["", `## ${label(host)}`, "", ...columns(rows)];
  });
  return [
    `# ${name}`,
    "",
    "What each file is: the command that printed it, and its status where that was not 0. Secrets are [redacted].",
    ...(absent.length > 0 ? ["", "Missing:", "", ...absent] : []),
    ...sections,
    "",
  ].join("\n");
}
