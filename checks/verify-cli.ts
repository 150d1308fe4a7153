/** `scripts/verify [OPTIONS] [CLUSTER_FILE]` */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { defaultClusterFile, end, inventoryFrom } from "./command.js";
import { withHosts } from "./contact.js";
import { painter, progress, unpainted } from "./progress.js";
import { statusOf, verify } from "./verify.js";
import { verifyPage } from "./verify-html.js";
import { asJson, report, summary, transcript } from "./verify-report.js";

const usage = `Usage: scripts/verify [OPTIONS] [CLUSTER_FILE]

Is the cluster what the cluster file says, and does its network carry names, TCP and multicast?
Asks every host over ssh for its own view, and tests with one container on each host, which are removed again.
CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

  --json          the result as JSON on standard output (docs/verify.md), and nothing else there
  --html FILE     writes the result as one page that needs no other file
  --transcript    also shows consul members, weave status and docker -H :4000 info
  --help          this text

Exit status: 0 healthy, 1 unhealthy, 2 could not tell (a host could not be asked, or verify was interrupted).`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: "boolean" },
      html: { type: "string" },
      transcript: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const [clusterFile = defaultClusterFile, ...more] = positionals;
  if (more.length > 0) throw new Error(`one cluster file, not also ${more.join(", ")}: scripts/verify --help`);
  const script = readFileSync(join(__dirname, "../scripts/host/verify.sh"), "utf8");
  const inventory = inventoryFrom(clusterFile);
  const { say, done } = progress("verify");
  const verified = await withHosts(inventory, (run) =>
    verify(inventory, { script, run, say, transcript: values.transcript === true }),
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
}

end("verify", main());
