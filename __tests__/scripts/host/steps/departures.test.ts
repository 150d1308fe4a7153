/** What is done for a host that leaves or was lost, and what is not, with stand-ins for all that runs on a host. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { ports } from "../../../../cluster/ports.js";
import { stepFolder } from "../../../fixtures/step-folder.js";

const h3 = "02:00:0a:00:01:03";

/** A host on which the units that are named run; `programs` are stand-ins, whose calls go into `asked`. */
function host(running: readonly string[], programs: Readonly<Record<string, string>> = {}) {
  const { at, program } = stepFolder();
  const is = running.map((unit) => `*" ${unit}.service") exit 0 ;;`).join(" ");
  const all = {
    systemctl: `case " $*" in *is-active*) case " $*" in ${is} esac; exit 3 ;; esac`,
    weave: "exit 0",
    docker: "exit 0",
    consul: "exit 1",
    ...programs,
  };
  for (const [name, text] of Object.entries(all)) {
    program(name, `#!/bin/sh\necho "${name} $*" >>${at("asked")}\n${text}\n`);
  }
  return {
    records: (...lines: string[]) => writeFileSync(at("state/created"), lines.map((line) => `${line}\n`).join("")),
    knows: (...hosts: string[]) => writeFileSync(at("hosts.tsv"), hosts.map((line) => `${line}\tserver\n`).join("")),
    asked: () => (existsSync(at("asked")) ? readFileSync(at("asked"), "utf8") : ""),
    run: (script: string, ...args: string[]) =>
      new Promise<{ status: number | null; said: string }>((resolve) => {
        const child = spawn("sh", [at("scripts", script), ...args]);
        let said = "";
        for (const stream of [child.stdout, child.stderr]) {
          stream.setEncoding("utf8").on("data", (text: string) => {
            said += text;
          });
        }
        child.once("close", (status) => resolve({ status, said }));
      }),
  };
}

const leave = ["leave.sh", "address=10.0.1.3", "timeout=1"] as const;
const lost = ["lost.sh", "name=h3", "address=10.0.1.3"] as const;

it("a host that has left before keeps the Consul and Weave that it has now", async () => {
  const other = host(["consul", "weave"]);
  expect(await other.run(...leave)).toEqual({
    status: 0,
    said: expect.stringContaining("found nothing of multicast-swarm"),
  });
  expect(other.asked()).not.toMatch(/weave reset|consul leave|stop/);
});

it("of a host that was refused half-way, a Consul that is not ours stays a member of its own cluster", async () => {
  const other = host(["consul", "weave"]);
  other.records("package docker.io");
  expect((await other.run(...leave)).status).toBe(0);
  expect(other.asked()).not.toMatch(/weave reset|consul leave/);
});

it("addresses that Weave does not take over are not said to be taken over", async () => {
  const status = 'case "$*" in "status ipam") echo "$said" ;; *) echo "no such peer" >&2; exit 1 ;; esac';
  const taker = host(["weave"], { weave: `said=${h3}\n${status}` });
  expect(await taker.run(...lost)).toEqual({
    status: 1,
    said: expect.stringMatching(/ERROR: Weave does not take over the addresses of h3 .*no such peer/),
  });
  const mute = host(["weave"], { weave: "echo 'weave container is not present' >&2; exit 1" });
  expect(await mute.run(...lost)).toEqual({
    status: 1,
    said: expect.stringMatching(/ERROR: Weave does not say who has which addresses: weave container is not present/),
  });
});

it("a host that is new does not let addresses go that another could take over", async () => {
  const other = "127.77.86.2";
  const router = createServer();
  onTestFinished(() => void router.close());
  await new Promise<void>((resolve) => router.listen(ports.weavePeers.number, other, resolve));
  const fresh = host([]);
  fresh.knows("h1\t127.77.86.1", `h2\t${other}`);
  expect(await fresh.run(...lost)).toEqual({
    status: 1,
    said: expect.stringMatching(/ERROR: no router runs here .* one runs on h2 \(127\.77\.86\.2\).* in the next/),
  });
});

it("a host is lost whose place another takes where nobody has Weave or Consul yet", async () => {
  const fresh = host([]);
  fresh.knows("h1\t127.77.86.3");
  const { status, said } = await fresh.run(...lost);
  expect(status).toBe(0);
  expect(said).not.toContain("not found");
  expect(said).toMatch(/found Weave: no router .* addresses of h3 \(02:00:0a:00:01:03\)/);
  expect(said).toMatch(/found Consul: no agent here .* h3 is lost/);
});
