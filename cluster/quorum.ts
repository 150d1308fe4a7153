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

/** What to do instead. */
export const oneServerAtATime = "one server in one deploy, and the next when scripts/verify says healthy";
