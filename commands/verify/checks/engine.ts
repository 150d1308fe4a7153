/** Docker Engine. */
import { neededApi } from "../../../cluster/engines.js";
import type { InventoryHost } from "../../../cluster/inventory.js";
import { compareVersions } from "../../../cluster/versions.js";
import { whyFailed } from "../sections.js";
import { type Check, complaintOfItself, inViews, restart, type Sight, unless, whyInactive } from "./check.js";

export const engine = {
  name: "engine",
  title: "Docker Engine runs",
  doc: "`docker.service` is active and answers, also clients as old as Weave Net and Swarm; apt holds the packages of an engine that the project installed",
  after: [],
  needed: "docker.service active and answering",
  fix: (host) => restart("docker", host),
  observe: inViews(["unit-docker", "containers"], (host, said) => {
    const fault = whyInactive("docker", said("unit-docker")) ?? whyFailed(said("containers"));
    return fault === undefined ? { seen: "runs", complaints: [] } : complaintOfItself(host, fault);
  }),
  further: [
    {
      needed: ({ inventory }) => `API ${neededApi(inventory.settings)} answered, for Weave Net and Swarm`,
      fix: (host, { inventory }) =>
        `on ${host}: set DOCKER_MIN_API_VERSION=${neededApi(inventory.settings)} in a drop-in of docker.service, and restart it`,
      observe: inViews(["engine-api"], (host, said, { inventory }) =>
        unless(whyFailed(said("engine-api")), host, () =>
          answering(host, said("engine-api").text, neededApi(inventory.settings)),
        ),
      ),
    },
    {
      needed:
        "the engine's packages held, so that an upgrade by itself does not take it to a version that refuses Weave Net",
      fix: (host, _, complaints) =>
        `on ${host}: apt-mark hold ${complaints.map(({ found }) => found.split(" ")[1]).join(" ")}`,
      observe: inViews(["engine-hold"], (host, said) => held(host, said("engine-hold").text)),
    },
  ],
} as const satisfies Check;

/** `29.9.3 1.24`: the engine's version, and the oldest API that it answers. */
function answering(host: InventoryHost, text: string, needed: string): Sight {
  const [version = "", lowest = ""] = text.split(" ");
  return compareVersions(lowest, needed) > 0
    ? complaintOfItself(host, `engine ${version} refuses clients below API ${lowest}`)
    : { seen: `${version}, API ${lowest} and newer`, complaints: [] };
}

/** A line `PACKAGE VERSION held|free` for each package that the deploy has held. */
function held(host: InventoryHost, text: string): Sight {
  const free = text.split("\n").flatMap((line) => {
    const [name = "", version = "", state] = line.split(" ");
    return state === "free" ? [`package ${name} ${version} is not held`] : [];
  });
  return { seen: "held", complaints: free.map((found) => ({ about: host.name, found })) };
}
