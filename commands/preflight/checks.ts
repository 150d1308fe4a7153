/** All checks of the preflight, as its table, its JSON form and docs/preflight.md name them. */
import { renewalDays } from "../../cluster/pki.js";
import type { Finding } from "../shared/findings.js";
import { clockLimits, fullMatrix, memory, pullLimit, ringNeighbours } from "./limits.js";

export interface CheckGroup {
  readonly checks: readonly string[];
  readonly finds: string;
  readonly limit?: string;
}

export const checkGroups = [
  { checks: ["reach", "login", "host key", "sudo"], finds: "why a host cannot be asked" },
  {
    checks: ["os", "arch", "systemd", "hostname", "machine-id", "address"],
    finds:
      "a system that is not supported, names and ids that another host has too, hostnames that belong to another entry (swapped addresses), an address that is not the host's",
  },
  {
    checks: ["ports", "foreign"],
    finds: "ports that another program holds; Consul, Weave or Swarm that this project did not install",
  },
  {
    checks: ["engine", "artifacts"],
    finds:
      "an engine that the chosen images do not work with; artifacts that the lock file lacks for the host's platform",
  },
  {
    checks: ["kernel"],
    finds: "missing kernel features that Weave needs; openvswitch and vxlan only with `weave.fastDatapath: true`",
    limit: "what the host does not reveal is not reported",
  },
  {
    checks: ["iptables"],
    finds: "the legacy command beside images that use nftables, or the other way round",
    limit: "the other way round is a warning: it may work",
  },
  {
    checks: ["cluster"],
    finds:
      "a host of another cluster, or under another name; an address, `consul.datacenter` or `consul.dataDir` that was changed",
  },
  {
    checks: ["quorum"],
    finds: "Consul servers that are removed or made clients, so many that the rest could not elect a leader",
  },
  {
    checks: ["weave proxy"],
    finds: "a member whose Weave proxy does not answer, which stops every plan",
    limit: "a warning during a deploy, which starts it",
  },
  { checks: ["deploy"], finds: "another deploy that has the host, under way or broken off" },
  {
    checks: ["firewall"],
    finds:
      "a machine that deploys and that `firewall.managed` would shut out; no nft or nf_tables for its allow-list; hosts that join in the deploy that takes it off; firewalld between containers",
  },
  {
    checks: ["certificate"],
    finds:
      "with `security.dockerTls` or `security.consulTls`: a certificate that is not of the host's own key, or not valid by its clock; a machine that deploys without one",
    limit: `fewer than ${renewalDays} days left are a warning`,
  },
  { checks: ["weave peer"], finds: "another member's peer name, on a copied disk" },
  {
    checks: ["disk", "memory"],
    finds: "too little room, per file system, for what the deploy installs",
    limit: `${memory.total} MiB of memory`,
  },
  { checks: ["range"], finds: "routes and name servers within `weave.range`" },
  { checks: ["dns"], finds: "names that artifacts come from and that the host cannot resolve" },
  {
    checks: ["registry"],
    finds:
      "a registry of `artifacts.registry` or of `weave.images` that does not give root's docker an image that the host lacks, by digest; on a host without docker, whether it is reached, and wants a login that root has not",
    limit: "who is not refused and not answered gets a warning; Docker Hub is not asked",
  },
  {
    checks: ["pulls"],
    finds: "more images to pull from Docker Hub than it gives to one address",
    limit: `[${pullLimit.images} in ${pullLimit.hours} hours](https://docs.docker.com/docker-hub/usage/pulls/) without a login, a warning`,
  },
  {
    checks: ["links"],
    finds:
      "ports of [ports.md](ports.md) that another host, the host itself or the machine that deploys must reach and does not, between every pair of hosts, by role; with the commands that open them, in the language of the host's firewall",
    limit: `above ${fullMatrix} hosts each tries ${ringNeighbours} others; this machine's way to them is a warning, unless a deploy runs the preflight`,
  },
  { checks: ["mtu"], finds: "packets of full size that do not pass" },
  {
    checks: ["clock"],
    finds: "clocks that differ from the median of all hosts",
    limit: `over ${clockLimits.warning} s a warning, over ${clockLimits.problem} s a problem`,
  },
] as const satisfies readonly CheckGroup[];

export type Check = (typeof checkGroups)[number]["checks"][number];

/** A finding of one of these checks … */
export type CheckFinding = Finding & { readonly check: Check };

/** … whose host is known from the context. */
export type Judgement = Omit<CheckFinding, "host">;
