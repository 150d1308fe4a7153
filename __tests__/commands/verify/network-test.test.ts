/** The test of the containers' network, on hosts that answer as they are told. */
import { expect, it } from "vitest";
import { inventoryOf } from "../../../cluster/inventory.js";
import { testNetwork } from "../../../commands/verify/network-test.js";
import { clusterFile, clusterFrom } from "../../fixtures/clusters.js";

const inventory = inventoryOf(clusterFrom(clusterFile(2)), (written) => written);
const [h1, h2] = inventory.hosts as [(typeof inventory.hosts)[0], (typeof inventory.hosts)[0]];

/** Places the two containers, one time after the other, where `placements` says; the last one stays true. */
async function placedAs(...placements: Record<string, string>[]) {
  const asked: string[] = [];
  let times = 0;
  const { placed } = await testNetwork(
    {
      inventory,
      views: new Map(),
      script: "",
      id: "x",
      run: async ({ name }, _, args = []) => {
        const [action = ""] = args;
        asked.push(`${name} ${action}`);
        times += action === "start" ? 1 : 0;
        const here = placements[Math.min(times, placements.length) - 1]?.[name] ?? "";
        const answer = action === "start" ? "=== start 1 0\n=== start 2 0\n" : `=== ${action} 0\n${here}\n`;
        return { status: 0, stdout: `${answer}=== end 0\n`, stderr: "" };
      },
    },
    h1,
    [h1, h2],
    () => {},
  );
  return { asked, placed: Object.fromEntries(placed) };
}

const apart = { h1: "pingtest1-x", h2: "pingtest2-x" };
const together = { h1: "pingtest1-x\npingtest2-x" };

it("starts the containers again when Swarm has put two of them on one host", async () => {
  const { asked, placed } = await placedAs(together, apart);
  expect(placed).toEqual({ h1: ["pingtest1-x"], h2: ["pingtest2-x"] });
  const first = asked.lastIndexOf("h1 start");
  expect(asked.slice(0, first)).toEqual(expect.arrayContaining(["h1 remove", "h2 remove"]));
});

it("takes it for a fault when it happens twice", async () => {
  const { asked, placed } = await placedAs(together);
  expect(placed).toEqual({ h1: ["pingtest1-x", "pingtest2-x"] });
  expect(asked.filter((what) => what === "h1 start")).toHaveLength(2);
});

it("starts them once where all is well", async () => {
  const { asked } = await placedAs(apart);
  expect(asked.filter((what) => what === "h1 start")).toHaveLength(1);
});
