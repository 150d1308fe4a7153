/** Reads what Consul, Weave Net and Swarm print. Text, where not all supported versions of a command print JSON. */

export interface ConsulMember {
  readonly name: string;
  readonly address: string;
  readonly status: string;
  readonly type: string;
}

/** `consul members` */
export function parseMembers(text: string): ConsulMember[] {
  return table(text).flatMap(([name, address, status, type]) =>
    name && address && status && type ? [{ name, address: withoutPort(address), status, type }] : [],
  );
}

export interface RaftPeer {
  readonly name: string;
  readonly address: string;
  readonly leader: boolean;
  readonly voter: boolean;
}

/** `consul operator raft list-peers` */
export function parseRaftPeers(text: string): RaftPeer[] {
  return table(text).flatMap(([name, , address, state, voter]) =>
    name && address
      ? [{ name, address: withoutPort(address), leader: state === "leader", voter: voter === "true" }]
      : [],
  );
}

/** `consul operator autopilot state`: addresses of servers that are not healthy; nothing when it is not in that form. */
export function parseAutopilot(text: string): { readonly healthy: boolean; readonly sick: string[] } | undefined {
  const [, healthy] = /^Healthy:\s+(true|false)$/m.exec(text) ?? [];
  if (healthy === undefined) {
    return undefined;
  }
  const servers = text.matchAll(/^\s+Address:\s+(\S+)$[\s\S]*?^\s+Healthy:\s+(true|false)$/gm);
  const sick = [...servers].flatMap(([, address, well]) =>
    address !== undefined && well === "false" ? [withoutPort(address)] : [],
  );
  return { healthy: healthy === "true", sick };
}

/** `consul info`: the program's version, and whether members' gossip is encrypted. */
export function parseConsulInfo(text: string): { readonly version?: string; readonly encrypted?: boolean } {
  const of = (section: string, key: string) =>
    new RegExp(`^${section}:\n(?:\\s.*\n)*?\\s+${key} = (.*)$`, "m").exec(text)?.[1];
  const [version, encrypted] = [of("build", "version"), of("serf_lan", "encrypted")];
  return {
    ...(version === undefined ? {} : { version }),
    ...(encrypted === undefined ? {} : { encrypted: encrypted === "true" }),
  };
}

/** Rows of a table in words, without its heading. */
function table(text: string): string[][] {
  const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
  const heading = rows.findIndex(([first]) => first === "Node");
  return heading < 0 ? [] : rows.slice(heading + 1);
}

export interface WeaveConnection {
  /** The other end's address. */
  readonly address: string;
  /** The other end's peer name, once it is known. */
  readonly peer?: string;
  readonly state: string;
  /** `sleeve` or `fastdp`, or the reason for a failure. */
  readonly detail: string;
  readonly encrypted: boolean;
  /** Bytes of the largest packet that it carries in one piece, once that is known. */
  readonly mtu?: number;
}

export interface WeaveReport {
  readonly version: string;
  readonly connections: readonly WeaveConnection[];
  /** All peers that it knows, including itself. */
  readonly peers: readonly { readonly name: string; readonly nickname: string }[];
  readonly ipam: {
    /** In the words of `weave status`. */
    readonly state: "ready" | "idle" | "awaiting consensus" | "waiting for addresses";
    readonly range: string;
    /** Addresses that each peer owns, and whether it is one of the peers. */
    readonly owners: readonly {
      readonly peer: string;
      readonly nickname: string;
      readonly addresses: number;
      readonly known: boolean;
    }[];
  };
  /** The domain of Weave's DNS; nothing when DNS is off. */
  readonly domain?: string;
}

