#!/bin/sh
# The guide's first server: an agent with "bootstrap": true runs until the other servers are there
# ("Bootstrapping"); consul-handover.sh ends it. Refuses to make a second cluster.
# Arguments: data_dir=DIR datacenter=NAME others=ADDRESS,… (the other servers; - for none) timeout=SECONDS
. "$(dirname "$0")/lib.sh"
. "$here/artifacts.sh"
. "$here/consul.sh"
. "$here/consul-agent.sh"
# shellcheck disable=SC2034 # consul-agent.sh reads datacenter
data_dir='' datacenter='' others='' timeout=''
take "data_dir datacenter others timeout" "$@"

if [ "$(note consul-bootstrapped)" = handed-over ]; then
  found "this server was bootstrapped and handed over before"
  exit 0
fi
[ "$others" = - ] && others=
perl -e 1 || die "cannot run perl, and so cannot ask the other servers whether they have a leader"
for other in $(printf %s "$others" | tr ',' ' '); do
  leader=$(consul_servers "$other" | awk '$3 == "leader" { print $1 }')
  [ -z "$leader" ] ||
    die "refuses to bootstrap: the server $other is already in a cluster led by $leader; this host can only join it (consul.bootstrap: expect)"
done
if systemctl is-active -q consul-bootstrap.service; then
  found "the bootstrap agent running"
else
  if [ "$(note consul-bootstrapped)" != begun ] && [ -e "$data_dir/raft" ]; then
    die "refuses to bootstrap: $data_dir holds the data of an earlier cluster; move it away if that cluster is gone for good"
  fi
  own_directory /etc/consul.d/bootstrap root:consul 0750
  check_agent
  place_key /etc/consul.d/bootstrap
  place_config /etc/consul.d/bootstrap bootstrap.json
  place_binary
  note consul-bootstrapped begun
  # Consul ends with 1 when it is told to: without --collect, the unit would stay behind as a failed one.
  systemd-run -q --collect --unit=consul-bootstrap --uid=consul --gid=consul --description='Consul bootstrap agent (ends at the handover)' \
    /usr/local/bin/consul agent -config-dir /etc/consul.d/bootstrap
  changed "consul-bootstrap.service (started, transient)"
fi
has_leader() { consul_servers 127.0.0.1 | grep -qw leader; }
until_true "$timeout" has_leader ||
  die "the bootstrap agent has not elected itself after $timeout s: $(journal consul-bootstrap.service)"
