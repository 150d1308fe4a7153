#!/bin/sh
# This host leaves a cluster that goes on without it: its containers' addresses go to the other Weave peers, and
# Consul's servers no longer count it. What is installed stays, for uninstall.sh.
# A server refuses to leave while any other is unhealthy: the rest might be unable to elect a leader.
# Arguments: address=IP (the host's own) timeout=SECONDS
. "$(dirname "$0")/lib.sh"
. "$here/images.sh"
. "$here/consul.sh"
. "$here/weave.sh"
. "$here/swarm.sh"
address='' timeout=''
take "address timeout" "$@"

# A host that has left may belong to another cluster by now, or run a Consul and Weave of its own.
if [ ! -e "$state/created" ]; then
  found "nothing of multicast-swarm on this host"
  exit 0
fi

# All servers that remain vote and are well: then they are a majority of themselves. Autopilot's word is not enough, since
# it soon forgets a server that is missing, and calls the rest healthy.
rest_is_well() {
  consul_health | grep -qx 'healthy true' || return 1
  {
    hosts server | sed 's/^/host /'
    consul_servers 127.0.0.1 || true
  } | awk -v own="$address" '
    $1 == "host" { if ($3 != own) { rest++; wanted[$3] = 1 } next }
    $4 == "voter" { sub(/:[0-9]+$/, "", $2); if ($2 in wanted) voting++ }
    END { exit !(rest > 0 && voting == rest) }'
}

consul_runs=no
if recorded unit consul.service && systemctl is-active -q consul.service; then consul_runs=yes; fi
if [ $consul_runs = yes ] && consul info 2>/dev/null | grep -q 'server = true'; then
  until_true "$timeout" rest_is_well ||
    die "will not leave while Consul's servers are unhealthy: those that remain may be unable to elect a leader (voting: $(consul_servers 127.0.0.1 | awk '$4 == "voter" { printf "%s ", $1 }')of $(hosts server | awk '{ printf "%s ", $1 }')in the cluster file). Bring the missing servers back first, or remove those that are gone with lost: true"
fi

if docker version >/dev/null 2>&1; then
  remove_swarm_containers
  if recorded unit weave.service && systemctl is-active -q weave.service; then
    weave_env
    # Only a router that runs can give its addresses away.
    weave reset --force >/dev/null || die "Weave does not hand over its addresses: see journalctl -u weave"
    systemctl stop weave.service
    changed "Weave Net (this peer has left)"
  else
    found "weave.service not running: this peer's addresses stay reserved until scripts/verify says how to free them"
  fi
fi

# A server that remains, with a leader and without this host among the voters. Where agents answer on loopback alone, no
# other can be asked: `consul leave` itself waits for the others to take this server's vote, and gate-consul.sh looks at it.
others_lead() {
  case " $(note consul-form)" in *" tls "* | *" tokens-"*) return ;; esac
  hosts server | while read -r _ other; do
    consul_servers "$other" |
      awk -v own="$address:" '$3 == "leader" { leader = 1 } index($2, own) == 1 { counted = 1 } END { exit !(leader && !counted) }' &&
      echo "$other"
  done | grep -q .
}
if [ $consul_runs = yes ]; then
  remove_node "$address"
  left=$(CONSUL_HTTP_TOKEN=$(consul_recovery) timeout 60 consul leave 2>&1) || die "consul leave failed: $left"
  until_true "$timeout" others_lead || die "the servers that remain have no leader $timeout s after this host has left"
  changed "Consul (this agent has left)"
else
  found "consul.service not running: there is nothing to leave"
fi
