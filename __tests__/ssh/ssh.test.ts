/** How hosts are spoken to: logins, host keys, what is left behind. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { loadCluster } from "../../cluster/load.js";
import type { Cluster, Host } from "../../cluster/model.js";
import { inventoryHere } from "../../commands/shared/command.js";
import { withHosts } from "../../ssh/contact.js";
import { explainContact } from "../../ssh/explain.js";
import { inParallel, withSsh } from "../../ssh/ssh.js";
import { files, logsIn, three } from "../fixtures/files.js";

function cluster(more = ""): Cluster {
  const folder = files({
    "cluster.yaml": three(more),
    id: "a private key",
    known_hosts: "10.0.0.1 ssh-ed25519 AAAA\n[10.0.0.2]:2222 ssh-rsa BBBB\njump ssh-rsa CCCC\n",
  });
  return loadCluster(join(folder, "cluster.yaml"), { lock: "ignore", hostKeys: "ignore" });
}

describe("ssh", () => {
  const path = process.env.PATH;
  afterEach(() => {
    process.env.PATH = path;
  });

  /** Puts a program called ssh in front of the real one. It logs in wherever it is told to, unless `login` does not. */
  function standIn(script: string, login?: string): void {
    const first = login === undefined ? logsIn : `case $3 in -M) ${login} ;; esac`;
    const folder = files({ ssh: `#!/bin/sh\n${first}\n${script}\n` });
    chmodSync(join(folder, "ssh"), 0o755);
    process.env.PATH = `${folder}:${path}`;
  }

  const real = () => execFileSync("/bin/sh", ["-c", "command -v ssh"], { encoding: "utf8" }).trim();

  async function settings(of: Cluster, where = 0): Promise<Record<string, string>> {
    standIn(`exec ${real()} -G "$@"`);
    const host = of.hosts[where];
    if (!host) {
      throw new Error("no such host");
    }
    const { stdout } = await withSsh(inventoryHere(of), (run) => run(host, ""));
    return Object.fromEntries(
      stdout.split("\n").map((line) => [line.split(" ")[0] ?? "", line.split(" ").slice(1).join(" ")]),
    );
  }

  test("logs in as the cluster file says and as nothing else does", async () => {
    const of = cluster("ssh: { user: ops, port: 2222, keyFile: id, timeoutSeconds: 7 }");
    expect(await settings(of, 1)).toMatchObject({
      hostname: "10.0.0.2",
      user: "ops",
      port: "2222",
      identityfile: join(of.directory, "id"),
      identitiesonly: "yes",
      batchmode: "yes",
      connecttimeout: "7",
      stricthostkeychecking: "true",
      globalknownhostsfile: "/dev/null",
    });
  });

  test("trusts of a host's keys the one that Terraform pins, and has the host show that type first", async () => {
    const folder = files({
      "cluster.yaml": three(),
      known_hosts:
        "10.0.0.1 ssh-ed25519 AAAA\n10.0.0.1 ecdsa-sha2-nistp256 BBBB\n10.0.0.2 ssh-ed25519 CCCC\n10.0.0.3 ssh-rsa DDDD\n",
    });
    const of = loadCluster(join(folder, "cluster.yaml"), { lock: "ignore" });
    const { hostkeyalgorithms } = await settings(of);
    expect(hostkeyalgorithms).toMatch(/^ecdsa-.*rsa-.*ssh-ed25519$/);
    standIn(`cat "$(dirname "$2")/known_hosts"`);
    const [host] = of.hosts;
    const { stdout } = await withSsh(inventoryHere(of), async (run) => run(host ?? "bastion", ""));
    expect(stdout).toBe("10.0.0.1 ecdsa-sha2-nistp256 BBBB\n10.0.0.2 ssh-ed25519 CCCC\n10.0.0.3 ssh-rsa DDDD\n");
  });

  test("through the bastion, by the agent, without checking when that is off", async () => {
    const of = cluster("ssh: { hostKeyChecking: off, bastion: { address: jump } }");
    expect(await settings(of)).toMatchObject({
      proxyjump: "_bastion",
      identityfile: "none",
      stricthostkeychecking: "false",
      userknownhostsfile: "/dev/null",
    });
  });

  test("hands over known keys, the script and its arguments, and leaves no file behind", async () => {
    const notes = join(files({}), "notes");
    standIn(
      `cat "$(dirname "$2")/known_hosts"; shift 2; printf '%s|' "$@"; cat; echo oops >&2; echo "$0" >${notes}; exit 3`,
    );
    const of = cluster();
    let folder = "";
    const result = await withSsh(inventoryHere(of), async (run) => {
      const host = of.hosts[1];
      if (!host) {
        throw new Error("no host");
      }
      return run(host, "the script\n", ["a b", "it's"]);
    });
    folder = readFileSync(notes, "utf8");
    expect(folder).not.toBe("");
    expect(result).toEqual({
      status: 3,
      stdout: "10.0.0.1 ssh-ed25519 AAAA\nb|sh -s -- 'a b' 'it'\\''s'|the script\n",
      stderr: "oops\n",
    });
  });

  test("has a host say in English why it lets nobody be root", async () => {
    standIn('shift 3; LANG=de_DE.UTF-8 exec sh -c "$1"');
    const stands = (process.env.PATH ?? "").split(":")[0] ?? "";
    for (const [name, text] of [
      ["id", "echo 1000"],
      ["sudo", 'echo "sudo: $LC_ALL" >&2; exit 1'],
    ] as const) {
      writeFileSync(join(stands, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    const of = cluster();
    const { stderr } = await withHosts(inventoryHere(of), (run) => run(of.hosts[0] as Host, "true"));
    expect(stderr).toBe("sudo: C\n");
  });

  test("gives up when the time is over, and still cleans up", async () => {
    const notes = join(files({}), "notes");
    standIn(`echo "$2" >${notes}; exec sleep 30`);
    const of = cluster();
    const host = of.hosts[0];
    if (!host) {
      throw new Error("no host");
    }
    const result = await withSsh(inventoryHere(of), (run) => run(host, "", [], 0.5));
    expect(result.status).toBe(124);
    expect(explainContact(of, host, result)?.found).toBe("unreachable: 10.0.0.1 port 22: no answer in time");
    expect(existsSync(readFileSync(notes, "utf8").trim())).toBe(false);
  });

  describe("one login on each machine", () => {
    const hungUp =
      "echo 'kex_exchange_identification: read: Connection reset by peer' >&2; echo 'Connection reset by 10.0.0.1 port 22' >&2; exit 255";
    const first = ({ hosts: [host] }: Pick<Cluster, "hosts">) => host as Host;
    const lines = (path: string) => readFileSync(path, "utf8").trim().split("\n");

    test("is shared by all that runs there, and ends with the command", async () => {
      const notes = join(files({}), "notes");
      standIn("cat", `echo $$ >>${notes}; echo ready; exec cat`);
      const of = inventoryHere(cluster());
      const said = await withSsh(of, async (run, open) => {
        const session = await open(first(of), "program");
        session.stdin.end("to a program");
        const [program = ""] = await once(session.stdout.setEncoding("utf8"), "data");
        const all = await inParallel([...of.hosts, ...of.hosts], (host) => run(host, `to ${host.name}`));
        return [program, ...all.map(({ stdout }) => stdout)];
      });
      expect(said).toEqual(["to a program", "to a", "to b", "to c", "to a", "to b", "to c"]);
      const logins = lines(notes);
      expect(logins).toHaveLength(of.hosts.length);
      await expect.poll(() => logins.filter((pid) => existsSync(`/proc/${pid}/exe`))).toEqual([]);
    });

    test("goes through the one on the bastion, without which nothing is tried", async () => {
      const notes = join(files({}), "notes");
      const refused = "echo 'ssh: connect to host jump port 22: Connection refused' >&2; exit 255";
      standIn("exit 9", `echo "$9" >>${notes}; ${refused}`);
      const of = inventoryHere(cluster("ssh: { bastion: { address: jump } }"));
      const results = await withSsh(of, (run) => inParallel(of.hosts, (host) => run(host, "")));
      expect(results.map((result, i) => explainContact(of, of.hosts[i] as Host, result)?.found)).toEqual(
        of.hosts.map(() => "connection refused by jump host jump port 22"),
      );
      expect(lines(notes)).toEqual(["_bastion"]);
    });

    test("is tried for again where an sshd has hung up, which lets in only so many at once", async () => {
      const tried = join(files({}), "tried");
      standIn("cat", `if [ -e ${tried} ]; then echo ready; exec cat; fi; echo 1 >${tried}; ${hungUp}`);
      const of = inventoryHere(cluster());
      expect(await withSsh(of, (run) => run(first(of), "in"))).toEqual({ status: 0, stdout: "in", stderr: "" });
    });

    test("is asked for by no more than eight at once", async () => {
      const notes = join(files({}), "notes");
      standIn("cat", `echo 1 >>${notes}; sleep 0.05; echo -1 >>${notes}; echo ready; exec cat`);
      const of = inventoryHere(cluster());
      const host = first(of);
      const hosts = Array.from({ length: 30 }, (_, i) => ({ ...host, name: `t${i}` }));
      const results = await withSsh({ ...of, hosts }, (run) => inParallel(hosts, (one) => run(one, ""), 64));
      expect(results.map(({ status }) => status)).toEqual(hosts.map(() => 0));
      let now = 0;
      const atOnce = lines(notes).map((change) => {
        now += Number(change);
        return now;
      });
      expect(Math.max(...atOnce)).toBeLessThanOrEqual(8);
    });

    test("is not there when the time is over", async () => {
      standIn("cat", "exec sleep 30");
      const of = inventoryHere(cluster());
      expect(await withSsh(of, (run) => run(first(of), "", [], 0.3))).toMatchObject({ status: 124 });
    });
  });

  test("a machine without ssh is told what to install", async () => {
    const of = inventoryHere(cluster());
    process.env.PATH = files({});
    await expect(withSsh(of, (run) => run("bastion", ""))).rejects.toThrow(
      "this machine has no ssh: apt-get install openssh-client",
    );
  });

  test("a key file that is not there is said before anybody is contacted", async () => {
    const of = cluster("ssh: { keyFile: no/key }");
    await expect(withSsh(inventoryHere(of), async () => 1)).rejects.toThrow(
      `keyFile: found no file ${of.directory}/no/key, expected a private key`,
    );
  });
});

test("work in parallel keeps its order and its limit", async () => {
  let [running, most] = [0, 0];
  const results = await inParallel(
    [5, 1, 3, 2, 4],
    async (n) => {
      most = Math.max(most, ++running);
      await new Promise((done) => setTimeout(done, n));
      running--;
      return n * 10;
    },
    2,
  );
  expect(results).toEqual([50, 10, 30, 20, 40]);
  expect(most).toBe(2);
});
