#!/bin/sh
# Only the cluster's hosts and its operators reach the cluster's ports on this host, from boot on and before the services
# run. A table of its own: it can only drop, and drops nothing but what is for these ports, so that neither ssh nor anybody's
# rules are concerned, and no other firewall's reload takes it away. Where iptables or ufw deny by default, a chain of its own
# lets the same in.
# Arguments: operators=ADDRESS[/PREFIX],… (who may in beside the hosts; - for nobody)
. "$(dirname "$0")/lib.sh"
. "$here/artifacts.sh"
. "$here/packages.sh"
operators=''
take "operators" "$@"

rules_file=$state/firewall.nft chain_file=$state/firewall.iptables let_in=$state/firewall-let-in.sh

if command -v nft >/dev/null; then
  found "$(nft --version)"
else
  install_packages nftables
fi
nft=$(command -v nft)
recorded unit "$firewall_unit" || ! nft list table inet "$firewall_table" >/dev/null 2>&1 ||
  die "the nftables table inet $firewall_table is there and was not put there by multicast-swarm; remove it (nft delete table inet $firewall_table) and run deploy again"

# elements ADDRESS…: of a set. An empty list of them would be a syntax error.
elements() { [ $# = 0 ] || printf 'elements = { %s }\n' "$(printf '%s\n' "$@" | paste -sd, | sed 's/,/, /g')"; }

# An end of an IPsec tunnel of this host's own, in which ssh might come: a security association with somebody else than the
# hosts, or a program that agrees on such ones.
own_ipsec() {
  ss -Hlun 'sport = :500 or sport = :4500' 2>/dev/null | grep -q . && return
  ip xfrm state 2>/dev/null | awk -v hosts=" $(hosts peers | awk '{ print $2 }' | tr '\n' ' ')" '
    $1 == "src" && !(index(hosts, " " $2 " ") && index(hosts, " " $4 " ")) { others = 1 } END { exit !others }'
}
esp="meta l4proto esp counter drop"
if own_ipsec; then
  found "IPsec of this host's own: ESP is left to it"
  esp="# ESP is left to this host's own IPsec."
fi

# Before conntrack and DNAT, so that a published port, or another interface, is no way round it. What is redirected to
# one of these ports from another is seen afterwards. A container's packets to another host are looked at here as well: there
# they would come from this host's address.
# shellcheck disable=SC2046 # words, one for each address
rules() {
  cat <<END
# Written by multicast-swarm: firewall.managed of the cluster file. $firewall_unit loads it.
table inet $firewall_table
delete table inet $firewall_table
table inet $firewall_table {
  set hosts {
    type ipv4_addr
    $(elements $(hosts peers | awk '{ print $2 }'))
  }
  set operators {
    type ipv4_addr
    flags interval
    $(elements $(printf %s "${operators#-}" | tr ',' ' '))
  }
  chain strangers {
    iif "lo" accept
    ip saddr @hosts accept
    ip saddr @operators accept
    tcp dport { $guarded_tcp } counter drop
    udp dport { $guarded_udp } counter drop
    $esp
  }
  chain arriving {
    type filter hook prerouting priority -300; policy accept;
    fib daddr type local goto strangers
    ip daddr @hosts goto strangers
  }
  chain redirected {
    type filter hook input priority -10; policy accept;
    goto strangers
  }
}
END
}

# What is not for the cluster's ports goes back to the host's own rules at once.
chain() {
  cat <<END
# Written by multicast-swarm: firewall.managed of the cluster file. $firewall_unit loads it.
*filter
:$firewall_chain - [0:0]
-A $firewall_chain -p tcp -m multiport ! --dports $guarded_tcp -j RETURN
-A $firewall_chain -p udp -m multiport ! --dports $guarded_udp -j RETURN
-A $firewall_chain -i lo -p tcp -j ACCEPT
-A $firewall_chain -i lo -p udp -j ACCEPT
$(for source in $(hosts peers | awk '{ print $2 }') $(printf %s "${operators#-}" | tr ',' ' '); do
    for protocol in tcp udp esp; do echo "-A $firewall_chain -s $source -p $protocol -j ACCEPT"; done
  done)
COMMIT
END
}

# What flushes all tables takes this one along: whenever the host's own rules are loaded in that way, it comes back.
unit() {
  cat <<END
[Unit]
Description=Allow-list of the cluster's ports
DefaultDependencies=no
RequiresMountsFor=$state
Wants=network-pre.target
After=nftables.service netfilter-persistent.service ufw.service
Before=network-pre.target shutdown.target consul.service docker.service weave.service
Conflicts=shutdown.target
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service netfilter-persistent.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$nft -f $rules_file
ExecStart=/bin/sh $let_in load
ExecReload=$nft -f $rules_file
ExecReload=/bin/sh $let_in load
ExecStop=-$nft delete table inet $firewall_table
ExecStop=-/bin/sh $let_in remove

[Install]
WantedBy=multi-user.target nftables.service
END
}

fresh=no
own file "$rules_file"
if put "$rules_file" root:root 0644 rules; then fresh=yes; fi
own file "$chain_file"
if put "$chain_file" root:root 0644 chain; then fresh=yes; fi
own file "$let_in"
if put "$let_in" root:root 0644 cat "$here/names.sh" "$here/firewall-let-in.sh"; then fresh=yes; fi
$nft -c -f "$rules_file" || die "nft refuses $rules_file (above: what it says); the kernel may be without nf_tables"
own unit "$firewall_unit"
if put "/etc/systemd/system/$firewall_unit" root:root 0644 unit; then
  systemctl daemon-reload
  fresh=yes
fi
systemctl enable -q "$firewall_unit"

is_loaded() { systemctl is-active -q "$firewall_unit" && nft list table inet "$firewall_table" >/dev/null 2>&1; }
if [ $fresh = no ] && is_loaded; then
  found "the allow-list of the cluster's ports loaded"
else
  # In one go: between the old list and the new one, nothing is open.
  systemctl reload-or-restart "$firewall_unit" || die "$firewall_unit does not start: $(journal "$firewall_unit")"
  is_loaded || die "$firewall_unit has started, and the table inet $firewall_table is not there: $(journal "$firewall_unit")"
  changed "$firewall_unit (loaded): the cluster's ports are open to $(hosts peers | wc -l) hosts and to ${operators#-}"
fi
