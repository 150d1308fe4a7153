#!/bin/sh
# The deploy has come to its end: what it no longer asks for is taken off, and this host is free for another one.
# Arguments: firewall=managed, or none
. "$(dirname "$0")/lib.sh"

if [ "$*" != firewall=managed ] && recorded unit "$firewall_unit" && [ -e "/etc/systemd/system/$firewall_unit" ]; then
  systemctl disable -q --now "$firewall_unit"
  rm -f "/etc/systemd/system/$firewall_unit" "$state/firewall.nft" "$state/firewall.iptables" "$state/firewall-let-in.sh"
  systemctl daemon-reload
  changed "$firewall_unit (removed): the cluster's ports are open to everybody whom no other firewall keeps out"
fi
# A step that was killed may have left what it was sent.
rm -f "$secrets"/*
# Before 0.2.0 the gossip key was sent there.
rm -f "$sent/consul/encrypt.json"
let_go
changed "hold of this host (released)"
