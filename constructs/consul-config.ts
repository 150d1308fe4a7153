/** Consul's configuration files, as the guide has them ("Configuring"), in the keys of current versions. */
import type { Cluster, Host } from "../cluster/model.js";
import { consulPki } from "../cluster/names.js";
import { consulClientAddresses } from "../cluster/ports.js";

type ConsulConfig = Readonly<Record<string, unknown>>;

const common = ({ settings }: Cluster, host: Host): ConsulConfig => ({
  node_name: host.name,
  datacenter: settings.consul.datacenter,
  data_dir: settings.consul.dataDir,
  log_level: settings.consul.logLevel,
  enable_syslog: settings.consul.syslog,
  // Loopback too, so that the command line works on the host itself. Containers reach the LAN address.
  client_addr: consulClientAddresses(host, settings).join(" "),
  bind_addr: host.address,
  ui_config: { enabled: settings.consul.ui },
  ...(settings.security.consulTls ? { tls } : {}),
  // The tokens are secrets, and in a file of their own.
  ...(settings.security.consulAcl ? { acl: { enabled: true, default_policy: "deny" } } : {}),
});

/** Agents and servers show each other their certificates, and only a server's names it as one. */
const tls = {
  defaults: {
    ca_file: `${consulPki}/ca.pem`,
    // One file, so that a renewed key comes with its certificate.
    cert_file: `${consulPki}/agent.pem`,
    key_file: `${consulPki}/agent.pem`,
    verify_incoming: true,
    verify_outgoing: true,
  },
  internal_rpc: { verify_server_hostname: true },
};

/** A server starts with the other servers to find, a client with all of them. */
const join = (cluster: Cluster, host: Host) =>
  cluster.servers.filter(({ name }) => name !== host.name).map(({ address }) => address);

/** `/etc/consul.d/server/config.json` or `/etc/consul.d/client/config.json`. */
export function consulConfig(cluster: Cluster, host: Host): ConsulConfig {
  const server = host.consul === "server";
  return {
    server,
    // Ignored once a server has data, so it stays in the file and a rebuilt server joins instead of electing itself.
    ...(server && cluster.settings.consul.bootstrap === "expect" ? { bootstrap_expect: cluster.servers.length } : {}),
    ...common(cluster, host),
    retry_join: join(cluster, host),
  };
}

/** `/etc/consul.d/bootstrap/bootstrap.json`, for the one server that bootstraps in the guide's own procedure. */
export const bootstrapConfig = (cluster: Cluster, host: Host): ConsulConfig => ({
  server: true,
  bootstrap: true,
  ...common(cluster, host),
});
