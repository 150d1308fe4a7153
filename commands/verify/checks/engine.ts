/** Docker Engine. */
import { type Check, complaintOfItself, inViews, restart, whyFailed, whyInactive } from "./check.js";

export const engine = {
  name: "engine",
  title: "Docker Engine runs",
  doc: "`docker.service` is active and answers",
  after: [],
  needed: "docker.service active and answering",
  fix: (host) => restart("docker", host),
  observe: inViews(["unit-docker", "containers"], (host, said) => {
    const fault = whyInactive("docker", said("unit-docker")) ?? whyFailed(said("containers"));
    return fault === undefined ? { seen: "runs", complaints: [] } : complaintOfItself(host, fault);
  }),
} as const satisfies Check;
