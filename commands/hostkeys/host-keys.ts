/** `scripts/hostkeys`: collects the hosts' SSH keys in `known_hosts`, and replaces one only when told to. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { KnownHosts, knownHostsFileName, knownHostsName } from "../../cluster/known-hosts.js";
import { loadCluster } from "../../cluster/load.js";
import type { Login } from "../../cluster/model.js";
import type { SshTargets } from "../../ssh/config.js";
import { explainInOneLine } from "../../ssh/explain.js";
import { inParallel, withSsh } from "../../ssh/ssh.js";
import { inventoryHere } from "../shared/command.js";

export interface Machine {
  /** The host's name in the cluster file; the bastion has its address only. */
  readonly name: string;
  readonly login: Pick<Login, "address" | "port">;
}

/** What a machine shows, against what is recorded of it. */
export type Comparison =
  | { readonly kind: "same" }
  | { readonly kind: "add"; readonly keys: readonly string[] }
  | { readonly kind: "refuse" };

/** A known machine has to prove itself with a recorded key, and may contradict none. */
export function compare(recorded: readonly string[], shown: readonly string[]): Comparison {
  const fresh = shown.filter((key) => !recorded.includes(key));
  if (fresh.length === 0) {
    return { kind: "same" };
  }
  const typeOf = (key: string) => key.split(" ")[0];
  const contradicts = fresh.some((key) => recorded.some((known) => typeOf(known) === typeOf(key)));
  const proven = recorded.length === 0 || fresh.length < shown.length;
  return contradicts || !proven ? { kind: "refuse" } : { kind: "add", keys: fresh };
}

/** `known_hosts` without a machine's entries; other names on the same lines stay. */
export function forget(text: string, { address, port }: Machine["login"]): string {
  const gone = [`[${address}]:${port}`, address];
  return text
    .split("\n")
    .flatMap((line) => {
      const [names = "", ...rest] = line.split(" ");
      if (names.startsWith("#") || names.startsWith("@")) {
        return [line];
      }
      const kept = names.split(",").filter((name) => !gone.includes(name));
      if (kept.length === names.split(",").length) {
        return [line];
      }
      return kept.length > 0 ? [[kept.join(","), ...rest].join(" ")] : [];
    })
    .join("\n");
}

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");

const recordedIn = (path: string, { address, port }: Machine["login"]): readonly string[] =>
  new KnownHosts(textOf(path)).keysFor(address, port);

const keyTypes = "ecdsa,rsa,ed25519";

/** "type base64" of each key that a machine shows, to this machine or to the bastion of `behind`. */
async function scan({ login }: Machine, behind?: SshTargets): Promise<readonly string[]> {
  const args = ["-T", "10", "-t", keyTypes, "-p", String(login.port), login.address];
  const stdout = behind
    ? await withSsh(behind, async (run) => {
        const result = await run("bastion", 'exec ssh-keyscan "$@"', args, 60);
        if (result.status === 255) {
          throw new Error(explainInOneLine(behind, "bastion", result));
        }
        return result.stdout;
      })
    : await outputOf("ssh-keyscan", args);
  const lines = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  // They come in any order; the file in git should not.
  return lines.map((line) => line.trim().split(/\s+/).slice(1, 3).join(" ")).sort();
}

/** Standard output of a command; what it says on standard error shows in the result being empty. */
function outputOf(name: string, args: readonly string[], input = ""): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(name, args, { stdio: ["pipe", "pipe", "ignore"] });
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.on("error", (error) => fail(new Error(`${name}: ${error.message}`)));
    child.on("close", () => done(stdout));
    child.stdin.on("error", () => {}).end(input);
  });
}

/** Lines like "ECDSA    SHA256:…", as the machine's own console shows them. */
async function fingerprints(keys: readonly string[]): Promise<string[]> {
  const listed = await outputOf("ssh-keygen", ["-lf", "-"], keys.map((key) => `x ${key}\n`).join(""));
  return listed.split("\n").flatMap((line) => {
    const [, , print, type] = /^(\d+) (\S+) .*\((\S+)\)$/.exec(line) ?? [];
    return print === undefined || type === undefined ? [] : [`${type.padEnd(8)} ${print}`];
  });
}

