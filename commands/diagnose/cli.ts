/** `scripts/diagnose [CLUSTER_FILE]` */
import { readFileSync } from "node:fs";
import { label } from "../../cluster/model.js";
import { withHosts } from "../../ssh/contact.js";
import { command, inventoryFrom } from "../shared/command.js";
import { hostScript } from "../shared/host-scripts.js";
import { progress } from "../shared/progress.js";
import { endOnSignals } from "../shared/signals.js";
import { bundleName, diagnose, writeBundle } from "./diagnose.js";

const usage = `Usage: scripts/diagnose [CLUSTER_FILE]

Collects from all reachable hosts, over ssh, what is needed to find out why a cluster does not work: journals,
configuration and state of Consul, Docker, Weave Net, Swarm, and of the hosts themselves. Changes nothing on them.
Writes CLUSTER-diagnose-TIME.tar.gz to the current folder, readable by you alone; index.md in it lists the files.
The gossip key, passwords, tokens and containers' environments are made unreadable before they leave a host.
CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

Exit status: 0 all hosts are in it, 1 some are not, 2 none is.`;

command("diagnose", { usage, options: {} }, async (clusterFile) => {
  const inventory = inventoryFrom(clusterFile);
  const script = hostScript("steps/tls.sh", "probes/diagnose.sh");
  endOnSignals("diagnose");
  const { say, done } = progress("diagnose");
  const diagnosis = await withHosts(inventory, (run) => diagnose(inventory, script, run, say)).finally(done);

  const present = inventory.hosts.filter(({ name }) => diagnosis.files.some(({ host }) => host === name));
  for (const host of inventory.hosts) {
    const why = diagnosis.missing.get(host.name);
    if (why !== undefined) {
      console.error(`${label(host)}: ${why}`);
    }
  }
  if (present.length === 0) {
    console.error("diagnose: no host could be asked; nothing was written");
    return 2;
  }
  const name = bundleName(inventory, new Date());
  const size = writeBundle(inventory, diagnosis, name, [["cluster.yaml", readFileSync(clusterFile, "utf8")]]);
  console.log(
    `diagnose: ${name}.tar.gz (${Math.ceil(size / 1024)} KiB, ${diagnosis.files.length} files, ${present.length} of ${inventory.hosts.length} hosts); look through it before you pass it on`,
  );
  return diagnosis.missing.size > 0 ? 1 : 0;
});
