/** Is a host's kernel, room and network fit for what is going to run on it? From what scripts/host/probes/preflight-facts.sh says. */

import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { overlap, within } from "../../../cluster/ipv4.js";
import { compareVersions } from "../../../cluster/versions.js";
import type { Finding } from "../../shared/findings.js";
import type { Facts } from "../facts.js";

type Judgement = Omit<Finding, "host">;

/** All problems of one host that do not concern the others. */
export function judgeHost(inventory: Inventory, { name }: InventoryHost, facts: Facts): Finding[] {
  return [
    ...judgeKernel(inventory, facts),
    ...judgeIptables(inventory, facts),
    ...judgeDisks(inventory, facts),
    ...judgeMemory(facts),
    ...judgeRange(inventory, facts),
    ...judgeNames(facts),
  ].map((judgement) => ({ host: name, ...judgement }));
}

/** What a host lacks that was asked for; what could not be found out is no lack. */
function lacking(facts: Facts, features: Readonly<Record<string, string>>): string[] {
  return Object.entries(features).flatMap(([fact, name]) =>
    ["no", "unloadable"].includes(facts[`kernel-${fact}`] ?? "unknown") ? [name] : [],
  );
}

const needed = {
  bridge: "bridge",
  veth: "veth",
  "br-netfilter": "br_netfilter",
  "match-conntrack": "xt_conntrack",
  "match-addrtype": "xt_addrtype",
  "match-comment": "xt_comment",
  masquerade: "xt_MASQUERADE",
};

function judgeKernel({ settings }: Inventory, facts: Facts): Judgement[] {
  const release = facts.kernel ?? "unknown";
  const unloadable = Object.entries(facts).some(
    ([name, value]) => name.startsWith("kernel-") && value === "unloadable",
  );
  // Package managers remove the modules of a kernel that still runs when they install the next one.
  const install = unloadable
    ? `reboot, if a newer kernel was installed; else apt-get install linux-modules-extra-${release} (Ubuntu)`
    : "boot a kernel of the distribution (apt-get install linux-image-amd64 or linux-generic)";
  const missing = [...lacking(facts, needed), ...lacking(facts, tables(facts))];
  const fast = settings.weave.fastDatapath ? lacking(facts, { openvswitch: "openvswitch", vxlan: "vxlan" }) : [];
  return [
    ...(missing.length === 0
      ? []
      : [
          {
            check: "kernel",
            found: `kernel ${release} has no ${missing.join(", ")}`,
            needed: "what Docker's and Weave Net's bridges and iptables rules are made of",
            fix: install,
          },
        ]),
    ...(fast.length === 0
      ? []
      : [
          {
            check: "kernel",
            found: `kernel ${release} has no ${fast.join(", ")}`,
            needed: "openvswitch and vxlan for Weave Net's fast datapath",
            fix: `set weave.fastDatapath: false in the cluster file (every packet then goes through user space), or ${install}`,
          },
        ]),
  ];
}

/** The kernel's half of the iptables command; one of both before there is a command. */
function tables(facts: Facts): Record<string, string> {
  const nft = { "nf-tables": "nf_tables", "nft-compat": "nft_compat" };
  const legacy = { "ip-tables": "ip_tables" };
  if (facts.iptables !== undefined) return facts.iptables === "legacy" ? legacy : nft;
  return lacking(facts, nft).length === 0 ? {} : lacking(facts, legacy).length === 0 ? {} : nft;
}

function judgeIptables({ settings: { weave } }: Inventory, facts: Facts): Judgement[] {
  if (facts.iptables !== "legacy" || weave.images !== "rajchaudhuri" || compareVersions(weave.version, "2.9.0") < 0) {
    return [];
  }
  return [
    {
      check: "iptables",
      found: "the iptables command writes legacy rules",
      needed: `iptables on nf_tables, as Weave Net ${weave.version} has it in its images: rules of both kinds do not see each other`,
      fix: "update-alternatives --set iptables /usr/sbin/iptables-nft && systemctl restart docker",
    },
  ];
}

/** MiB that each part is going to take, measured on installed hosts and rounded up. */
const room = { consulData: 100, consulProgram: 250, downloads: 500, images: 700, engine: 500, always: 50 } as const;
const inodes = 5000;

