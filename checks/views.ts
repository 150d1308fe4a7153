/** Reads what Consul, Weave Net and Swarm say of themselves, as `scripts/host/verify.sh` hands it over. */

/** A command's output and status. */
export interface Said {
  readonly status: number;
  readonly text: string;
}

/** Takes the script's output apart at its headings `=== NAME STATUS`. */
export function parseSections(output: string): Map<string, Said> {
  const sections = new Map<string, Said>();
  const [, ...parts] = `\n${output.replaceAll("\r", "")}`.split(/\n=== (.+) (\d+)(?=\n|$)/);
  for (let i = 0; i + 2 < parts.length; i += 3) {
    const [name = "", status, text = ""] = parts.slice(i, i + 3);
    sections.set(name, { status: Number(status), text: text.replace(/^\n/, "").trimEnd() });
  }
  return sections;
}

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

/** Rows of a table in words, without its heading. */
function table(text: string): string[][] {
  const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
  const heading = rows.findIndex(([first]) => first === "Node");
  return heading < 0 ? [] : rows.slice(heading + 1);
}

/** The name that `weave-launch.sh` gives to the peer on a host. */
export function peerName(address: string): string {
  const bytes = address.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
  return ["02", "00", ...bytes].join(":");
}

export interface WeaveConnection {
  /** The other end's address. */
  readonly address: string;
  /** The other end's peer name, once it is known. */
  readonly peer?: string;
  readonly state: string;
  readonly detail: string;
}

/** `weave status connections` */
export function parseConnections(text: string): WeaveConnection[] {
  return text.split("\n").flatMap((line) => {
    const [, address, state, detail = ""] = /^(?:->|<-) ([\d.]+):\d+\s+(\w+)\s*(.*)$/.exec(line.trim()) ?? [];
    if (address === undefined || state === undefined) return [];
    const peer = /\b([0-9a-f]{2}(?::[0-9a-f]{2}){5})\(/.exec(detail)?.[1];
    return [{ address, state, detail: detail.trim(), ...(peer === undefined ? {} : { peer }) }];
  });
}

export interface SwarmNode {
  readonly name: string;
  readonly address: string;
  readonly status: string;
  readonly error: string;
}

export interface SwarmInfo {
  readonly role: string;
  readonly nodes: readonly SwarmNode[];
}

/** `docker -H :4000 info` */
export function parseSwarmInfo(text: string): SwarmInfo {
  const nodes: { name: string; address: string; status: string; error: string }[] = [];
  // Before the list, a replica names its primary in the same form as a node.
  const [, list = ""] = text.split(/^\s*Nodes: \d+$/m);
  for (const line of list.split("\n")) {
    const [, name, address] = /^\s*(\S+): (\d+\.\d+\.\d+\.\d+):\d+$/.exec(line) ?? [];
    if (name !== undefined && address !== undefined) nodes.push({ name, address, status: "unknown", error: "" });
    const [, field, value] = /^\s*└ (Status|Error): (.*)$/.exec(line) ?? [];
    const node = nodes.at(-1);
    if (node && field === "Status") node.status = value ?? "";
    if (node && field === "Error") node.error = value === "(none)" ? "" : (value ?? "");
  }
  return { role: /^\s*Role: (\S+)/m.exec(text)?.[1] ?? "unknown", nodes };
}

function withoutPort(address: string): string {
  return address.replace(/:\d+$/, "");
}
