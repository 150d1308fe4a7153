#!/bin/sh
# Consul's configuration is in place and its agent runs with it. Guide: "Configuring" and "Bootstrapping".
# Restarts a running agent only when binary, unit or configuration differ from what it was started with.
# Arguments: role=server|client data_dir=DIR servers=N (how many voters the cluster has) timeout=SECONDS
. "$(dirname "$0")/lib.sh"
role='' data_dir='' servers='' timeout=''
take "role data_dir servers timeout" "$@"

config_dir=/etc/consul.d/$role
own file "$config_dir/config.json"
put "$config_dir/config.json" root:consul 0640 <"$sent/consul/config.json" || true
. "$here/consul-key.sh"
install_key "$config_dir"

report=$(consul validate "$config_dir" 2>&1) || die "consul refuses the configuration in $config_dir: $report"

# Servers that are only now becoming members cannot vote yet: what counts is how many there were the last time.
voters=$(note consul-servers)
if [ -z "$voters" ] || [ "$voters" -gt "$servers" ]; then voters=$servers; fi

autopilot() { consul operator autopilot state 2>/dev/null; }
# A restarted server counts again when Autopilot calls the whole cluster healthy with every server voting.
cluster_healthy() {
  autopilot | awk -v servers="$voters" '
    /^Healthy:/ { healthy = $2 } /^ *Status: *(leader|voter)/ { voters++ }
    END { exit !(healthy == "true" && voters >= servers) }'
}

wanted=$(hash_of /usr/local/bin/consul /etc/systemd/system/consul.service "$config_dir"/*.json)
if systemctl is-active -q consul.service && [ "$(note consul-running)" = "$wanted" ]; then
  found "consul.service running with this configuration"
  note consul-servers "$servers"
  exit 0
fi

had_leader=no
autopilot | grep -q '^Leader:  *[^ ]' && had_leader=yes
if systemctl is-active -q consul.service; then
  if [ "$role" = server ] && [ $had_leader = yes ] && ! until_true "$timeout" cluster_healthy; then
    die "will not restart this Consul server while the cluster is unhealthy: $(autopilot | head -n 3 | tr '\n' ' ')"
  fi
  systemctl restart consul.service
  changed "consul.service (restarted)"
else
  systemctl start consul.service
  changed "consul.service (started)"
fi
until_true "$timeout" consul info >/dev/null 2>&1 ||
  die "the Consul agent does not answer after $timeout s: $(journal consul.service)"
if [ "$role" = server ] && [ $had_leader = yes ]; then
  until_true "$timeout" cluster_healthy ||
    die "the cluster is not healthy $timeout s after this server's restart: $(autopilot | head -n 3 | tr '\n' ' ')"
fi
note consul-running "$wanted"
note consul-servers "$servers"
