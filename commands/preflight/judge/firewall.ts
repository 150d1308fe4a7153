/** The commands that open ports, for each firewall that a host may be run with; and whom the project's own lets in. */
import type { Inventory, InventoryHost } from "../../../cluster/inventory.js";
import { within } from "../../../cluster/ipv4.js";
import type { Judgement } from "../checks.js";
import { type Facts, platformsOf, wordsOf } from "../facts.js";
import { lockFix } from "./engine.js";

interface Opening {
  readonly protocol: "tcp" | "udp";
  readonly ports: readonly string[];
  /** Ranges and addresses. */
  readonly sources: readonly string[];
  /** Where the rules go: nft's family, table and chain, or firewalld's zone where that is not its default one. */
  readonly chain: string | undefined;
}

interface Firewall {
  open(opening: Opening): string[];
  /** Lets the host reach itself. */
  loopback(chain: string | undefined): string;
  /** What the commands end with. */
  readonly end?: string;
}

const ufw: Firewall = {
  open: ({ protocol, ports, sources }) =>
    sources.map((source) => `ufw allow from ${source} to any port ${ports.join(",")} proto ${protocol}`),
  loopback: () => "ufw allow in on lo",
};

const firewalld: Firewall = {
  open: ({ protocol, ports, sources, chain: zone }) => {
    const rules = sources.flatMap((source) =>
      ports.map(
        (port) =>
          `--add-rich-rule='rule family=ipv4 source address=${source} port port=${port} protocol=${protocol} accept'`,
      ),
    );
    return [`firewall-cmd --permanent ${zone === undefined ? "" : `--zone=${zone} `}${rules.join(" ")}`];
  },
  loopback: () => "firewall-cmd --permanent --zone=trusted --add-interface=lo",
  end: "firewall-cmd --reload",
};

const nftInput = "inet filter input";
const nft: Firewall = {
  open: ({ protocol, ports, sources, chain = nftInput }) => {
    const source = sources.length === 1 ? sources[0] : `'{ ${sources.join(", ")} }'`;
    return [`nft insert rule ${chain} ip saddr ${source} ${protocol} dport '{ ${ports.join(", ")} }' accept`];
  },
  loopback: (chain = nftInput) => `nft insert rule ${chain} iif lo accept`,
};

const iptables: Firewall = {
  open: ({ protocol, ports, sources }) => {
    const match = ports.length === 1 ? `--dport ${ports[0]}` : `-m multiport --dports ${ports.join(",")}`;
    return [`iptables -I INPUT -s ${sources.join(",")} -p ${protocol} ${match} -j ACCEPT`];
  },
  loopback: () => "iptables -I INPUT -i lo -j ACCEPT",
};

const firewalls = new Map([
  ["ufw", ufw],
  ["firewalld", firewalld],
  ["nft", nft],
  ["iptables", iptables],
]);

const firewallOf = ({ firewall }: Facts): Firewall => firewalls.get(firewall ?? "") ?? iptables;
const chainOf = (facts: Facts): string | undefined => facts["firewall-chain"];

const joined = (commands: readonly string[], { end }: Firewall): string =>
  [...commands, ...(end === undefined ? [] : [end])].join(" && ");

/**
 * The command that opens ports of a host, each as NUMBER/PROTOCOL.
 *
 * @param sources ranges and addresses that may come in
 */
export function openingCommand(facts: Facts, ports: readonly string[], sources: readonly string[]): string {
  const firewall = firewallOf(facts);
  const commands = (["tcp", "udp"] as const).flatMap((protocol) => {
    const numbers = ports.filter((port) => port.endsWith(`/${protocol}`)).map((port) => port.replace(/\/.*/, ""));
    return numbers.length === 0 ? [] : firewall.open({ protocol, ports: numbers, sources, chain: chainOf(facts) });
  });
  return joined(commands, firewall);
}

/** The command that lets a host reach itself. */
export const loopbackCommand = (facts: Facts): string =>
  joined([firewallOf(facts).loopback(chainOf(facts))], firewallOf(facts));

/** In words, for a finding about what does not get in; nothing when no firewall of the host's denies by default. */
export const denies = (facts: Facts): string =>
  facts["firewall-denies"] ? `; ${facts.firewall} lets in nothing but what it is told to` : "";

