/** What the preflight measures with. */

/**
 * Seconds. Swarm calls an engine unsynchronised from 2 on, and keeps using it. Consul's sessions are timed by the leader's
 * clock alone and survive more; beyond ten, certificates, logs and Hazelcast's cluster time no longer fit together.
 */
export const clockLimits = { warning: 2, problem: 10 } as const;

/** MiB. A host sold as 1 GiB shows somewhat less. */
export const memory = { total: 900, available: 350, availableLater: 50 } as const;

/** Without a login, for an IPv4 address or an IPv6 /64: https://docs.docker.com/docker-hub/usage/pulls/ */
export const pullLimit = { images: 100, hours: 6 } as const;

/** Up to so many hosts each tries every other; in larger clusters the next few of a ring. */
export const fullMatrix = 20;
export const ringNeighbours = 3;
