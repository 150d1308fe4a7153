/** Which clocks are off? */
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { showDuration } from "../../shared/findings.js";
import type { CheckFinding } from "../checks.js";
import { clockLimits } from "../limits.js";
import type { Clock } from "../probe-network.js";

export function judgeClocks(inventory: Inventory, clocks: ReadonlyMap<string, Clock>): CheckFinding[] {
  const present = inventory.hosts.flatMap((host) => {
    const clock = clocks.get(host.name);
    return clock === undefined ? [] : [{ host, clock }];
  });
  if (present.length < 2) {
    return [];
  }
  const middle = median(present.map(({ clock }) => clock.ahead));
  return present.flatMap(({ host, clock }) => clockFinding(host, clock.ahead - middle, clock.uncertain));
}

/** Of an even number of hosts, the operator's own clock (0) decides between the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values, ...(values.length % 2 === 0 ? [0] : [])].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) / 2] ?? 0;
}

function clockFinding({ name }: InventoryHost, skew: number, uncertain: number): CheckFinding[] {
  const sure = Math.abs(skew) - uncertain;
  if (sure <= clockLimits.warning) {
    return [];
  }
  return [
    {
      host: name,
      check: "clock",
      found: `the clock is ${showDuration(Math.abs(skew))} ${skew > 0 ? "ahead of" : "behind"} most hosts`,
      needed: `less than ${clockLimits.warning} s of difference`,
      fix: "timedatectl set-ntp true (with systemd-timesyncd or chrony installed), and look at timedatectl status",
      ...(sure <= clockLimits.problem ? { warning: true as const } : {}),
    },
  ];
}
