#!/bin/sh
# A host that was lost for good is a member no longer: this host takes over its containers' addresses, Swarm takes it
# off its list, and Consul stops waiting for it. Run on one host.
# Arguments: name=HOST address=IP (of the one that was lost)
. "$(dirname "$0")/lib.sh"
name='' address=''
take "name address" "$@"

peer=$(peer_name "$address")
set -a
# shellcheck disable=SC1091
. /etc/default/weave
set +a
if weave status ipam | grep -qi "^$peer"; then
  changed "Weave: $(weave rmpeer "$peer" | tr -d '\r')"
else
  found "Weave: no addresses of $name ($peer)"
fi

remove_node "$address"
if consul members | awk -v name="$name" '$1 == name && $3 != "left" { found = 1 } END { exit !found }'; then
  consul force-leave "$name"
  changed "Consul: $name has left"
else
  found "Consul: no member $name"
fi
