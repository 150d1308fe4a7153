#!/bin/sh
# Gate: every Swarm manager sees the agents of the cluster file, all of them healthy, and no others; one manager leads,
# and it can place a container. Run on one host, which asks all managers.
# Arguments: timeout=SECONDS replication=true|false (without it every manager leads by itself) image=REFERENCE (one that
# every host has)
. "$(dirname "$0")/lib.sh"
timeout='' replication='' image=''
take "timeout replication image" "$@"

# What a manager says of itself and its nodes: lines "manager NAME ADDRESS", "role ROLE" and "node ADDRESS STATUS".
ask_manager() { # NAME ADDRESS
  echo "manager $1 $2"
  docker_at "$2" "$port_swarm_manager" info 2>/dev/null | awk -v suffix=":$port_weave_proxy" '
    $1 == "Role:" { print "role", $2 }
    # Before the list of nodes, a replica names its primary in the same form.
    $1 == "Nodes:" { nodes = 1 }
    nodes && $NF ~ /^[0-9.]+:[0-9]+$/ && substr($NF, length($NF) - length(suffix) + 1) == suffix {
      node = substr($NF, 1, length($NF) - length(suffix))
    }
    node != "" && /Status: / { sub(/.*Status: /, ""); print "node", node, $0; node = "" }'
}

answers=$(mktemp -d)
trap 'rm -rf "$answers"' EXIT
# Asks all managers, ten at a time: more would be much for a small host, and all that hang together take no longer than
# the one time-out of docker_at.
ask() {
  asking=0
  hosts manager >"$answers/whom"
  while read -r name address; do
    ask_manager "$name" "$address" >"$answers/manager-$name" &
    asking=$((asking + 1))
    [ $((asking % 10)) != 0 ] || wait
  done <"$answers/whom"
  wait
}
answered() { while read -r name _; do cat "$answers/manager-$name"; done <"$answers/whom"; }

# What each manager sees wrong, and whether just one of them leads.
unwell() {
  {
    hosts agent | sed 's/^/host /'
    hosts down | sed 's/^/down /'
    answered
  } | awk -v replication="$replication" '
    function judge(  i, address, seen) {
      if (manager == "") return
      if (!answers) { printf "the manager on %s shows no nodes; ", manager; return }
      for (i = 1; i <= n; i++) {
        address = order[i]
        if (status[address] != "Healthy")
          seen = seen ", " name[address] " (" address ") is " (status[address] ? status[address] : "unknown")
      }
      for (address in down)
        if (status[address] == "Healthy") seen = seen ", " down[address] " (" address ") is down and still counts as Healthy"
      seen = seen strangers
      if (seen) printf "on %s %s; ", manager, substr(seen, 3)
      if (replication != "true" && role != "primary") printf "the manager on %s is %s, not primary; ", manager, role
    }
    $1 == "host" { order[++n] = $3; name[$3] = $2; next }
    # Until its entry expires, half a minute after the host went off, managers would place containers there.
    $1 == "down" { down[$3] = $2; next }
    $1 == "manager" {
      judge()
      manager = $2 " (" $3 ")"; answers = 0; role = "unknown"; strangers = ""; split("", status)
      next
    }
    $1 == "role" { role = $2; if (role == "primary") leaders = leaders (leaders ? ", " : "") manager; next }
    $1 == "node" {
      status[$2] = $3; answers = 1
      if (!($2 in name) && !($2 in down)) strangers = strangers ", " $2 " is a node, but not in the cluster file"
    }
    END {
      judge()
      if (replication == "true" && leaders == "") printf "no manager is primary; "
      if (replication == "true" && leaders ~ /,/) printf "several managers are primary: %s; ", leaders
    }'
}
complete() {
  ask
  complaints=$(unwell)
  [ -z "$complaints" ]
}

if ! until_true "$timeout" complete; then
  die "after $timeout s Swarm is not complete: ${complaints}see docker logs $manager_container there, and $agent_container on nodes that are missing. scripts/diagnose collects what is needed to find out why"
fi

# A primary that was elected a moment ago may not have all nodes yet.
probe=multicast-swarm-gate-$$
placed() {
  placed_status=0
  answer=$(docker_at 127.0.0.1 "$port_swarm_manager" create --name "$probe" --label "$verify_label=gate" "$image" --version 2>&1) ||
    placed_status=1
  docker_at 127.0.0.1 "$port_swarm_manager" rm -f -v "$probe" >/dev/null 2>&1 || true
  return $placed_status
}
answer=''
placed_in_time=yes
until_true "$timeout" placed || placed_in_time=no
[ $placed_in_time = yes ] ||
  die "after $timeout s Swarm does not place a container: $(printf %s "$answer" | tail -n 1). See docker logs $manager_container"
found "Swarm: every manager ($(hosts manager | awk '{ printf "%s%s", sep, $1; sep = " " }')) sees $(hosts agent | wc -l) healthy nodes, and a container can be placed"
