#!/bin/sh
# Gate: every Swarm manager sees the agents of the cluster file, all of them healthy, and no others. Run on one host,
# which asks all managers.
# Arguments: timeout=SECONDS
. "$(dirname "$0")/lib.sh"
timeout=''
take "timeout" "$@"

# Lines "ADDRESS STATUS" of the nodes that the manager at an address knows.
nodes() {
  docker_at "$1" "$port_swarm_manager" info 2>/dev/null | awk -v suffix=":$port_weave_proxy" '
    $NF ~ /^[0-9.]+:[0-9]+$/ && substr($NF, length($NF) - length(suffix) + 1) == suffix {
      node = substr($NF, 1, length($NF) - length(suffix))
    }
    /Status: / { sub(/.*Status: /, ""); if (node != "") print node, $0; node = "" }'
}
# What each manager sees wrong.
unwell() {
  hosts manager | while read -r name address; do
    {
      hosts agent | sed 's/^/host /'
      nodes "$address"
    } | awk -v manager="$name ($address)" '
      $1 == "host" { order[++n] = $3; name[$3] = $2; next }
      {
        status[$1] = $2; answers = 1
        if (!($1 in name)) strangers = strangers ", " $1 " is a node, but not in the cluster file"
      }
      END {
        if (!answers) { printf "the manager on %s shows no nodes; ", manager; exit }
        for (i = 1; i <= n; i++) {
          address = order[i]
          if (status[address] == "Healthy") continue
          seen = seen ", " name[address] " (" address ") is " (status[address] ? status[address] : "unknown")
        }
        seen = seen strangers
        if (seen) printf "on %s %s; ", manager, substr(seen, 3)
      }'
  done
}
complete() { [ -z "$(unwell)" ]; }
if until_true "$timeout" complete; then
  found "Swarm: every manager ($(hosts manager | awk '{ printf "%s%s", sep, $1; sep = " " }')) sees $(hosts agent | wc -l) healthy nodes"
  exit 0
fi
die "after $timeout s not every Swarm manager sees exactly the cluster file's agents, all healthy: $(unwell)see docker logs $manager_container there, and $agent_container on nodes that are missing. scripts/diagnose collects what is needed to find out why"
