# shellcheck shell=bash
# What is there and what answers. Sourced.

answers() { # ADDRESS PORT
  if timeout 1 nsenter --net="/run/netns/$NETNS" -- bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; then echo yes; else echo -; fi
}

lab_status() {
  local host address power
  lab_exists || {
    say "no lab is up"
    return
  }
  printf '%-12s %-14s %-6s %-4s %-7s %-6s %-6s\n' HOST ADDRESS POWER SSH CONSUL WEAVE SWARM
  for host in $(hosts); do
    address=$(address_of "$host")
    if is_on "$host"; then power=on; else power=off; fi
    if [ $power = off ]; then
      printf '%-12s %-14s %-6s\n' "$host" "$address" off
    else
      printf '%-12s %-14s %-6s %-4s %-7s %-6s %-6s\n' "$host" "$address" on \
        "$(answers "$address" 22)" "$(answers "$address" 8500)" "$(answers "$address" 12375)" "$(answers "$address" 4000)"
    fi
  done
  say "login $(cat "$LAB/user"), mirror http://$LAB_ADDRESS $(answers "$LAB_ADDRESS" 80 | sed 's/yes/answers/; s/-/does not answer/'), files in $LAB"
}
