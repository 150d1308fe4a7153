/** Is this a system that the project supports, and the machine that the cluster file means? */
import type { InventoryHost } from "../../../cluster/inventory.js";
import {
  architectureOf,
  isSupportedArchitecture,
  isSupportedSystem,
  supportedArchitectures,
  supportedSystems,
} from "../../../cluster/systems.js";
import { sudoersLine } from "../../../ssh/explain.js";
import type { Judgement } from "../checks.js";
import { type Facts, wordsOf } from "../facts.js";

export function judgeSystem(host: InventoryHost, facts: Facts): Judgement[] {
  return [
    ...judgeUser(facts),
    ...judgeDistribution(facts),
    ...judgeArchitecture(facts),
    ...judgeSystemd(facts),
    ...judgeMachineId(facts),
    ...judgeAddress(host, facts),
  ];
}

function judgeUser({ user }: Facts): Judgement[] {
  const [id, name = ""] = user?.split(" ") ?? [];
  if (id === undefined || id === "0") {
    return [];
  }
  return [
    {
      check: "sudo",
      found: `the checks run as ${name}, not as root`,
      needed: "root, or sudo without a password",
      fix: `echo '${sudoersLine(name)}' > /etc/sudoers.d/${name} (as root on the host)`,
    },
  ];
}

function judgeDistribution({ os, "os-name": name }: Facts): Judgement[] {
  if (os === undefined || isSupportedSystem(os)) {
    return [];
  }
  return [
    {
      check: "os",
      found: name || "an unknown system",
      needed: supportedSystems(),
      fix: "install a supported system on the host",
    },
  ];
}

function judgeArchitecture({ arch }: Facts): Judgement[] {
  if (arch === undefined || isSupportedArchitecture(arch)) {
    return [];
  }
  return [
    {
      check: "arch",
      found: `architecture ${architectureOf(arch)}`,
      needed: supportedArchitectures(),
      fix: "install a 64-bit system on the host",
    },
  ];
}

function judgeSystemd({ init, systemd }: Facts): Judgement[] {
  if (init !== undefined && init !== "systemd") {
    return [
      {
        check: "systemd",
        found: `process 1 is ${init}`,
        needed: "systemd as process 1",
        fix: "apt-get install systemd-sysv && reboot",
      },
    ];
  }
  if (systemd === undefined || ["running", "degraded", "starting"].includes(systemd)) {
    return [];
  }
  return [
    {
      check: "systemd",
      found: `systemd is in state ${systemd}`,
      needed: "a host that is up (running or degraded)",
      fix: "systemctl default, or reboot the host",
    },
  ];
}

export const isMachineId = (text: string): boolean => /^[0-9a-f]{32}$/.test(text);

function judgeMachineId({ "machine-id": id }: Facts): Judgement[] {
  if (id === undefined || isMachineId(id)) {
    return [];
  }
  return [
    {
      check: "machine-id",
      found: `/etc/machine-id says '${id}'`,
      needed: "a machine-id of 32 hex digits",
      fix: "rm -f /etc/machine-id && systemd-machine-id-setup",
    },
  ];
}

function judgeAddress({ address }: InventoryHost, facts: Facts): Judgement[] {
  if (facts.addresses === undefined) {
    return [];
  }
  const own = wordsOf(facts.addresses);
  if (own.includes(address)) {
    return [];
  }
  return [
    {
      check: "address",
      found: own.length > 0 ? `the host's addresses are ${own.join(" ")}` : "the host has no address",
      needed: `${address} on one of its interfaces`,
      fix: `correct the host's address in the cluster file, or give the host ${address}`,
    },
  ];
}
