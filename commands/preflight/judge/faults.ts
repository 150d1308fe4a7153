/** Which host is at fault when something between two hosts fails? */

/** Something that was tried from one host to another. */
export interface Tried {
  readonly from: string;
  readonly to: string;
  readonly failed: boolean;
}

/** The host that the others do not reach, or the one that does not reach the others. */
export interface Fault<T extends Tried> {
  readonly host: string;
  readonly kind: "not reached" | "does not reach";
  readonly failures: readonly T[];
  /** Does it concern all that were tried? */
  readonly all: boolean;
}

/**
 * A host that none of the others reaches is at fault, and one that reaches none of the rest; whatever is left counts
 * against the host that is not reached, since firewalls are mostly on the receiving side.
 */
export function faults<T extends Tried>(tried: readonly T[]): Fault<T>[] {
  const found: Fault<T>[] = [];
  let open = tried.filter(({ failed }) => failed);
  const settle = (host: string, kind: Fault<T>["kind"], all: boolean) => {
    const failures = open.filter(({ from, to }) => (kind === "not reached" ? to : from) === host);
    if (!all && failures.length === 0) {
      return;
    }
    found.push({ host, kind, failures, all });
    open = open.filter((failure) => !failures.includes(failure));
  };
  const hosts = [...new Set(tried.flatMap(({ from, to }) => [to, from]))];
  const shut = hosts.filter((host) => {
    const inbound = tried.filter(({ to }) => to === host);
    return inbound.length > 0 && inbound.every(({ failed }) => failed);
  });
  // With one other host each way, a firewall that lets nothing in explains as much as one that lets nothing out.
  const mute = hosts.filter((host) => {
    const outbound = tried.filter(({ from, to }) => from === host && !shut.includes(to));
    return outbound.length > 1 && outbound.every(({ failed }) => failed);
  });
  for (const host of shut) {
    settle(host, "not reached", true);
  }
  for (const host of mute) {
    settle(host, "does not reach", true);
  }
  for (const host of hosts) {
    settle(host, "not reached", false);
  }
  return found;
}
