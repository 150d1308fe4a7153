/** What holds for every valid cluster file. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { anyClusterFile, type WrittenHost } from "../fixtures/any-cluster.js";
import { asRead, clusterFrom, synthesise, temporaryFolder } from "../fixtures/clusters.js";

/** The JSON of a cluster file, as text and as blocks by address. */
function synthesised(file: Record<string, unknown>) {
  const folder = join(temporaryFolder(), "cluster");
  mkdirSync(folder);
  const stack = synthesise(clusterFrom(file, undefined, folder));
  const text = readFileSync(join(stack, "cdk.tf.json"), "utf8");
  const { resource } = JSON.parse(asRead(text)) as { resource: Record<string, Record<string, unknown>> };
  const blocks = Object.entries(resource).flatMap(([type, byName]) =>
    Object.entries(byName).map(([name, block]) => [`${type}.${name}`, JSON.stringify(block)] as const),
  );
  return { text, blocks: new Map(blocks) };
}

test("a valid cluster file is synthesised; the order in which it lists hosts changes no byte", () => {
  fc.assert(
    fc.property(anyClusterFile(), fc.nat(), (file, turn) => {
      const hosts = file.hosts as WrittenHost[];
      const at = turn % hosts.length;
      const turned = [...hosts.slice(at), ...hosts.slice(0, at)].reverse();
      expect(synthesised({ ...file, hosts: turned }).text).toBe(synthesised(file).text);
    }),
    { numRuns: 4 },
  );
});

test("a host that is added changes of the others what counts or lists hosts, and nothing else", () => {
  fc.assert(
    fc.property(anyClusterFile(), (file) => {
      const added = { name: "zz-added", address: "172.16.9.9", consul: "client", swarm: ["agent"] };
      const was = synthesised(file).blocks;
      const is = synthesised({ ...file, hosts: [...(file.hosts as WrittenHost[]), added] }).blocks;
      const gone = [...was.keys()].filter((address) => !is.has(address));
      // A router knows the addresses of all others.
      const withoutPeers = (block = "") => block.replace(/"peers":"\w+"/, "");
      const changed = [...was.keys()].filter((at) => withoutPeers(was.get(at)) !== withoutPeers(is.get(at)));
      const lists =
        /^(local_file\.(hosts|preflight_inventory)|null_resource\.(preflight_hosts|reached|guarded|gate-\w+|\w[\w-]*_stage))$/;
      expect({ gone, changed: changed.filter((address) => !lists.test(address)) }).toEqual({ gone: [], changed: [] });
    }),
    { numRuns: 4 },
  );
});
