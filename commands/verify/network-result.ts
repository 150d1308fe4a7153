/** What the test of the containers' network has found. */

/** What one container has found when it called another. */
export interface Reach {
  /** The address that the other's name resolves to. */
  readonly address?: string;
  /** Why it does not resolve. */
  readonly unresolved?: string;
  readonly ping?: { readonly sent: number; readonly received: number; readonly ms?: number };
  /** `ok`, or what went wrong. */
  readonly tcp?: string;
  /** Bytes of payload of the largest datagram that passes unfragmented. */
  readonly largest?: number;
}

/** What the tests have found, by names of hosts: from one to the other. */
export interface NetworkResult {
  /** The host whose Swarm manager was asked to start the containers. */
  readonly manager: string;
  /** What hosts were asked and did not answer in time, by host. Nothing is known of it. */
  readonly unanswered: ReadonlyMap<string, readonly string[]>;
  /** Hosts that were to get a container. */
  readonly tested: readonly string[];
  /** Containers by host. More than one on a host is not what Swarm was asked for. */
  readonly placed: ReadonlyMap<string, readonly string[]>;
  /** Why Swarm did not start a container, for each that it did not. */
  readonly refused: readonly string[];
  readonly addresses: ReadonlyMap<string, string>;
  /** The MTUs of the containers' network devices. */
  readonly devices: ReadonlyMap<string, number>;
  /** Hosts whose container is not in the group's list in /proc/net/igmp. */
  readonly unjoined: readonly string[];
  readonly reached: ReadonlyMap<string, ReadonlyMap<string, Reach>>;
  /** Why a sender could not send. */
  readonly mute: ReadonlyMap<string, string>;
  /** Different datagrams received: by sender, then receiver. */
  readonly heard: ReadonlyMap<string, ReadonlyMap<string, number>>;
}
