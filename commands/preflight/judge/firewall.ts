/** The command that opens ports, for each firewall that a host may be run with. */

interface Opening {
  readonly protocol: "tcp" | "udp";
  readonly ports: readonly string[];
  /** Ranges and addresses. */
  readonly sources: readonly string[];
}

function ufw({ protocol, ports, sources }: Opening): string[] {
  return sources.map((source) => `ufw allow from ${source} to any port ${ports.join(",")} proto ${protocol}`);
}

function firewalld({ protocol, ports, sources }: Opening): string[] {
  return sources.flatMap((source) =>
    ports.map(
      (port) =>
        `firewall-cmd --permanent --add-rich-rule='rule family=ipv4 source address=${source} port port=${port} protocol=${protocol} accept'`,
    ),
  );
}

function nft({ protocol, ports, sources }: Opening): string[] {
  const source = sources.length === 1 ? sources[0] : `'{ ${sources.join(", ")} }'`;
  return [`nft insert rule inet filter input ip saddr ${source} ${protocol} dport '{ ${ports.join(", ")} }' accept`];
}

function iptables({ protocol, ports, sources }: Opening): string[] {
  const match = ports.length === 1 ? `--dport ${ports[0]}` : `-m multiport --dports ${ports.join(",")}`;
  return [`iptables -I INPUT -s ${sources.join(",")} -p ${protocol} ${match} -j ACCEPT`];
}

const firewalls = new Map([
  ["ufw", ufw],
  ["firewalld", firewalld],
  ["nft", nft],
  ["iptables", iptables],
]);

/**
 * The command that opens ports, each as NUMBER/PROTOCOL.
 *
 * @param firewall as the fact of that name has it
 * @param sources ranges and addresses that may come in
 */
export function firewallCommand(firewall: string, ports: readonly string[], sources: readonly string[]): string {
  const open = firewalls.get(firewall) ?? iptables;
  const commands = (["tcp", "udp"] as const).flatMap((protocol) => {
    const numbers = ports.filter((port) => port.endsWith(`/${protocol}`)).map((port) => port.replace(/\/.*/, ""));
    return numbers.length === 0 ? [] : open({ protocol, ports: numbers, sources });
  });
  return [...commands, ...(firewall === "firewalld" ? ["firewall-cmd --reload"] : [])].join(" && ");
}
