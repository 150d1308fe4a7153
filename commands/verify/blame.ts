/** Which hosts are at fault when hosts complain of each other: the fewest that explain everything. */

/** Something that one host finds wrong between itself and another, or with itself. */
export interface Complaint {
  readonly by: string;
  readonly about: string;
  readonly found: string;
}

/**
 * Assigns the complaints to the hosts at fault.
 *
 * A host that is known to be at fault, or complains of itself, explains all that is wrong between it and others. Of the
 * rest, the host that has trouble with the most others is at fault, then the next. If two hosts have trouble with each
 * other alone, nothing shows which one is at fault, and both are.
 */
export function blame(complaints: readonly Complaint[], known: ReadonlySet<string>): Map<string, Complaint[]> {
  const blamed = new Map<string, Complaint[]>();
  const guilty = new Set([...known, ...complaints.filter(({ by, about }) => by === about).map(({ by }) => by)]);
  let open = [...complaints];
  const settle = (host: string) => {
    const own = open.filter(({ by, about }) => by === host || about === host);
    if (own.length > 0) {
      blamed.set(host, [...(blamed.get(host) ?? []), ...own]);
    }
  };
  const close = (hosts: readonly string[]) => {
    for (const host of hosts) {
      settle(host);
    }
    open = open.filter(({ by, about }) => !hosts.includes(by) && !hosts.includes(about));
  };
  close([...guilty]);
  while (open.length > 0) {
    const troubled = new Map<string, Set<string>>();
    for (const { by, about } of open) {
      troubled.set(by, (troubled.get(by) ?? new Set()).add(about));
      troubled.set(about, (troubled.get(about) ?? new Set()).add(by));
    }
    const most = Math.max(...[...troubled.values()].map(({ size }) => size));
    close([...troubled].filter(([, others]) => others.size === most).map(([host]) => host));
  }
  return blamed;
}
