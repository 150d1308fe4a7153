/** `scripts/verify [OPTIONS] [CLUSTER_FILE]` */
import { renameSync, statSync, writeFileSync } from "node:fs";
import { loadCluster } from "../../cluster/load.js";
import { withHosts } from "../../ssh/contact.js";
import { command, inventoryHere } from "../shared/command.js";
import { hostScript } from "../shared/host-scripts.js";
import { painter, progress, unpainted } from "../shared/progress.js";
import { checks } from "./checks/index.js";
import { limitSeconds } from "./deadline.js";
import { eventBusImage } from "./event-bus-test.js";
import { verifyPage } from "./report/html.js";
import { verifyJson } from "./report/json.js";
import { verifyJunit } from "./report/junit.js";
import { verifyMetrics } from "./report/prometheus.js";
import { report, summary, transcript } from "./report/terminal.js";
import { statusOf, verify } from "./verify.js";

/** Renamed into place: a collector or a web server may be reading it. A pipe or a terminal is written to. */
function replaceFile(path: string, text: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) {
    writeFileSync(path, text);
    return;
  }
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, text);
  renameSync(fresh, path);
}

const shown = checks.flatMap(({ transcript: own }) => own?.command ?? []);

const usage = `Usage: scripts/verify [OPTIONS] [CLUSTER_FILE]

Checks that the cluster is what the cluster file says, and that its network carries names, TCP and multicast.
Asks every host over ssh how it sees the cluster, and tests the network with one container on each host.
Removes the containers afterwards. All but the event bus takes at most ${limitSeconds} s: what a host has not answered by then is said.

CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

  --vertx         also tests a Vert.x event bus: a sender and a receiver, then a member on each host, of which one
                  crashes; hosts that lack the image (examples/event-bus) have it during the test
  --json          prints the result as JSON (docs/schemas/verify.schema.json), and nothing else, on standard output
  --html FILE     writes the result as one page that needs no other file
  --junit FILE    writes the result as JUnit XML: a suite for each host, a case for each check
  --prometheus FILE
                  writes the result as metrics, for node_exporter's textfile collector
  --transcript    also prints the output of ${shown.join(", ")} and the event bus
  --help          prints this text

Exit status: 0 healthy, 1 unhealthy, 2 could not tell (a host could not be asked or left a question
unanswered, or verify was interrupted).`;

const options = {
  vertx: { type: "boolean" },
  json: { type: "boolean" },
  html: { type: "string" },
  junit: { type: "string" },
  prometheus: { type: "string" },
  transcript: { type: "boolean" },
} as const;

command("verify", { usage, options }, async (clusterFile, values) => {
  const script = hostScript("steps/tls.sh", "steps/http.sh", "probes/verify.sh");
  const cluster = loadCluster(clusterFile);
  const inventory = inventoryHere(cluster);
  const eventBus = {
    image: eventBusImage(cluster),
    script: hostScript("steps/tls.sh", "steps/http.sh", "steps/lib.sh", "steps/artifacts.sh", "probes/event-bus.sh"),
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

  const json = verifyJson(verified);
  for (const [path, form] of [
    [values.html, verifyPage],
    [values.junit, verifyJunit],
    [values.prometheus, verifyMetrics],
  ] as const) {
    if (path !== undefined) {
      replaceFile(path, form(json));
    }
  }
  if (values.json) {
    console.log(JSON.stringify(json, undefined, 2));
    console.error(`verify: ${summary(verified, unpainted)}`);
  } else {
    const lines = [...(values.transcript ? transcript(verified) : []), ...report(verified, painter())];
    for (const line of lines) {
      console.log(line);
    }
  }
  return statusOf(verified);
});