/** `weave report`, which is JSON in all versions; nothing when the text is not JSON. */
export function parseWeaveReport(text: string): WeaveReport | undefined {
  let report: RawReport;
  try {
    report = JSON.parse(text.slice(text.indexOf("{")));
  } catch {
    return undefined;
  }
  const { Router: router, IPAM: ipam, DNS: dns } = report;
  if (!router || !ipam) {
    return undefined;
  }
  const owners = new Map<string, WeaveReport["ipam"]["owners"][number]>();
  for (const { Peer: peer, Nickname: nickname, Size: size, IsKnownPeer: known } of ipam.Entries ?? []) {
    owners.set(peer, { peer, nickname, known, addresses: size + (owners.get(peer)?.addresses ?? 0) });
  }
  return {
    version: report.Version ?? "unknown",
    connections: (router.Connections ?? []).map(({ Address, State, Info = "", Attrs }) => {
      const peer = /\b([0-9a-f]{2}(?::[0-9a-f]{2}){5})\(/.exec(Info)?.[1];
      const [, encryption, rest = Info] = /^(encrypted|unencrypted) +(.*)$/.exec(Info) ?? [];
      const detail = rest.replace(/\s*\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\(.*?\)/, "").trim();
      return {
        address: withoutPort(Address),
        state: State,
        detail,
        encrypted: encryption === "encrypted",
        ...(peer === undefined ? {} : { peer }),
        ...(Attrs?.mtu === undefined ? {} : { mtu: Attrs.mtu }),
      };
    }),
    peers: (router.Peers ?? []).map(({ Name, NickName }) => ({ name: Name, nickname: NickName })),
    ipam: { state: allocatorState(ipam), range: ipam.Range ?? "", owners: [...owners.values()] },
    ...(dns?.Domain ? { domain: dns.Domain } : {}),
  };
}

function allocatorState({ Entries, PendingAllocates, Paxos }: RawIpam): WeaveReport["ipam"]["state"] {
  const shared = (Entries ?? []).length > 0;
  if (shared) {
    return (PendingAllocates ?? []).length > 0 ? "waiting for addresses" : "ready";
  }
  return Paxos ? "awaiting consensus" : "idle";
}

type RawIpam = NonNullable<RawReport["IPAM"]>;

interface RawReport {
  readonly Version?: string;
  readonly Router?: {
    readonly Peers?: readonly { readonly Name: string; readonly NickName: string }[] | null;
    readonly Connections?:
      | readonly {
          readonly Address: string;
          readonly State: string;
          readonly Info?: string;
          readonly Attrs?: { readonly mtu?: number };
        }[]
      | null;
  };
  readonly IPAM?: {
    readonly Range?: string;
    readonly Paxos?: unknown;
    readonly Entries?:
      | readonly {
          readonly Peer: string;
          readonly Nickname: string;
          readonly Size: number;
          readonly IsKnownPeer: boolean;
        }[]
      | null;
    readonly PendingAllocates?: readonly unknown[] | null;
  };
  readonly DNS?: { readonly Domain?: string } | null;
}

/** `docker ps -a`, by name: image, and state in the engine's words. */
export function parseContainers(text: string): Map<string, { readonly image: string; readonly status: string }> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const [, name, image, status] = /^(\S+) (\S+) (.+)$/.exec(line.trim()) ?? [];
      return name && image && status ? [[name, { image, status }] as const] : [];
    }),
  );
}

export interface SwarmNode {
  readonly name: string;
  readonly address: string;
  readonly status: string;
  readonly error: string;
}

export interface SwarmInfo {
  readonly role: string;
  readonly version: string;
  readonly nodes: readonly SwarmNode[];
}

/** `docker info` of a Swarm manager. */
export function parseSwarmInfo(text: string): SwarmInfo {
  const nodes: { name: string; address: string; status: string; error: string }[] = [];
  // Before the list, a replica names its primary in the same form as a node.
  const [, list = ""] = text.split(/^\s*Nodes: \d+$/m);
  for (const line of list.split("\n")) {
    const [, name, address] = /^\s*(\S+): (\d+\.\d+\.\d+\.\d+):\d+$/.exec(line) ?? [];
    if (name !== undefined && address !== undefined) {
      nodes.push({ name, address, status: "unknown", error: "" });
    }
    const [, field, value] = /^\s*└ (Status|Error): (.*)$/.exec(line) ?? [];
    const node = nodes.at(-1);
    if (node && field === "Status") {
      node.status = value ?? "";
    }
    if (node && field === "Error") {
      node.error = value === "(none)" ? "" : (value ?? "");
    }
  }
  const role = /^\s*Role: (\S+)/m.exec(text)?.[1] ?? "unknown";
  return { role, version: /^\s*Server Version: swarm\/(\S+)/m.exec(text)?.[1] ?? "unknown", nodes };
}

function withoutPort(address: string): string {
  return address.replace(/:\d+$/, "");
}
