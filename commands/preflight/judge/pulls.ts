/** Do the hosts together pull more from Docker Hub than it gives to one address? */
import type { Inventory } from "../../../cluster/inventory.js";
import type { CheckFinding } from "../checks.js";
import type { Facts } from "../facts.js";
import { pullLimit } from "../limits.js";
import { imagesMissing } from "./room.js";

/** One finding for all hosts, at the first: nobody here knows which of them share an address on their way out. */
export function judgePulls({ required, sources }: Inventory, factsOf: ReadonlyMap<string, Facts>): CheckFinding[] {
  const pulling = [...factsOf]
    .map(([host, facts]) => ({ host, images: imagesMissing(required, facts) }))
    .filter(({ images }) => images > 0);
  const total = pulling.reduce((sum, { images }) => sum + images, 0);
  const [first] = pulling;
  if (first === undefined || total <= pullLimit.images || !sources.includes("registry-1.docker.io")) {
    return [];
  }
  return [
    {
      host: first.host,
      check: "pulls",
      found: `${pulling.length} hosts pull ${total} images from Docker Hub`,
      needed: `at most ${pullLimit.images} in ${pullLimit.hours} hours, where the hosts share one address and none is logged in`,
      fix: "artifacts.mirror or artifacts.directory in the cluster file; or docker login as root on the hosts; or deploy again hours later, since what has been pulled stays",
      warning: true,
    },
  ];
}
