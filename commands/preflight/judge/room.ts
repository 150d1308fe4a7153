/** Is there room for what the deploy installs? */
import type { Inventory } from "../../../cluster/inventory.js";
import type { Judgement } from "../checks.js";
import type { Facts } from "../facts.js";
import { memory } from "../limits.js";

/** MiB that each part takes, measured on installed hosts and rounded up. */
const mib = { consulData: 100, consulProgram: 250, downloads: 850, images: 700, engine: 500, always: 50 } as const;
const inodes = 5000;

/** Something that the deploy writes: the name of the fact after `disk-`, what it is called, and its MiB. */
interface Use {
  readonly fact: string;
  readonly what: string;
  readonly wants: number;
}

/** The images that a host needs: those of the cluster, and the one that verify tests with. */
const imagesNeeded = (required: Inventory["required"]): number =>
  required.filter((name) => name.startsWith("image:")).length + 1;

/** How many of them a host has not got. */
export const imagesMissing = (required: Inventory["required"], facts: Facts): number =>
  facts["images-missing"] === undefined ? imagesNeeded(required) : Number(facts["images-missing"]);

function usesOf({ settings, required }: Inventory, facts: Facts): Use[] {
  const images = imagesNeeded(required);
  const missing = imagesMissing(required, facts);
  const consul = facts["installed-consul"] === "yes";
  return [
    { fact: "consul", what: settings.consul.dataDir, wants: mib.consulData },
    { fact: "docker", what: "Docker's images", wants: Math.ceil((mib.images * missing) / images) },
    { fact: "download", what: "downloads", wants: consul && missing === 0 ? 0 : mib.downloads },
    { fact: "programs", what: "programs", wants: consul ? 0 : mib.consulProgram },
    { fact: "packages", what: "packages", wants: facts.engine === "absent" ? mib.engine : 0 },
    { fact: "settings", what: "/etc", wants: 0 },
  ];
}

interface FileSystem {
  readonly mount: string;
  readonly freeMib: number;
  readonly freeInodes: number;
  readonly writable: boolean;
  readonly wants: number;
  readonly what: readonly string[];
}

/** The file systems that are written to, with all that goes to each. */
function fileSystems(uses: readonly Use[], facts: Facts): FileSystem[] {
  const found = new Map<string, FileSystem>();
  for (const { fact, what, wants } of uses) {
    const [mount, freeMib, freeInodes, mode] = facts[`disk-${fact}`]?.split(" ") ?? [];
    if (mount === undefined) {
      continue;
    }
    const known = found.get(mount) ?? {
      mount,
      freeMib: Number(freeMib),
      freeInodes: freeInodes === "-" ? Number.POSITIVE_INFINITY : Number(freeInodes),
      writable: mode !== "ro",
      wants: mib.always,
      what: [],
    };
    found.set(mount, { ...known, wants: known.wants + wants, what: [...known.what, what] });
  }
  return [...found.values()];
}

export function judgeDisks(inventory: Inventory, facts: Facts): Judgement[] {
  return fileSystems(usesOf(inventory, facts), facts).flatMap(judgeFileSystem);
}

function judgeFileSystem({ mount, freeMib, freeInodes, writable, wants, what }: FileSystem): Judgement[] {
  const list = what.join(", ");
  if (!writable) {
    return [
      {
        check: "disk",
        found: `${mount} is mounted read-only`,
        needed: `a writable file system, for ${list}`,
        fix: `dmesg | grep -i error shows whether the disk is broken; then mount -o remount,rw ${mount}`,
      },
    ];
  }
  const judgements: Judgement[] = [];
  if (freeMib < wants) {
    judgements.push({
      check: "disk",
      found: `${mount} has ${freeMib} MiB left`,
      needed: `${wants} MiB there, for ${list}`,
      fix: `du -xhd1 ${mount} | sort -h shows what uses it; apt-get clean and journalctl --vacuum-size=100M often help`,
    });
  }
  if (freeInodes < inodes) {
    judgements.push({
      check: "disk",
      found: `${mount} has ${freeInodes} inodes left`,
      needed: `${inodes} there, for ${list}`,
      fix: `du --inodes -xd1 ${mount} | sort -n shows what uses them`,
    });
  }
  return judgements;
}

export function judgeMemory(facts: Facts): Judgement[] {
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
  // Not a number where the fact is missing.
  if (!(available < wants)) {
    return [];
  }
  return [
    {
      check: "memory",
      found: `${available} of ${total} MiB of memory are available`,
      needed: `${wants} MiB available`,
      fix: "ps -eo rss,comm --sort=-rss | head shows what uses it",
    },
  ];
}