/**
 * firewalld denies what containers send each other over Weave's bridge, and takes Weave's own rules of iptables away
 * whenever it is reloaded. `preflight-facts.sh` asks for the same two.
 */
export function judgeBridge(facts: Facts): Judgement[] {
  if (facts.firewall !== "firewalld" || facts["firewall-weave"] === "yes") {
    return [];
  }
  return [
    {
      check: "firewall",
      found: "firewalld keeps containers on Weave's bridge from each other, and removes Weave's rules at a reload",
      needed: "the bridge weave in the zone trusted, and what goes over it accepted by a rule of firewalld's own",
      fix: joined(
        [
          "firewall-cmd --permanent --zone=trusted --add-interface=weave",
          "firewall-cmd --permanent --direct --add-rule ipv4 filter FORWARD 0 -i weave -o weave -j ACCEPT",
        ],
        firewalld,
      ),
    },
  ];
}

/** Does the allow-list that is loaded on a host keep an address out? The deploy loads a new one, or takes it off. */
export function keptOut(facts: Facts | undefined, address: string): boolean {
  const letsIn = wordsOf(facts?.["firewall-lets-in"]);
  return letsIn.length > 0 && !letsIn.some((range) => within(address, range));
}

/** Is the deploy going to open on a host what its firewall denies? Where it has done so before, there is another cause. */
export const opens = ({ settings }: Inventory, facts: Facts | undefined): boolean =>
  settings.firewall?.managed === true &&
  facts?.["firewall-lets-in"] === undefined &&
  facts?.["firewall-denies"] !== undefined &&
  ["iptables", "ufw"].includes(facts.firewall ?? "");

/** A list that is no longer wanted comes off at the end of a deploy, when all else is as secure as it is to be. */
function judgeOldList({ hosts }: Inventory, facts: Facts): Judgement[] {
  const out = hosts.filter(({ address }) => keptOut(facts, address)).map(({ name }) => name);
  const found = `its allow-list, which comes off at the end of a deploy, keeps out ${out.join(", ")}`;
  const needed = "all hosts let in while the others wait for them";
  const fix =
    "take firewall.managed out of the cluster file in one deploy, and add hosts in the next; or the other way round";
  return out.length > 0 ? [{ check: "firewall", found, needed, fix }] : [];
}

/** `firewall.managed`: nobody is shut out who deploys, and there is something to load the list with. */
export function judgeFirewall(inventory: Inventory, { address }: InventoryHost, facts: Facts): Judgement[] {
  const { firewall } = inventory.settings;
  if (!firewall?.managed) {
    return judgeOldList(inventory, facts);
  }
  const { client } = facts;
  const members = [...inventory.hosts, ...inventory.absent].map((host) => host.address);
  // Through a bastion, hosts see that: scripts/tunnel leads Terraform to the Docker API from there, too.
  const known = client !== undefined && client !== address;
  const shutOut = known && ![...members, ...firewall.operators].some((range) => within(client, range));
  const platforms = platformsOf(facts);
  const locked = inventory.artifacts.some(
    ({ name, platform }) => name === "package:nftables:nftables" && platforms.includes(platform),
  );
  return [
    ...(shutOut
      ? [
          {
            check: "firewall" as const,
            found: `hosts see ${inventory.bastion ? "the jump host" : "this machine"} as ${client}, which is not in firewall.operators`,
            needed: "the machine that deploys let in: Terraform makes Swarm's containers through the hosts' Docker API",
            fix: `add ${client} to firewall.operators in the cluster file`,
          },
        ]
      : []),
    ...(/^(no|unloadable)$/.test(facts["kernel-nf-tables"] ?? "")
      ? [
          {
            check: "firewall" as const,
            found: `kernel ${facts.kernel} has no nf_tables`,
            needed: "nf_tables, of which the allow-list of firewall.managed is made",
            fix: "use the distribution's own kernel, or leave firewall.managed out and keep strangers out by other means",
          },
        ]
      : []),
    ...(facts.nft === undefined && !locked
      ? [
          {
            check: "firewall" as const,
            found: `the host has no nft, and artifacts.lock.json no nftables for ${platforms.at(-1)}`,
            needed: "nft, which loads the allow-list of firewall.managed",
            fix: lockFix,
          },
        ]
      : []),
  ];
}
