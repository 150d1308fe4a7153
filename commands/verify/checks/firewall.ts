/** `firewall.managed`: the allow-list that is loaded on each host. */
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { label } from "../../../cluster/model.js";
import { firewall as names } from "../../../cluster/names.js";
import { guardedPorts } from "../../../cluster/ports.js";
import { plural } from "../../shared/findings.js";
import { whyFailed } from "../sections.js";
import { type Check, complaintOfItself, inViews, type Sight, unless } from "./check.js";

export const firewall = {
  name: "firewall",
  title: "Allow-list of the cluster's ports loaded (firewall.managed)",
  doc: "with `firewall.managed`: the unit is enabled, and its table is loaded, lets in the hosts and operators of the cluster file and nobody else, and closes every port of the cluster to the rest",
  after: [],
  needed: "the allow-list of the cluster file, loaded and loaded again at boot",
  fix: (host) => `on ${host}: systemctl restart ${names.unit}; if that does not help: deploy`,
  observe: (evidence) =>
    evidence.inventory.settings.firewall?.managed
      ? inViews(["allow-list"], (host, said) =>
          unless(whyFailed(said("allow-list")), host, () =>
            allowList(evidence.inventory, host, said("allow-list").text),
          ),
        )(evidence)
      : undefined,
} as const satisfies Check;

/** `unit enabled`, then the table as `nft list table` prints it. */
function allowList(inventory: Inventory, host: InventoryHost, text: string): Sight {
  const [, state = "missing"] = /^unit (\S*)$/m.exec(text) ?? [];
  const members = [...inventory.hosts, ...inventory.absent];
  const operators = inventory.settings.firewall?.operators ?? [];
  const letsIn = [...elementsOf(text, "hosts"), ...elementsOf(text, "operators")];
  const wanted = [...members.map(({ address }) => address), ...operators];
  const out = members.filter(({ address }) => !letsIn.includes(address)).map(label);
  const strangers = letsIn.filter((one) => !wanted.includes(one));
  const open = (["tcp", "udp"] as const).flatMap((protocol) => {
    const closed = droppedBy(text, protocol);
    return guardedPorts(protocol)
      .filter((port) => !closed.includes(String(port)))
      .map((port) => `${port}/${protocol}`);
  });
  const faults = [
    ...(state === "enabled" ? [] : [`${names.unit} is ${state}: it will not be loaded at boot`]),
    ...(out.length > 0 ? [`keeps out ${out.join(", ")}`] : []),
    ...operators.filter((one) => !letsIn.includes(one)).map((one) => `keeps out the operator ${one}`),
    ...(strangers.length > 0 ? [`lets in ${strangers.join(", ")}, which the cluster file does not`] : []),
    ...(open.length > 0 ? [`does not close ${[...new Set(open)].join(", ")}`] : []),
  ];
  return faults.length > 0
    ? complaintOfItself(host, faults.join("; "))
    : { seen: `${plural(members.length, "host")} and ${plural(operators.length, "operator")}`, complaints: [] };
}

/** The elements of a set; nft breaks long lists into lines. */
function elementsOf(table: string, set: string): string[] {
  const [, elements = ""] = new RegExp(`set ${set} \\{[^{}]*elements = \\{([^}]*)\\}`).exec(table) ?? [];
  return elements.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()]));
}

/** The ports of the rule that drops a protocol. */
function droppedBy(table: string, protocol: "tcp" | "udp"): string[] {
  const [, ports = ""] = new RegExp(`${protocol} dport \\{([^}]*)\\} (?:counter .*)?drop`).exec(table) ?? [];
  return ports.split(",").map((one) => one.trim());
}
