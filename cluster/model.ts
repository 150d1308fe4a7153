/**
 * The cluster as the rest of the program sees it: defaults decided, files beside the cluster file read.
 * Everything behind this point is a pure function of a `Cluster`.
 */
import type { Certificates } from "./pki.js";
import type { ClusterFile } from "./schema.js";

/** How the operator's machine logs in to a machine. */
export interface Login {
  readonly address: string;
  readonly user: string;
  readonly port: number;
  /** As written: `~/…`, absolute, or relative to the cluster file. Without it the SSH agent is asked. */
  readonly keyFile?: string;
  /** Lines "type base64" of `known_hosts`; empty only when checking is off. */
  readonly hostKeys: readonly string[];
}

/** A member of the cluster. */
export interface Host {
  /** Id of everything that belongs to the host. */
  readonly name: string;
  /** Address on the cluster's LAN. */
  readonly address: string;
  readonly login: Login;
  readonly consul: "server" | "client";
  /** How often the machine behind the name was replaced. */
  readonly rebuilt: number;
  readonly manager: boolean;
  readonly agent: boolean;
  /** The machine is off for a while: nothing is asked of it, and the others keep its place. */
  readonly down: boolean;
}

/** A host that leaves the cluster, or has left it. */
export interface RemovedHost extends Host {
  /** The machine is gone for good, and cannot be uninstalled. */
  readonly lost: boolean;
}

/** One line of what hosts may install; the source of truth is `artifacts.lock.json`. */
export interface Artifact {
  /** What it is for: `consul`, `weave`, `image:NAME:TAG` or `package:GROUP:PACKAGE`. */
  readonly name: string;
  /** Which hosts it fits: `any`, an architecture (`amd64`, `arm64`) or a distribution and architecture (`debian-12-amd64`). */
  readonly platform: string;
  readonly version: string;
  /** Lower-case hex SHA-256 of the file, or of the image's manifest when the source is a registry. */
  readonly sha256: string;
  /** `http(s)://…`, `docker://REGISTRY/NAME` (an image by digest), or `file:PATH` relative to the lock file. */
  readonly source: string;
}

export interface Cluster {
  readonly name: string;
  /** All members, also those that are down. */
  readonly hosts: readonly Host[];
  /** The members that a deploy reaches and the commands ask. */
  readonly up: readonly Host[];
  /** The hosts that Consul counts on for a majority, also those that are down. */
  readonly servers: readonly Host[];
  /** Hosts that leave with the next deploy, or have left. */
  readonly removed: readonly RemovedHost[];
  /** What the lock file allows hosts to install, in its order. */
  readonly artifacts: readonly Artifact[];
  /** Terraform's lock file of its providers, where there is one beside the cluster file. */
  readonly providerLock?: string;
  /** With `security.dockerTls` or `security.consulTls`: what every host trusts, and each one's own. */
  readonly certificates?: Certificates;
  /** Folder of the cluster file, absolute; relative paths in the file start here. Never rendered. */
  readonly directory: string;
  readonly bastion?: Login;
  readonly settings: Settings;
}

/** Everything in the cluster file that is not a list of machines, defaults filled in. */
export type Settings = Omit<ClusterFile, "name" | "hosts" | "removed">;

/** The reference under which an image is known to the engine. */
export const images = {
  weave: ({ weave }: Pick<Settings, "weave">) => `${weave.images}/weave:${weave.version}`,
  weaveexec: ({ weave }: Pick<Settings, "weave">) => `${weave.images}/weaveexec:${weave.version}`,
  weavedb: ({ weave }: Pick<Settings, "weave">) => `${weave.images}/weavedb:latest`,
  swarm: ({ swarm }: Pick<Settings, "swarm">) => `swarm:${swarm.version}`,
} as const;

/** The images that every host needs. */
export const neededImages = (settings: Pick<Settings, "weave" | "swarm">): string[] =>
  Object.values(images).map((image) => image(settings));

/** How messages name a host: `h2 (198.18.0.12)`. */
export const label = ({ name, address }: Pick<Host, "name" | "address">): string => `${name} (${address})`;

/**
 * The name of the Weave peer on a host. It comes from the host's address, so that a rebuilt host is the same peer and
 * keeps its containers' addresses; `peer_name` of `weave.sh` is its twin.
 */
export function peerName(address: string): string {
  const bytes = address.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
  return ["02", "00", ...bytes].join(":");
}
