# shellcheck shell=bash
# The lab's network: one namespace with a bridge, the mirror and Terraform in it, and one for each host. Sourced.
# Nothing connects it to the machine's own network.

network_up() {
  # `ip netns` makes /run/netns a mount; whoever finds none takes it away again.
  [ -e /run/netns ] || touch "$LAB/made-run-netns"
  [ -e "/run/netns/$NETNS" ] || ip netns add "$NETNS"
  ip -n "$NETNS" link set lo up
  if ! ip -n "$NETNS" link show lab0 >/dev/null 2>&1; then
    ip -n "$NETNS" link add lab0 type bridge forward_delay 0
  fi
  ip -n "$NETNS" addr replace "$LAB_ADDRESS/24" dev lab0
  ip -n "$NETNS" link set lab0 up
  # The hosts' default gateway says at once that there is no way out, so that nothing waits for an answer.
  in_lab sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
  ip -n "$NETNS" route replace unreachable default
}

# The mirror serves links to what was built, resolved at each request: rebuilt parts need no restart.
mirror_up() {
  local part
  mkdir -p "$LAB/mirror"
  for part in "$CACHE"/mirror/*; do
    [ -e "$part" ] && ln -sfn "$part" "$LAB/mirror/${part##*/}"
  done
  in_lab bash -c "exec 3<>/dev/tcp/$LAB_ADDRESS/80" 2>/dev/null && return
  in_lab setsid busybox httpd -f -p "$LAB_ADDRESS:80" -h "$LAB/mirror" </dev/null >"$LAB/mirror.log" 2>&1 9>&- &
  wait_until 5 in_lab bash -c "exec 3<>/dev/tcp/$LAB_ADDRESS/80" 2>/dev/null ||
    die "the mirror does not answer; see $LAB/mirror.log"
}

# A host's cable: a namespace with eth0, plugged into the bridge. It is renewed at each boot, as a real kernel
# starts with no bridges, iptables rules and addresses of last time. The MAC address stays, as a real card's does:
# with a new one, the other hosts would send to the old one until their ARP entries expire.
plug() {
  local host=$1 address number
  address=$(address_of "$host")
  number=${address##*.}
  unplug "$host"
  ip netns add "$NETNS-$host"
  ip -n "$NETNS" link add "port$number" type veth peer name eth0 address "$(printf '02:00:c6:12:00:%02x' "$number")" netns "$NETNS-$host"
  ip -n "$NETNS" link set "port$number" master lab0 up
  ip -n "$NETNS-$host" link set lo up
  ip -n "$NETNS-$host" addr add "$address/24" dev eth0
  ip -n "$NETNS-$host" link set eth0 up
  ip -n "$NETNS-$host" route add default via "$LAB_ADDRESS"
}

# outside_up HOST ADDRESS: a place for an operator (LAB_PLACE=outside) who reaches that host there and nothing else, by a
# cable of its own, until the host reboots.
outside_up() {
  ip netns add "$NETNS-outside"
  ip -n "$NETNS-$1" link add outside0 type veth peer name eth0 netns "$NETNS-outside"
  ip -n "$NETNS-$1" addr add "$2/24" dev outside0
  ip -n "$NETNS-$1" link set outside0 up
  ip -n "$NETNS-outside" link set lo up
  ip -n "$NETNS-outside" addr add "${2%.*}.254/24" dev eth0
  ip -n "$NETNS-outside" link set eth0 up
}

# Deleting the link first is what makes it gone when this returns; a namespace goes in its own time.
unplug() {
  local address
  address=$(address_of "$1")
  ip -n "$NETNS" link del "port${address##*.}" 2>/dev/null || true
  ip netns del "$NETNS-$1" 2>/dev/null || true
}
