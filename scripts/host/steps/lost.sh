#!/bin/sh
# Forgets a host that was lost for good: this host takes over its containers' addresses, and the lost one leaves
# Swarm's nodes and Consul's members. Run on one host, a server of Consul's.
# Sent where Consul asks for it: consul-tokens, whose first line is the management token. It does not stay here.
# Arguments: name=HOST address=IP (of the one that was lost)
. "$(dirname "$0")/lib.sh"
. "$here/images.sh"
. "$here/weave.sh"
. "$here/swarm.sh"
name='' address=''
take "name address" "$@"
trap 'rm -f "$secrets/consul-tokens"' EXIT
trap 'exit 1' HUP INT TERM

# Another host of the cluster whose router answers.
other_router() {
  hosts all | while read -r other other_address; do
    ! connects "$other_address" "$port_weave_peers" || echo "$other ($other_address)"
  done | head -n 1
}

peer=$(peer_name "$address")
if ! systemctl is-active -q weave.service; then
  # Passing over it here would mean that nobody ever does it.
  router=$(other_router)
  [ -z "$router" ] ||
    die "no router runs here that could take over the addresses of $name, and one runs on $router: start weave.service, or, if this host is new or rebuilt, take out lost hosts in one deploy and add or rebuild hosts in the next"
  found "Weave: no router that could take over addresses of $name ($peer)"
else
  weave_env
  ranges=$(weave status ipam 2>&1) || die "Weave does not say who has which addresses: $ranges"
  if printf '%s\n' "$ranges" | grep -qi "^$peer"; then
    said=$(weave rmpeer "$peer" 2>&1) || die "Weave does not take over the addresses of $name ($peer): $said"
    changed "Weave: $(printf %s "$said" | tr -d '\r')"
  else
    found "Weave: no addresses of $name ($peer)"
  fi
fi

remove_node "$address"
if ! members=$(consul members 2>/dev/null); then
  found "Consul: no agent here that could tell the others that $name is lost"
else
  case $(printf '%s\n' "$members" | awk -v name="$name" '$1 == name { print $3 }') in
    '') found "Consul: no member $name" ;;
    # Autopilot may have been quicker: it removes a server that is missing.
    left) found "Consul: $name has left already" ;;
    *)
      left=$(CONSUL_HTTP_TOKEN=$(sed -n 1p "$secrets/consul-tokens" 2>/dev/null || true) consul force-leave "$name" 2>&1) ||
        die "Consul does not put $name out: $left. Where it denies that, take out lost hosts in one deploy, and change security.consulAcl or its token in the next"
      changed "Consul: $name has left"
      ;;
  esac
fi
