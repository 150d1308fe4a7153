/** `scripts/verify [OPTIONS] [CLUSTER_FILE]` */
import { writeFileSync } from "node:fs";
import { loadCluster } from "../../cluster/load.js";
import { withHosts } from "../../ssh/contact.js";
import { command, inventoryHere } from "../shared/command.js";
import { hostScript } from "../shared/host-scripts.js";
import { painter, progress, unpainted } from "../shared/progress.js";
import { eventBusImage } from "./checks/event-bus.js";
import { verifyPage } from "./report/html.js";
import { asJson, report, summary, transcript } from "./report/terminal.js";
import { statusOf, verify } from "./verify.js";

const usage = `Usage: scripts/verify [OPTIONS] [CLUSTER_FILE]

Is the cluster what the cluster file says, and does its network carry names, TCP and multicast?
Asks every host over ssh for its own view, and tests with one container on each host, which are removed again.
CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

  --vertx         also tests a Vert.x event bus: a sender and a receiver, then a member on each host, of which one
                  crashes; loads the image (examples/event-bus) for that time on hosts that do not have it
  --json          the result as JSON on standard output (docs/verify.md), and nothing else there
  --html FILE     writes the result as one page that needs no other file
  --transcript    also shows consul members, weave status, docker -H :4000 info and what the event bus printed
  --help          this text

Exit status: 0 healthy, 1 unhealthy, 2 could not tell (a host could not be asked, or verify was interrupted).`;

const options = {
  vertx: { type: "boolean" },
  json: { type: "boolean" },
  html: { type: "string" },
  transcript: { type: "boolean" },
} as const;

command("verify", { usage, options }, async (clusterFile, values) => {
  const script = hostScript("probes/verify.sh");
  const cluster = loadCluster(clusterFile);
  const inventory = inventoryHere(cluster);
  const eventBus = {
    image: eventBusImage(cluster),
    script: hostScript("steps/lib.sh", "probes/event-bus.sh"),
  };
  const { say, done } = progress("verify");
  const verified = await withHosts(inventory, (run) =>
    verify(inventory, {
      script,
      run,
      say,
      transcript: values.transcript === true,
      ...(values.vertx ? { eventBus } : {}),
    }),
  ).finally(done);

  if (values.html !== undefined) writeFileSync(values.html, verifyPage(asJson(verified)));
  if (values.json) {
    console.log(JSON.stringify(asJson(verified), undefined, 2));
    console.error(`verify: ${summary(verified, unpainted)}`);
  } else {
    const lines = [...(values.transcript ? transcript(verified) : []), ...report(verified, painter())];
    for (const line of lines) console.log(line);
  }
  return statusOf(verified);
});