function judgeDisks({ settings, required }: Inventory, facts: Facts): Judgement[] {
  const images = required.filter((name) => name.startsWith("image:")).length + 1;
  const missing = facts["images-missing"] === undefined ? images : Number(facts["images-missing"]);
  const install = facts["installed-consul"] !== "yes" || missing > 0;
  const uses: readonly (readonly [string, string, number])[] = [
    ["consul", settings.consul.dataDir, room.consulData],
    ["docker", "Docker's images", Math.ceil((room.images * missing) / images)],
    ["download", "downloads", install ? room.downloads : 0],
    ["programs", "programs", facts["installed-consul"] === "yes" ? 0 : room.consulProgram],
    ["packages", "packages", facts.engine === "absent" ? room.engine : 0],
    ["settings", "/etc", 0],
  ];
  const mounts = new Map<string, { free: number; inodes: number; writable: boolean; wants: number; what: string[] }>();
  for (const [fact, what, mib] of uses) {
    const [mount, free, freeInodes, mode] = facts[`disk-${fact}`]?.split(" ") ?? [];
    if (mount === undefined) continue;
    const known = mounts.get(mount) ?? {
      free: Number(free),
      inodes: freeInodes === "-" ? Number.POSITIVE_INFINITY : Number(freeInodes),
      writable: mode !== "ro",
      wants: room.always,
      what: [],
    };
    mounts.set(mount, { ...known, wants: known.wants + mib, what: [...known.what, what] });
  }
  return [...mounts].flatMap(([mount, { free, inodes: freeInodes, writable, wants, what }]) => {
    const list = what.join(", ");
    if (!writable) {
      return [
        {
          check: "disk",
          found: `${mount} is mounted read-only`,
          needed: `a file system that can be written, for ${list}`,
          fix: `dmesg | grep -i error shows whether the disk is broken; then mount -o remount,rw ${mount}`,
        },
      ];
    }
    return [
      ...(free >= wants
        ? []
        : [
            {
              check: "disk",
              found: `${mount} has ${free} MiB left`,
              needed: `${wants} MiB there, for ${list}`,
              fix: `du -xhd1 ${mount} | sort -h shows what takes it; apt-get clean and journalctl --vacuum-size=100M often help`,
            },
          ]),
      ...(freeInodes >= inodes
        ? []
        : [
            {
              check: "disk",
              found: `${mount} has ${freeInodes} inodes left`,
              needed: `${inodes} there, for ${list}`,
              fix: `du --inodes -xd1 ${mount} | sort -n shows what takes them`,
            },
          ]),
    ];
  });
}

/** MiB. A host sold as 1 GiB shows somewhat less. */
const memory = { total: 900, available: 350, availableLater: 50 } as const;

function judgeMemory(facts: Facts): Judgement[] {
  const [total, available] = [Number(facts["memory-total"]), Number(facts["memory-available"])];
  if (total < memory.total) {
    return [
      {
        check: "memory",
        found: `${total} MiB of memory`,
        needed: "1 GiB or more, for Consul, Docker Engine, Weave Net and Swarm",
        fix: "give the host more memory",
      },
    ];
  }
  const wants = facts["weave-peer"] === undefined ? memory.available : memory.availableLater;
  if (!(available < wants)) return [];
  return [
    {
      check: "memory",
      found: `${available} of ${total} MiB of memory are available`,
      needed: `${wants} MiB available`,
      fix: "ps -eo rss,comm --sort=-rss | head shows what takes it",
    },
  ];
}

function judgeRange({ settings: { weave } }: Inventory, facts: Facts): Judgement[] {
  const ours = facts["weave-peer"] === undefined ? [] : ["weave"];
  const routes = (facts.routes ?? "").split(" ").flatMap((route) => {
    const [network = "", device = ""] = route.split("@");
    return network !== "" && !ours.includes(device) && overlap(network, weave.range)
      ? [`a route to ${network} by ${device}`]
      : [];
  });
  const servers = (facts.nameservers ?? "")
    .split(" ")
    .flatMap((address) => (within(address, weave.range) ? [`the name server ${address}`] : []));
  const found = [...routes, ...servers];
  if (found.length === 0) return [];
  return [
    {
      check: "range",
      found: `${found.join(" and ")}, within weave.range ${weave.range}`,
      needed: "a range for containers that the host needs for nothing else",
      fix: "set weave.range in the cluster file to a free one, such as 10.96.0.0/12 or 172.24.0.0/14",
    },
  ];
}

function judgeNames(facts: Facts): Judgement[] {
  const names = (facts.unresolved ?? "").split(" ").filter((name) => name !== "");
  if (names.length === 0) return [];
  const servers = facts.nameservers ? `its name servers are ${facts.nameservers}` : "it has no name server";
  const fetched = facts["installed-consul"] === "yes" && facts["images-missing"] === "0";
  return [
    {
      check: "dns",
      found: `cannot resolve ${names.join(", ")}; ${servers}`,
      needed: "the addresses of the machines that artifacts come from",
      fix: "name servers in /etc/resolv.conf, or artifacts.mirror by address, or artifacts.directory in the cluster file",
      // With everything installed, nothing has to be fetched.
      ...(fetched ? { warning: true as const } : {}),
    },
  ];
}
