#!/bin/sh
# Consul's agent runs as a service, with its configuration. Guide: "Configuring", "systemd Service" and "Bootstrapping".
# Restarts a running agent only when binary, unit or configuration differ from what it was started with, and puts a new
# binary and unit in place only then.
# Arguments: role=server|client data_dir=DIR datacenter=NAME servers=N (how many voters the cluster has) timeout=SECONDS
. "$(dirname "$0")/lib.sh"
. "$here/artifacts.sh"
. "$here/consul.sh"
. "$here/consul-agent.sh"
role='' data_dir='' datacenter='' servers='' timeout=''
take "role data_dir datacenter servers timeout" "$@"

config_dir=/etc/consul.d/$role
prepare_agent "$config_dir" config.json

binary=$consul_binary
[ ! -f "$consul_next" ] || binary=$consul_next
report=$("$binary" validate "$config_dir" 2>&1) || die "consul refuses the configuration in $config_dir: $report"

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

wanted=$({
  cat "$binary"
  unit_text "$role"
  cat "$config_dir"/*.json
} | sha256sum | cut -d' ' -f1)
running=no
systemctl is-active -q consul.service && running=yes
if [ $running = yes ] && [ "$(note consul-running)" = "$wanted" ]; then
  found "consul.service running with this configuration"
  note consul-servers "$servers"
  exit 0
fi

had_leader=no
autopilot | grep -q '^Leader:  *[^ ]' && had_leader=yes
if [ $running = yes ] && [ "$role" = server ] && [ $had_leader = yes ]; then
  until_true "$timeout" cluster_healthy ||
    die "will not restart this Consul server while the cluster is unhealthy: $(autopilot | head -n 3 | tr '\n' ' ')"
fi
place_binary
place_unit "$role"
if [ $running = yes ]; then
  systemctl restart consul.service
  changed "consul.service (restarted)"
else
  systemctl start consul.service
  changed "consul.service (started)"
fi
# Asking is a start of a large program, so it is done when there is somebody to answer.
listening() { ss -Hltn "sport = :$port_consul_http" | grep -q .; }
answers() { listening && consul info >/dev/null 2>&1; }
until_true "$timeout" answers ||
  die "the Consul agent does not answer after $timeout s: $(journal consul.service)"
if [ "$role" = server ] && [ $had_leader = yes ]; then
  until_true "$timeout" cluster_healthy ||
    die "the cluster is not healthy $timeout s after this server's restart: $(autopilot | head -n 3 | tr '\n' ' ')"
fi
note consul-running "$wanted"
note consul-servers "$servers"
