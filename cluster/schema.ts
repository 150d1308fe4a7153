/**
 * The cluster file: the one YAML file that a team edits.
 *
 * This schema is the only source of the types, the validation, the JSON Schema for editors
 * (`cluster/cluster.schema.json`) and the reference page (`docs/cluster-file.md`). Every `expected`
 * text below finishes the sentence "expected …" of an error message.
 *
 * Defaults are the guide's own values where it gives one (datacenter, paths, ports, names,
 * restart policy), otherwise the component's documented default or the safest working choice.
 */
import { isIPv4 } from "node:net";
import { z } from "zod";
import { ports } from "./ports.js";

// Typed apart from its table, whose types come from this schema.
const numbered: Readonly<Record<"consulHttp" | "swarmManager", { readonly number: number }>> = ports;

const error = (text: string) => ({ error: text });

/** For the reference page. Stays with a schema that is described or made optional later. */
const expected = (text: string) => ({ expected: text });

const matching = (pattern: RegExp, text: string, kind = text) =>
  z.string(error(kind)).regex(pattern, error(text)).meta(expected(kind));
const whole = (from: number, to: number, text: string) =>
  z.int(error(text)).min(from, error(text)).max(to, error(text)).meta(expected(text));
const choice = <const T extends readonly [string, ...string[]]>(values: T) => {
  const text = `one of ${values.join(", ")}`;
  return z.enum(values, error(text)).meta(expected(text));
};
const flag = z.boolean(error("true or false")).meta(expected("true or false"));
const list = <T extends z.ZodType>(of: T, text: string) => z.array(of, error(text)).meta(expected(text));
const mapping = <T extends z.ZodRawShape>(shape: T, text = "a mapping") =>
  z.strictObject(shape, error(text)).meta(expected(text));
/** A mapping that may be left out: its fields then have their defaults. */
const section = <T extends z.ZodRawShape>(shape: T, text?: string) => mapping(shape, text).prefault({} as never);

/** One word for a LAN that is not trusted. */
export const strict = {
  word: "strict",
  security: { dockerTls: true, consulTls: true, consulAcl: true, weaveEncryption: true },
  firewall: { managed: true },
} as const;

/** A section that this word may stand for. */
const orStrict = <T extends z.ZodRawShape>(shape: T) =>
  section(shape, `${strict.word}, or a mapping`).meta({ word: strict.word });

const hostName = matching(
  /^[a-z][a-z0-9-]*$/,
  "a name of lower-case letters, digits and dashes that begins with a letter",
);
const anAddress = "an IPv4 address such as 10.0.1.104";
const ipv4 = z.string(error(anAddress)).refine(isIPv4, error(anAddress)).meta(expected(anAddress));
const port = whole(1, 65535, "a port from 1 to 65535");
const version = matching(
  /^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$/,
  "a full version such as 1.22.7, quoted if YAML would read it as a number",
);
const absolutePath = matching(/^\/[A-Za-z0-9._/-]+$/, "an absolute path of letters, digits and . _ - /");
const filePath = matching(
  /^[A-Za-z0-9._~/@+-]+$/,
  "a path of letters, digits and . _ ~ / @ + -",
  "a path: ~/…, absolute, or relative to the cluster file",
);
const imageReference = matching(/^[a-z0-9][A-Za-z0-9._/:@-]*$/, "an image reference");
const userName = matching(/^[a-z_][a-z0-9_-]*$/, "the name of a login user");
const addressOrRange = matching(
  /^(\d{1,3}\.){3}\d{1,3}(\/\d{1,2})?$/,
  "an IPv4 address such as 10.0.9.5 or a range such as 10.0.9.0/24",
);
const duration = matching(/^[1-9][0-9]*(s|m)$/, "a duration such as 30s or 2m");
const seconds = whole(1, 3600, "seconds from 1 to 3600");

const login = {
  user: userName.describe("Login user. Anything but root needs sudo without a password."),
  port: port.describe("TCP port of sshd."),
  keyFile: filePath.describe(
    "Private key file: `~/…` or relative to the cluster file. Without it the operator's SSH agent is asked.",
  ),
};

