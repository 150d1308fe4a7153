/** What a preflight comes to, and what it was made for. */
import type { Finding } from "../shared/findings.js";
import type { Facts } from "./facts.js";
import type { NetworkProbe } from "./probe-network.js";

export interface PreflightResult {
  readonly findings: readonly Finding[];
  /** Hosts that answered, by name. */
  readonly facts: ReadonlyMap<string, Facts>;
  /** Hosts of which nothing can be said, with the reason. */
  readonly undecided: ReadonlyMap<string, string>;
  readonly network: NetworkProbe;
}

/** What the hosts are looked at for, and from where. */
export interface Way {
  /** Who the deploy is to the hosts that this is part of, if any. */
  readonly deployer?: string | undefined;
  /** The hosts' own ports are reached through `scripts/tunnel`, or another proxy. */
  readonly tunnel?: boolean;
}

/** 0 no problem, 1 problems, 2 could not tell. */
export type ExitStatus = 0 | 1 | 2;
