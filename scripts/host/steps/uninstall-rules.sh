# What an engine leaves in the kernel: rules, sets, policies. Sourced by uninstall.sh.
# shellcheck shell=sh disable=SC2154

# engine_rules: from what iptables-save prints, what iptables-restore needs to remove the engine's own chains and rules, of
# versions 20.10 to 29. Rules of others that name docker0 stay. An exact form for each rule, as iptables-save writes it.
engine_rules() {
  awk '
    function chain(name) { return name ~ /^DOCKER(-[A-Z0-9-]+)?$/ }
    function engines() {
      return /^-A [^ ]+ .*-j DOCKER(-[A-Z0-9-]+)?$/ ||
        /^-A FORWARD (-o docker0|-m set --match-set docker-ext-bridges-v[46] dst) -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT$/ ||
        /^-A FORWARD -i docker0 (! -o docker0 )?-j ACCEPT$/ ||
        /^-A FORWARD -i docker0 -o docker0 -j (ACCEPT|DROP)$/ ||
        /^-A POSTROUTING -s [0-9a-f.:]+\/[0-9]+ ! -o docker0 -j (MASQUERADE|SNAT --to-source [0-9a-f.:]+)$/ ||
        /^-A POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE$/
    }
    /^\*/ { table = $0; rules = flushed = removed = "" }
    /^:/ && chain(substr($1, 2)) { flushed = flushed "-F " substr($1, 2) "\n"; removed = removed "-X " substr($1, 2) "\n" }
    /^-A / && !chain($2) && engines() { sub(/^-A/, "-D"); rules = rules $0 "\n" }
    /^COMMIT/ && (rules flushed) != "" { printf "%s\n%s%s%sCOMMIT\n", table, rules, flushed, removed }'
}

# Whoever else has packets forwarded by this host: a line for each.
forwarders() {
  for interface in /sys/class/net/*; do
    name=${interface##*/}
    case $name in docker0 | weave) continue ;; esac
    if [ -d "$interface/bridge" ]; then
      echo "bridge $name"
    elif [ -e "$interface/tun_flags" ] || grep -qsx DEVTYPE=wireguard "$interface/uevent"; then
      echo "tunnel $name"
    fi
  done
  for family in iptables ip6tables; do
    $family-save 2>/dev/null | awk '/^\*/ { table = $1 } / docker0( |$)/ { next }
      (table == "*filter" && /^-A FORWARD /) || (table == "*nat" && /^-A POSTROUTING /) { sub(/^-A /, ""); print "rule " $0 }'
  done
  grep -ls '^ *-\{0,1\}net[./]ipv4[./]\(ip_forward\|conf[./]all[./]forwarding\) *= *1' /etc/sysctl.conf /etc/sysctl.d/*.conf \
    /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf || true
}

# The engine's rules and settings outlive it in the kernel: with a policy that forwards nothing.
forget_engine() {
  ip link delete docker0 2>/dev/null || true
  for family in iptables ip6tables; do
    rules=$($family-save 2>/dev/null | engine_rules)
    [ -n "$rules" ] || continue
    printf '%s\n' "$rules" | $family-restore -w --noflush || die "$family-restore does not remove the engine's rules"
    changed "the engine's rules ($family, removed)"
  done
  # An engine of version 29 that was told to use nftables, and the sets of one of version 28.0.
  for family in ip ip6; do nft delete table $family docker-bridges 2>/dev/null || true; done
  for set in docker-ext-bridges-v4 docker-ext-bridges-v6; do ipset destroy $set 2>/dev/null || true; done

  # Where packets were forwarded before, the engine has changed neither.
  before=$(note engine-before)
  before=${before:-1 DROP}
  if [ "${before%% *}" != 0 ] || [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ]; then return 0; fi
  others=$(forwarders | sed 's/$/;/' | tr '\n' ' ')
  if [ -n "$others" ]; then
    found "others that forward packets: ${others}net.ipv4.ip_forward stays 1, and the policy of FORWARD stays"
    return 0
  fi
  echo 0 >/proc/sys/net/ipv4/ip_forward
  changed "net.ipv4.ip_forward (0, as before)"
  # shellcheck disable=SC2086
  set -- $before
  for family in iptables ip6tables; do
    shift
    [ "$(forward_policy $family)" != DROP ] || [ "${1:-DROP}" = DROP ] || $family -w -P FORWARD "$1"
  done
}