const bastion = mapping({
  address: matching(/^[A-Za-z0-9][A-Za-z0-9.-]*$/, "an IPv4 address or a DNS name").describe(
    "The jump host's address.",
  ),
  user: login.user.default("root"),
  port: login.port.default(22),
  keyFile: filePath.optional().describe("Private key file for the jump host. Default: that of the hosts."),
}).describe(
  "A jump host between the operator and the hosts. Its host key is read from `known_hosts` too. Commands that run Terraform are run in `scripts/tunnel`. See [bastion.md](bastion.md).",
);

const host = mapping(
  {
    name: hostName.describe(
      "The host's name and the id of everything that belongs to it; never reuse one for another machine.",
    ),
    address: ipv4.describe(
      "The host's own address on the LAN that the cluster uses. Consul, Weave Net and Swarm bind to it.",
    ),
    consul: choice(["server", "client"])
      .optional()
      .describe(
        "Role of the host's Consul agent. Default: the first five hosts are servers; of three or four hosts the first three, of one or two the first.",
      ),
    swarm: list(choice(["manager", "agent"]), "a list of manager and agent")
      .default(["manager", "agent"])
      .describe("What the host runs of Swarm. The guide's choice is both on every host."),
    rebuilt: whole(0, Number.MAX_SAFE_INTEGER, "how often the host was rebuilt: a whole number")
      .default(0)
      .describe(
        "Add one whenever the machine behind this name is reinstalled or replaced: the next deploy then sets it up from scratch.",
      ),
    down: flag
      .default(false)
      .describe(
        "The machine is off for a while: nothing is asked of it, and the other hosts keep its place. Without this line the next deploy brings it up to date.",
      ),
    ssh: mapping({ user: login.user.optional(), port: login.port.optional(), keyFile: login.keyFile.optional() })
      .optional()
      .describe("Login to this host where it differs from the cluster's `ssh`."),
  },
  "a mapping with name and address",
);

