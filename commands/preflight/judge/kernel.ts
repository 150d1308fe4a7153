/** Does the kernel have what Docker and Weave Net build their networks from? */
import type { Inventory } from "../../../cluster/inventory.js";
import { architectureOf, distributionOf, distributions } from "../../../cluster/systems.js";
import { compareVersions } from "../../../cluster/versions.js";
import type { Judgement } from "../checks.js";
import type { Facts } from "../facts.js";

/** Name of the fact after `kernel-`, and the kernel's own name. */
type Features = Readonly<Record<string, string>>;

const bridgesAndRules: Features = {
  bridge: "bridge",
  veth: "veth",
  "br-netfilter": "br_netfilter",
  "match-conntrack": "xt_conntrack",
  "match-addrtype": "xt_addrtype",
  "match-comment": "xt_comment",
  masquerade: "xt_MASQUERADE",
};
const nftTables: Features = { "nf-tables": "nf_tables", "nft-compat": "nft_compat" };
const legacyTables: Features = { "ip-tables": "ip_tables" };
const fastDatapath: Features = { openvswitch: "openvswitch", vxlan: "vxlan" };

/** What a host is known to lack; what it does not reveal is no lack. */
function lacking(facts: Facts, features: Features): string[] {
  return Object.entries(features).flatMap(([fact, name]) =>
    ["no", "unloadable"].includes(facts[`kernel-${fact}`] ?? "unknown") ? [name] : [],
  );
}

export function judgeKernel({ settings }: Inventory, facts: Facts): Judgement[] {
  const release = facts.kernel ?? "unknown";
  const install = kernelFix(facts);
  const missing = [...lacking(facts, bridgesAndRules), ...lacking(facts, tablesOf(facts))];
  const slow = settings.weave.fastDatapath ? lacking(facts, fastDatapath) : [];
  const judgements: Judgement[] = [];
  if (missing.length > 0) {
    judgements.push({
      check: "kernel",
      found: `kernel ${release} has no ${missing.join(", ")}`,
      needed: "what Docker's and Weave Net's bridges and iptables rules are built on",
      fix: install,
    });
  }
  if (slow.length > 0) {
    judgements.push({
      check: "kernel",
      found: `kernel ${release} has no ${slow.join(", ")}`,
      needed: "openvswitch and vxlan for Weave Net's fast datapath",
      fix: `set weave.fastDatapath: false in the cluster file (every packet then goes through user space), or ${install}`,
    });
  }
  return judgements;
}

function kernelFix(facts: Facts): string {
  const own = distributionOf(facts.os ?? "");
  const offered = own === undefined ? distributions : [own];
  const packages = (names: readonly (string | undefined)[]) => names.filter((name) => name !== undefined).join(" or ");
  const kernels = packages(offered.map(({ kernelPackage }) => kernelPackage(architectureOf(facts.arch ?? "amd64"))));
  const unloadable = Object.entries(facts).some(
    ([name, value]) => name.startsWith("kernel-") && value === "unloadable",
  );
  if (!unloadable) {
    return `boot a kernel of the distribution (apt-get install ${kernels})`;
  }
  // Package managers remove the modules of a kernel that still runs when they install the next one.
  const modules = packages(offered.map(({ modulesPackage }) => modulesPackage?.(facts.kernel ?? "unknown")));
  return `reboot, if a newer kernel was installed; else apt-get install ${modules || kernels}`;
}

/** The kernel's half of the iptables command; either kind before there is a command. */
function tablesOf(facts: Facts): Features {
  if (facts.iptables === "legacy") {
    return legacyTables;
  }
  if (facts.iptables !== undefined) {
    return nftTables;
  }
  const either = [nftTables, legacyTables].some((tables) => lacking(facts, tables).length === 0);
  return either ? {} : nftTables;
}

/** The first Weave Net whose images write nf_tables. Those before, and all of weaveworks, have iptables' legacy command. */
const nftWeave = { images: "rajchaudhuri", version: "2.9.0" } as const;

/** Of images that a team has built, nothing is known but what it says. */
function rulesOfWeave({ images, version, iptables }: Inventory["settings"]["weave"]): "nft" | "legacy" | undefined {
  if (iptables !== undefined || !["rajchaudhuri", "weaveworks"].includes(images)) {
    return iptables;
  }
  return images === nftWeave.images && compareVersions(version, nftWeave.version) >= 0 ? "nft" : "legacy";
}

export function judgeIptables({ settings: { weave } }: Inventory, facts: Facts): Judgement[] {
  const writes = rulesOfWeave(weave);
  const theirs = `as Weave Net ${weave.version} has it in its images: rules of both kinds do not see each other`;
  if (facts.iptables === "legacy" && writes === "nft") {
    return [
      {
        check: "iptables",
        found: "the iptables command writes legacy rules",
        needed: `iptables on nf_tables, ${theirs}`,
        fix: "update-alternatives --set iptables /usr/sbin/iptables-nft && systemctl restart docker",
      },
    ];
  }
  if (facts.iptables === "nf_tables" && writes === "legacy") {
    return [
      {
        check: "iptables",
        found: "the iptables command writes nf_tables rules",
        needed: `legacy iptables, ${theirs}, and the engine's drop what containers of different hosts send each other`,
        fix: `weave.images: ${nftWeave.images} with weave.version: ${nftWeave.version} in the cluster file; or update-alternatives --set iptables /usr/sbin/iptables-legacy && reboot`,
        // Where something else had turned on forwarding before the engine did, the engine drops nothing.
        warning: true,
      },
    ];
  }
  return [];
}
