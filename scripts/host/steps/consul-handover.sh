#!/bin/sh
# The guide's handover: once every other server votes, the bootstrap agent ends and consul.service takes its
# place with the same data. Then everything that consul-start.sh does.
# Arguments: those of consul-start.sh
. "$(dirname "$0")/lib.sh"
. "$here/consul.sh"
. "$here/consul-agent.sh"
# shellcheck disable=SC2034 # consul-start.sh uses the others
role='' data_dir='' datacenter='' servers='' timeout='' turn=''
take "role data_dir datacenter servers timeout turn" "$@"

if systemctl is-active -q consul-bootstrap.service; then
  voters() { consul_servers 127.0.0.1 | grep -c ' voter$' || true; }
  all_vote() { [ "$(voters)" -ge "$servers" ]; }
  until_true "$timeout" all_vote ||
    die "the bootstrap agent sees $(voters) of $servers servers after $timeout s: $(consul members 2>&1 | tr -s ' ' | tail -n +2 | cut -d' ' -f1,3 | tr '\n' ' ')"
  # SIGTERM does not make a server leave; its vote waits for the service.
  systemctl stop consul-bootstrap.service
  changed "consul-bootstrap.service (ended)"
fi
note consul-bootstrapped handed-over
exec sh "$here/consul-start.sh" "$@"
