/** A machine is off for a while, and the cluster goes on without it. */
import { expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { containers } from "../../cluster/names.js";
import {
  atConsole,
  atConsoles,
  changesNothing,
  expectWords,
  healthyAgain,
  host,
  lab,
  oneAfterTheOther,
  read,
  useCluster,
  verify,
  write,
} from "./lab.js";

useCluster();
oneAfterTheOther();

interface File {
  hosts: { name: string; down?: boolean }[];
  consul: { logLevel?: string };
}
const edit = (change: (file: File) => void) => {
  const file = parse(read("cluster.yaml")) as File;
  change(file);
  write("cluster.yaml", stringify(file));
};

/** The services of the hosts that stay, and their containers. */
const processes = () =>
  atConsoles(
    `systemctl show --value -p MainPID consul docker weave
docker inspect -f '{{.Name}} {{.State.Pid}}' ${Object.values(containers).join(" ")}`,
    ["h1", "h2"].map(host),
  );
const containersOf = (name: string) =>
  atConsole(host(name), "docker ps --no-trunc --format '{{.Names}} {{.ID}}' | sort");

it("a host that is off is left out, and nothing is restarted on the others", async () => {
  const before = await processes();
  await lab("poweroff", "h3");
  edit(({ hosts }) => {
    for (const one of hosts) {
      if (one.name === "h3") {
        one.down = true;
      }
    }
  });
  await lab("deploy");
  expect(await processes()).toEqual(before);
  await verify();
});

it("the others can be changed meanwhile", async () => {
  edit(({ consul }) => {
    consul.logLevel = "DEBUG";
  });
  expectWords(await lab("deploy"), /h1 consul-start: changed consul\.service \(restarted\)/);
  await verify();
});

it("without the line it is brought up to date, and its containers are made once", async () => {
  await lab("poweron", "h3");
  edit(({ hosts }) => {
    for (const one of hosts) {
      delete one.down;
    }
  });
  const others = await processes();
  expectWords(
    await lab("deploy"),
    /h3 swarm-clear: changed container \S+ \(removed\)/,
    /h3 consul-start: changed consul\.service \(restarted\)/,
  );
  expect(await processes()).toEqual(others);
  await healthyAgain();
  const made = await containersOf("h3");
  await changesNothing();
  expect(await containersOf("h3")).toBe(made);
});
