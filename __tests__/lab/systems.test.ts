/** Systems and engines that hosts have besides Debian 12 with its own engine: a whole life on each, with the event bus. */
import { describe, expect, it } from "vitest";
import { atConsoles, bareHosts, changesNothing, expectWords, host, lab, oneAfterTheOther, tearDown } from "./lab.js";

tearDown();

describe.each([
  { system: "debian-11", engine: "distribution", version: /^20\.10\./ },
  { system: "debian-13", engine: "distribution", version: /^26\.1\./ },
  { system: "debian-12", engine: "28", version: /^28\.5\./ },
  { system: "debian-12", engine: "29", version: /^29\.9\./ },
])("$system, Docker Engine: $engine", ({ system, engine, version }) => {
  const options = ["--hosts", "2", "--system", system, "--engine", engine];
  oneAfterTheOther();

  it("becomes a cluster, on a host with an engine and on one without", async () => {
    await bareHosts(...options);
    expectWords(await lab("up", ...options), /verify: healthy/, /event-bus +✓ +✓/);
    for (const found of Object.values(await atConsoles("docker version -f '{{.Server.Version}}'"))) {
      expect(found).toMatch(version);
    }
    await changesNothing();
  });

  it("keeps the engine that the deploy has installed at its version, until the cluster is destroyed", async () => {
    const held = async () => (await atConsoles("apt-mark showhold", [host("h2")])).h2;
    expect(await held()).toMatch(/^docker/);
    expectWords(await lab("destroy"), /h2 uninstall: .*nothing of multicast-swarm is left/);
    expect(await held()).toBe("");
  });
});
