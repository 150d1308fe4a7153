#!/bin/sh
# This host leaves a cluster that goes on without it: its containers' addresses go to the other Weave peers, and
# Consul's servers count it no longer. What is installed stays, for uninstall.sh.
. "$(dirname "$0")/lib.sh"

if docker version >/dev/null 2>&1; then
  remove_swarm_containers
  if systemctl is-active -q weave.service; then
    weave_env
    # Only a router that runs can give its addresses away.
    weave reset --force >/dev/null || die "Weave does not hand over its addresses: see journalctl -u weave"
    systemctl stop weave.service
    changed "Weave Net (this peer has left)"
  else
    found "weave.service not running: this peer's addresses stay reserved until scripts/verify says how to free them"
  fi
fi
if systemctl is-active -q consul.service; then
  for address in $(hostname -I); do remove_node "$address"; done
  left=$(timeout 60 consul leave 2>&1) || die "consul leave failed: $left"
  changed "Consul (this agent has left)"
else
  found "consul.service not running: there is nothing to leave"
fi
