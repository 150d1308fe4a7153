/** Consul's configuration files, as the guide has them ("Configuring"), in the keys of current versions. */
import type { Cluster, Host } from "../cluster/model.js";

type ConsulConfig = Readonly<Record<string, unknown>>;

const common = ({ settings }: Cluster, host: Host): ConsulConfig => ({
  node_name: host.name,
  datacenter: settings.consul.datacenter,
  data_dir: settings.consul.dataDir,
  log_level: settings.consul.logLevel,
  enable_syslog: settings.consul.syslog,
  // Loopback too, so that the command line works on the host itself. Containers reach the LAN address.
  client_addr: `127.0.0.1 ${host.address}`,
  bind_addr: host.address,
  ui_config: { enabled: settings.consul.ui },
  // The tokens are secrets, and in a file of their own.
  ...(settings.security.consulAcl ? { acl: { enabled: true, default_policy: "deny" } } : {}),
});

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

/** `/etc/consul.d/bootstrap/config.json`, for the one server that bootstraps in the guide's own procedure. */
export const bootstrapConfig = (cluster: Cluster, host: Host): ConsulConfig => ({
  server: true,
  bootstrap: true,
  ...common(cluster, host),
});