/** Returns false when a machine was refused or did not answer. */
export async function collect(
  clusterFile: string,
  replace: readonly string[],
  say: (line: string) => void,
): Promise<boolean> {
  const path = join(dirname(clusterFile), knownHostsFileName);
  const cluster = loadCluster(clusterFile, {
    lock: "ignore",
    hostKeys: "ignore",
    certificates: "ignore",
    warn: () => {},
  });
  const { up, removed, bastion } = cluster;
  // Once a host has left it may be off, or have another job: one whose key is recorded is left in peace.
  const leaving = removed.filter(
    ({ name, login, lost }) =>
      !lost && (replace.includes(name) || replace.includes(login.address) || recordedIn(path, login).length === 0),
  );
  const machines: Machine[] = [...up, ...leaving].map(({ name, login }) => ({ name, login }));
  const jump: Machine[] = bastion ? [{ name: bastion.address, login: bastion }] : [];
  const named = (word: string) => [...jump, ...machines].some((m) => m.name === word || m.login.address === word);
  const unknown = replace.filter((word) => !named(word));
  if (unknown.length > 0) {
    throw new Error(`--replace ${unknown[0]}: no such host in ${clusterFile}`);
  }

  let whole = true;
  let added = 0;
  // The bastion first: its own key has to be trusted before it can be asked about others.
  for (const group of [jump, machines]) {
    // From behind a bastion only the bastion sees the hosts.
    const behind = bastion && group === machines ? inventoryHere(cluster) : undefined;
    const answers = await inParallel(group, async (machine) => ({ machine, keys: await scan(machine, behind) }));
    for (const { machine, keys } of answers) {
      const outcome = await record(path, machine, keys, replace, say);
      if (outcome === "failed") {
        whole = false;
      }
      if (outcome === "added") {
        added++;
      }
    }
    if (group === jump && (added > 0 || !whole)) {
      if (whole) {
        say(`Compare the bastion's fingerprints with its console, then run this again for the hosts behind it.`);
      }
      return false;
    }
  }
  if (added > 0) {
    say(`Recorded in ${path}. Nothing proves yet that these are the right machines: compare each new fingerprint`);
    say(
      "with the machine's own console (for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done), then commit the file.",
    );
  }
  return whole;
}

async function record(
  path: string,
  { name, login }: Machine,
  keys: readonly string[],
  replace: readonly string[],
  say: (line: string) => void,
): Promise<"same" | "added" | "failed"> {
  const entry = knownHostsName(login.address, login.port);
  const who = name === login.address ? `${name} (bastion, ${entry})` : `${name} (${entry})`;
  if (keys.length === 0) {
    say(`no answer ${who}: is it up, and is sshd on port ${login.port}?`);
    return "failed";
  }
  const recorded = recordedIn(path, login);
  const replaced = replace.includes(name) || replace.includes(login.address);
  const comparison = compare(replaced ? [] : recorded, keys);
  if (comparison.kind === "refuse") {
    say(`REFUSED   ${who} shows a key that differs from the recorded one:`);
    for (const line of await fingerprints(recorded)) {
      say(`            recorded  ${line}`);
    }
    for (const line of await fingerprints(keys)) {
      say(`            shown     ${line}`);
    }
    say(
      "            Either the machine was reinstalled, or another machine answers in its place. If its console shows these",
    );
    say(`            fingerprints: scripts/hostkeys --replace ${name}`);
    return "failed";
  }
  if (comparison.kind === "same") {
    say(`same      ${who}: as recorded`);
    return "same";
  }
  const text = textOf(path);
  const rest = replaced ? forget(text, login) : text;
  const lines = comparison.keys.map((key) => `${entry} ${key}\n`).join("");
  writeFileSync(`${path}.new`, `${rest}${rest === "" || rest.endsWith("\n") ? "" : "\n"}${lines}`);
  renameSync(`${path}.new`, path);
  say(`${replaced && recorded.length > 0 ? "replaced " : "added    "} ${who}:`);
  for (const line of await fingerprints(comparison.keys)) {
    say(`            ${line}`);
  }
  return "added";
}
