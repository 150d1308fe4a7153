/** Can Consul's servers elect a leader while some of them go? What `scripts/plan` and the preflight refuse. */

/** How many servers go in which way. */
export interface Going {
  /** All that have a vote. */
  readonly voters: number;
  /** Away without a word, with their vote: off, rebuilt or uninstalled. */
  readonly gone: number;
  /** Away for good, and taken off the list of voters by another's hand. */
  readonly lost: number;
  /** Leaving, one after the other, with their vote. */
  readonly leaving: number;
  /** Made clients, after that and all at once, which leaves their vote behind. */
  readonly demoted: number;
}

/** Is there a majority before anything is done, and after all of it? */
export function keepsQuorum({ voters, gone, lost, leaving, demoted }: Going): boolean {
  const later = voters - lost - leaving;
  return isMajority(voters - gone - lost, voters) && isMajority(later - gone - demoted, later);
}

const isMajority = (some: number, of: number): boolean => 2 * some > of;

/** In words: the servers that go by name, how many others are missing, and how many of how many are left. */
export function lostQuorum(names: readonly string[], missing: number, left: number, of: number): string {
  const others = missing > 0 ? [`${missing} that ${missing > 1 ? "are" : "is"} missing`] : [];
  return `without ${[...names, ...others].join(", ")}, ${left} of ${of} Consul servers cannot elect a leader`;
}

/** What to do instead. */
export const oneServerAtATime = "one server in one deploy, and the next when scripts/verify says healthy";
