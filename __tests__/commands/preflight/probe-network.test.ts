/** The hosts' Perl program for real: each host is a process with an address of its own on the loopback interface. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { Duplex } from "node:stream";
import { afterEach, expect, it } from "vitest";
import { judgeNetwork } from "../../../commands/preflight/judge/network.js";
import { probeNetwork } from "../../../commands/preflight/probe-network.js";
import type { Way } from "../../../commands/preflight/result.js";
import type { Connect } from "../../../ssh/tunnel.js";
import { host, inventory as inventoryOf, settings } from "../../fixtures/inventories.js";

const program = readFileSync("scripts/host/probes/port-probe.pl", "utf8");

const inventory = (hosts: number) =>
  inventoryOf(
    Array.from({ length: hosts }, (_, i) => loopback(i + 1)),
    { settings: { ...settings, ssh: { ...settings.ssh, timeoutSeconds: 5 } } },
  );
const loopback = (number: number) =>
  host(number, {
    address: `127.18.0.${number}`,
    ports: ["8301/tcp/consul", "8301/udp/consul", "6783/udp/weave", "12375/tcp/weave"],
  });

const children: ChildProcessWithoutNullStreams[] = [];
afterEach(() => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
  }
});

/** In place of ssh: `instead` of the program for some hosts. */
function probe(hosts: number, instead: Record<string, readonly [string, string[]]> = {}, connect?: Connect) {
  const where = inventory(hosts);
  const open = async ({ name, address }: { name: string; address: string }) => {
    const [command, args] = instead[name] ?? ["perl", ["-", name, address]];
    const child = spawn(command, args, { stdio: "pipe" });
    children.push(child);
    return child;
  };
  return probeNetwork(where, program, open, Promise.resolve(), connect).then((seen) => ({ where, seen }));
}

const ended = (child: ChildProcessWithoutNullStreams) =>
  child.exitCode !== null || child.signalCode !== null || new Promise((resolve) => child.once("exit", resolve));

it("every host reaches every other, and all of them end", async () => {
  const { where, seen } = await probe(4);
  expect(seen.connections.filter(({ from, to }) => from !== to)).toHaveLength(4 * 3 * 4);
  expect(seen.connections.filter(({ from, to }) => from === to).map(({ port }) => port)).toEqual(
    Array.from({ length: 4 }, () => "12375/tcp"),
  );
  expect(seen.connections.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
  expect(seen.silent.size).toBe(0);
  expect(seen.unreached.size).toBe(0);
  for (const { ahead, uncertain } of seen.clocks.values()) {
    expect(Math.abs(ahead)).toBeLessThan(uncertain + 0.1);
  }
  expect(judgeNetwork(where, new Map(), seen)).toEqual([]);
  await Promise.all(children.map(ended));
});

it("a service that runs already is connected to; datagrams it is spared", async () => {
  const service = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => service.listen(12375, "127.18.0.2", resolve));
  const got: string[] = [];
  const datagrams = createSocket("udp4", (text) => got.push(String(text)));
  await new Promise<void>((resolve) => datagrams.bind(6783, "127.18.0.2", resolve));
  try {
    const { seen } = await probe(3);
    const toService = seen.connections.filter(({ to }) => to === "h2");
    expect(toService.filter(({ port }) => port === "12375/tcp")).toMatchObject(
      ["h1", "h2", "h3"].map((from) => ({ from, outcome: "ok" })),
    );
    expect(toService.filter(({ port }) => port === "6783/udp")).toEqual([]);
    expect(got).toEqual([]);
  } finally {
    service.close();
    datagrams.close();
  }
});

it("a host's Docker API is tried from here too, by the way that Terraform goes", async () => {
  const tried: string[] = [];
  const { where, seen } = await probe(3, {}, (address, port) => {
    tried.push(`${address}:${port}`);
    if (address === "127.18.0.3") {
      // As ssh, when the jump host gets no connection.
      return new Duplex({ read() {}, write() {} }).destroy(new Error("refused by peer"));
    }
    // A port where nobody listens, and the host's own.
    return createConnection(address === "127.18.0.2" ? 1 : port, address);
  });
  expect(tried).toEqual(["127.18.0.1:12375", "127.18.0.2:12375", "127.18.0.3:12375"]);
  const judge = (bastion: string | undefined, way: Way) =>
    judgeNetwork(
      { ...where, ...(bastion ? { bastion: { ...host(9).login, address: bastion } } : {}) },
      new Map(),
      seen,
      way,
    );
  expect(judge(undefined, { deployer: "me" })).toMatchObject([
    { host: "h2", check: "links", found: "12375/tcp not reached from this machine (connection refused)" },
    { host: "h3", fix: expect.stringContaining("-s ADDRESS-OF-THIS-MACHINE ") },
  ]);
  expect(judge("jump", { deployer: "me" })).toMatchObject([{ fix: expect.stringContaining("scripts/tunnel --") }, {}]);
  expect(judge("jump", { tunnel: true })).toMatchObject([
    {},
    { found: "12375/tcp not reached from the jump host (refused by peer)", warning: true },
  ]);
});

it("a host that cannot take part is named, and the others go on", async () => {
  const { seen } = await probe(3, { h2: ["sh", ["-c", "echo 'sh: 1: exec: perl: not found' >&2; exit 127"]] });
  expect([...seen.silent]).toEqual([["h2", "sh: 1: exec: perl: not found"]]);
  expect(seen.connections.filter(({ from, to }) => from !== to)).toHaveLength(8);
  expect(seen.connections.every(({ outcome }) => outcome === "ok")).toBe(true);
});

it("a host that is gone in the middle of it is at fault, and nobody waits for it", async () => {
  // Says that it listens, and is no more.
  const gone = `while read line; do [ "$line" = __END__ ] && break; done
    echo ok; read clock; echo "clock $(date +%s.%N)"; echo ok; read listen; echo ok`;
  const { where, seen } = await probe(3, { h2: ["sh", ["-c", gone]] });
  expect(judgeNetwork(where, new Map(), seen)).toMatchObject([
    {
      host: "h2",
      found: "6783/udp, 8301/tcp, 8301/udp, 12375/tcp not reached from any other host (connection refused)",
    },
    { host: "h2", found: "12375/tcp not reached from this machine (connection refused)", warning: true },
  ]);
});

it("the ports close by themselves when nobody is there any more to close them", async () => {
  const hasty = program.replace("LIFETIME => 120", "LIFETIME => 1");
  expect(hasty).not.toBe(program);
  const child = spawn("perl", ["-", "h9", "127.18.0.9"], { stdio: "pipe" });
  children.push(child);
  const said = (text: RegExp) =>
    new Promise<void>((resolve) => child.stdout.on("data", (data) => text.test(String(data)) && resolve()));
  const ready = said(/ok/);
  child.stdin.write(`${hasty}\n__END__\n`);
  await ready;
  const listening = said(/ok/);
  child.stdin.write("listen token 8500/tcp 6783/udp\n");
  await listening;
  // Its input stays open, as that of a connection whose other end has lost its power.
  await ended(child);
  expect(child.signalCode).toBe("SIGALRM");
});

it("beyond twenty hosts each tries three others", async () => {
  const { seen } = await probe(24);
  expect(seen.connections.filter(({ from, to }) => from !== to)).toHaveLength(24 * 3 * 4);
  expect(seen.connections.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
});