/** The shape of the cluster file. Rules that span fields are in `rules.ts`. */
const clusterFile = mapping(
  {
    name: hostName.describe("The cluster's name: names the Terraform stack and its state."),
    hosts: list(host, "a list of hosts")
      .min(1, error("at least one host"))
      .describe("The machines, in order. The order decides the default roles, nothing else."),
    removed: list(
      host.extend({
        lost: flag
          .default(false)
          .describe("The machine is gone for good: nothing is run on it, and the other hosts take over what it held."),
        down: flag.default(false).describe("Must be false: a host that leaves is asked to, unless it is `lost`."),
      }),
      "a list of hosts",
    )
      .default([])
      .describe(
        "Hosts that leave the cluster: move an entry here from `hosts`, and the next deploy uninstalls everything from that machine. After that the entry can be deleted.",
      ),
    ssh: section({
      user: login.user.default("root"),
      port: login.port.default(22),
      keyFile: login.keyFile.optional(),
      bastion: bastion.optional(),
      hostKeyChecking: choice(["required", "off"])
        .default("required")
        .describe(
          "`required`: every host's key must be in `known_hosts` beside the cluster file (`scripts/hostkeys` collects them). `off` trusts whoever answers.",
        ),
      timeoutSeconds: seconds
        .default(30)
        .describe("How long to wait for a connection before the host counts as unreachable."),
    }).describe("How the operator's machine logs in to the hosts."),
    consul: section({
      version: version.default("1.22.7").describe("Consul's version."),
      datacenter: matching(/^[a-z0-9_-]+$/, "lower-case letters, digits, _ and -")
        .default("aha")
        .describe("Consul's datacenter."),
      dataDir: absolutePath.default("/var/consul").describe("Where agents keep their state. Must survive a reboot."),
      logLevel: choice(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]).default("INFO").describe("Consul's log level."),
      syslog: flag
        .default(false)
        .describe("Also log to syslog, as the guide does. Under systemd the journal then holds every line twice."),
      ui: flag.default(true).describe(`Serve Consul's web UI on port ${numbered.consulHttp.number}.`),
      bootstrap: choice(["expect", "handover"])
        .default("expect")
        .describe(
          "`expect`: all servers are equal and elect a leader once they are all there. `handover`: the guide's procedure, in which one server bootstraps with a configuration of its own and is then handed over to the service.",
        ),
    }).describe("Consul, the key-value store through which Swarm finds its members."),
    docker: section({
      install: flag
        .default(true)
        .describe("Install Docker Engine on a host that has none. With `false` such a host fails preflight."),
      package: matching(/^[a-z0-9][a-z0-9.+-]*$/, "the name of a package")
        .default("docker.io")
        .describe(
          "The package that provides Docker Engine, resolved by `scripts/lock` from the hosts' own package sources.",
        ),
      version: matching(/^\d+(\.\d+){0,2}$/, 'a version or the beginning of one, in quotes: "28.5.2" or "28"')
        .optional()
        .describe(
          "The version to install where there is no engine: the newest one of the hosts' package sources that begins so. Default: the one that apt chooses. An installed engine is held at its version.",
        ),
      lowerApiFloor: flag
        .default(false)
        .describe(
          "Lower the oldest API version that a host's own engine answers, where Weave Net and Swarm need it (engines from 29 on). `docker.service` is restarted for that, when the cluster is deployed and when it is destroyed, and with it all containers of the host. An engine that the project installed needs no permission.",
        ),
    }).describe("Docker Engine. A host's own engine is kept when it fits."),
    weave: section({
      version: version
        .default("2.9.0")
        .describe("Weave Net's version: 2.6.5 to 2.8.1 of weaveworks, 2.8.3 to 2.9.0 of rajchaudhuri."),
      images: matching(
        /^[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?$/,
        "what stands before /weave:VERSION: rajchaudhuri, weaveworks, or the owner, or registry and owner, of images that you have built",
      )
        .default("rajchaudhuri")
        .describe(
          "Owner of Weave's images. Those of weaveworks need an engine that accepts API 1.18 (Docker Engine up to 24), those of rajchaudhuri API 1.24 (up to 28, and 29 with a lowered floor). Any other owner, or registry and owner such as `registry.example:5000/team`, is for images that you have built (`docs/weave.md`).",
        ),
      script: matching(/^https?:\/\/[^\s"'$%\\@]+$/, "an http(s) URL without a login")
        .optional()
        .describe(
          "Where `scripts/lock` gets the script `weave` that belongs to images which you have built, where neither a mirror nor a directory has it.",
        ),
      dockerApi: matching(/^1\.\d+$/, 'an API version of Docker Engine in quotes, such as "1.24"')
        .optional()
        .describe(
          "The version of the engine's API that images speak which you have built yourself. Default: that of the owner's own.",
        ),
      iptables: choice(["nft", "legacy"])
        .optional()
        .describe(
          "The kind of packet filter's rules that images write which you have built yourself. Default: that of the owner's own.",
        ),
      range: matching(/^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/, "an IPv4 range such as 10.32.0.0/12")
        .default("10.32.0.0/12")
        .describe(
          "The containers' network. Must not overlap with any network that the hosts reach. Fixed when the network is created: to change it, destroy the cluster first.",
        ),
      dns: flag
        .default(true)
        .describe(
          "Serve weave.local names to containers. `false` is the guide's `--no-dns`: containers then cannot find each other by name.",
        ),
      fastDatapath: flag
        .default(true)
        .describe(
          "Use the kernel's openvswitch. `false` carries every packet through user space, for kernels without it. Fixed when the network is created.",
        ),
      mtu: whole(576, 65535, "a packet size from 576 to 65535")
        .optional()
        .describe(
          "Packet size of the containers' network, in bytes. Default: Weave's own (1376). Fixed when the network is created.",
        ),
      connectionLimit: whole(0, 1_000_000, "how many connections a router may have, or 0 for no limit")
        .optional()
        .describe(
          "How many connections a router takes, where it has one to each other host. Default: Weave's own, 200, which is enough for 201 hosts. `0` sets no limit; [scale.md](scale.md) says what a larger mesh costs. A change restarts the routers in turn.",
        ),
      restartTogether: whole(1, Number.MAX_SAFE_INTEGER, "how many routers restart at the same time: 1 or more")
        .optional()
        .describe(
          "How many routers that run are restarted at the same time, when a change needs that; the next ones follow when these are connected again. Default: one of ten hosts, at least one. Routers that do not run yet start all at once.",
        ),
    }).describe("Weave Net, the network that carries multicast, and its Docker API proxy."),
    swarm: section({
      version: version.default("1.2.9").describe("Classic Swarm's version."),
      replication: flag
        .default(true)
        .describe("Managers elect one primary. `false` is the guide's form: every manager acts on its own."),
      strategy: choice(["spread", "binpack", "random"])
        .default("spread")
        .describe("How the manager chooses a host for a container."),
      heartbeat: duration
        .default("10s")
        .describe("How often an agent renews its entry in Consul. An agent that misses three renewals is dropped."),
    }).describe(
      `Classic Swarm: a manager on port ${numbered.swarmManager.number} and an agent, as containers on each host.`,
    ),
    firewall: section({
      managed: flag
        .default(false)
        .describe(
          "Close the cluster's ports on every host to all but the cluster's hosts and `operators`, by an nftables table of the project's own, and let these in where iptables or ufw deny by default. No rule of others is touched. See [firewall.md](firewall.md).",
        ),
      operators: list(addressOrRange, "a list of IPv4 addresses and ranges")
        .default([])
        .describe(
          "Who may use the cluster's ports beside its hosts, as the hosts see them: the machine that deploys, and whoever uses Swarm's, Weave's and Consul's APIs. Whoever is listed can become root on every host. A range has a prefix of 16 or more.",
        ),
    }).describe("Who reaches the cluster's ports."),
    security: orStrict({
      dockerTls: flag
        .optional()
        .describe(
          "Serve the Docker API of every host (Weave's proxy) and of the Swarm (its managers) with TLS alone, to those who have a certificate of the cluster's authority. `scripts/pki` makes the certificates. `false` goes back to the open form: keep the line until that is deployed. Without it, everybody who reaches it may use it.",
        ),
      consulTls: flag
        .default(false)
        .describe(
          "Consul's agents talk to its servers with TLS alone, each with its host's certificate (`scripts/pki`), and serve their HTTP API and DNS on loopback. Turning it on or off restarts every agent at the same time. Needs Consul 1.12 or newer, and `consul.bootstrap: expect`. See [security.md](security.md).",
        ),
      consulAcl: flag
        .default(false)
        .describe(
          "Consul serves those alone who have a token: its agents, for what Swarm and they themselves need, and whoever has the management token in the environment variable `TF_VAR_consul_token` (`scripts/keygen --token` prints one). Its HTTP API and DNS are served on loopback alone. Needs Consul 1.15 or newer. Turning it on or off restarts every agent at the same time.",
        ),
      consulTokenChanged: whole(0, Number.MAX_SAFE_INTEGER, "how often the token was changed: a whole number")
        .default(0)
        .describe(
          "Add one when `TF_VAR_consul_token` has a new token: the next deploy then makes those of Consul that follow from it, and takes away the old ones. Restarts every agent at the same time.",
        ),
      weaveEncryption: flag
        .default(false)
        .describe(
          "Weave Net encrypts what it carries between hosts, with the password in the environment variable `TF_VAR_weave_password`. Turning it on or off restarts every router at the same time. See [security.md](security.md).",
        ),
      weavePasswordChanged: whole(0, Number.MAX_SAFE_INTEGER, "how often the password was changed: a whole number")
        .default(0)
        .describe(
          "Add one when `TF_VAR_weave_password` has a new password: the next deploy then gives it to every router, all at the same time.",
        ),
    }).describe(
      "What protects the cluster on a LAN that is not trusted ([security.md](security.md)). `security: strict` turns on every switch of this mapping, and `firewall.managed`.",
    ),
    artifacts: section({
      mirror: matching(/^https?:\/\/[^\s"'$%\\]+[^\s"'$%\\/]$/, "an http(s) URL without a slash at its end")
        .optional()
        .describe(
          "Base URL of a mirror in the datacenter that serves every artifact, or with `registry` all but images. Default: the publishers' own addresses.",
        ),
      directory: filePath
        .optional()
        .describe(
          "Folder of artifacts on the operator's machine, relative to the cluster file; pushed to the hosts over SSH.",
        ),
      registry: matching(
        /^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+|[a-z0-9-]+:\d+)(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/,
        "a registry, with a port and a path where it has them: registry.example:5000/mirror",
      )
        .optional()
        .describe(
          "Registry, and path in it, that every image comes from: with `registry.example/mirror`, `rajchaudhuri/weave:2.9.0` is `registry.example/mirror/rajchaudhuri/weave:2.9.0` there. Images that name a registry themselves come from that one. A login is docker's own, never written here ([sources.md](sources.md)).",
        ),
    }).describe(
      "Where hosts get what they install. Exactly what they install is in `artifacts.lock.json`, which `scripts/lock` writes.",
    ),
    providers: section({
      docker: version.default("4.5.0").describe("Version of kreuzwerker/docker."),
      local: version.default("2.5.3").describe("Version of hashicorp/local."),
      null: version.default("3.2.4").describe("Version of hashicorp/null."),
      platforms: list(
        choice(["linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"]),
        "a list of linux_amd64, linux_arm64, darwin_amd64 and darwin_arm64",
      )
        .default(["linux_amd64", "linux_arm64", "darwin_arm64"])
        .describe(
          "Machines that Terraform runs on, as it names them: `scripts/lock` writes the providers' checksums for these into `.terraform.lock.hcl`. `[]`: it leaves that file alone.",
        ),
      mirror: matching(
        /^(https:\/\/[^\s"'$%\\]+\/|[A-Za-z0-9._~/@+-]+)$/,
        "a path, or an https URL with a slash at its end",
      )
        .optional()
        .describe(
          "Where `scripts/lock` gets the providers' checksums when it cannot reach their registry: a folder that `terraform providers mirror` has filled, or the URL of a network mirror. Terraform itself is told in its CLI configuration.",
        ),
    }).describe("The Terraform providers: versions, and where their checksums come from."),
    backend: mapping(
      {
        type: choice(["local", "consul", "s3", "http", "pg"]).describe("Kind of Terraform backend."),
        config: z
          .record(z.string(), z.unknown(), error("a mapping"))
          .meta(expected("a mapping"))
          .default({})
          .describe("The backend's own settings, as Terraform documents them."),
      },
      "a mapping with type and config",
    )
      .optional()
      .describe("Where Terraform keeps its state. Default: `terraform.NAME.tfstate` beside the output folder."),
    gates: section({
      timeoutSeconds: seconds.default(120).describe("How long each gate waits for the cluster before it fails."),
    }).describe("The gates between the steps: Consul has a leader, Weave sees all peers, Swarm sees all nodes."),
    verify: section({
      image: imageReference
        .default("alpine/socat:1.8.0.3")
        .describe("Image for the network tests of `scripts/verify`; has sh, ping, nc, ip and socat."),
      eventBusImage: imageReference
        .optional()
        .describe(
          "Image of `examples/event-bus` for `scripts/verify --vertx`: `scripts/lock` locks it, and the test loads it on the hosts while it runs. Default: multicast-swarm/event-bus:1, which must already be on the hosts.",
        ),
    }).describe("What `scripts/verify` uses."),
  },
  "a mapping with name and hosts",
).describe("multicast-swarm cluster file");

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What `security: strict` is short for is filled in first, so that all else knows single switches alone. */
export const clusterFileSchema = z.preprocess((file) => {
  if (!isMapping(file) || file.security !== strict.word) {
    return file;
  }
  const { firewall = {} } = file;
  const closed = isMapping(firewall) ? { ...strict.firewall, ...firewall } : firewall;
  return { ...file, security: strict.security, firewall: closed };
}, clusterFile);

/** The cluster file as written, defaults filled in. */
export type ClusterFile = z.infer<typeof clusterFile>;
