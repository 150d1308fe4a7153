/** Whose fault is it when packets get lost for their size? */
import type { Inventory } from "../../../cluster/inventory.js";
import type { CheckFinding } from "../checks.js";
import type { PacketSizes } from "../probe-network.js";
import { faults } from "./faults.js";
import { labels } from "./labels.js";

/** What Weave Net's own header takes, at most, of a packet on the fast datapath. */
const fastDatapathHeader = 84;
const weaveMtu = 1376;

export function judgePacketSizes(inventory: Inventory, packetSizes: readonly PacketSizes[]): CheckFinding[] {
  // Where no echo came back at all, the network lets none through, and nothing is known.
  const known = packetSizes.filter(({ answered }) => answered > 0);
  const lost = atFault(known, ({ sent, answered }) => answered < sent).map((fault) => lostFinding(inventory, fault));
  const { fastDatapath, mtu = weaveMtu } = inventory.settings.weave;
  if (lost.length > 0 || !fastDatapath) {
    return lost;
  }
  const wanted = mtu + fastDatapathHeader;
  return atFault(known, ({ answered }) => answered < wanted).map((fault) => narrowFinding(inventory, fault, mtu));
}

interface AtFault {
  readonly host: string;
  readonly failures: readonly PacketSizes[];
}

/** An echo goes both ways, so the direction says nothing. */
function atFault(known: readonly PacketSizes[], fails: (sizes: PacketSizes) => boolean): AtFault[] {
  const found = faults(known.map((sizes) => ({ ...sizes, failed: fails(sizes) })));
  return [...new Set(found.map(({ host }) => host))].map((name) => ({
    host: name,
    failures: found.filter(({ host }) => host === name).flatMap(({ failures }) => failures),
  }));
}

const between = (inventory: Inventory, { host, failures }: AtFault) =>
  `between this host and ${labels(
    inventory,
    failures.map(({ from, to }) => (to === host ? from : to)),
  )}`;

function lostFinding(inventory: Inventory, fault: AtFault): CheckFinding {
  const sent = Math.max(...fault.failures.map((sizes) => sizes.sent));
  const answered = Math.min(...fault.failures.map((sizes) => sizes.answered));
  return {
    host: fault.host,
    check: "mtu",
    found: `packets of ${sent} bytes get lost ${between(inventory, fault)}; those of ${answered} arrive`,
    needed: "a network that carries what the hosts' interfaces send, or reports what it cannot carry",
    fix: `ip link set dev INTERFACE mtu ${answered} on all hosts, or a larger MTU in the switches and tunnels between them`,
  };
}

function narrowFinding(inventory: Inventory, fault: AtFault, mtu: number): CheckFinding {
  const answered = Math.min(...fault.failures.map((sizes) => sizes.answered));
  return {
    host: fault.host,
    check: "mtu",
    found: `the network carries packets of ${answered} bytes ${between(inventory, fault)}`,
    needed: `${mtu + fastDatapathHeader} bytes: ${mtu} of weave.mtu and ${fastDatapathHeader} for Weave Net's header`,
    fix: `set weave.mtu: ${answered - fastDatapathHeader} in the cluster file`,
  };
}
