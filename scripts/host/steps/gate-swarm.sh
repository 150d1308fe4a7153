#!/bin/sh
# Gate: every Swarm manager sees the agents of the cluster file, all of them healthy, and no others. Run on one host,
# which asks all managers.
# Arguments: timeout=SECONDS
. "$(dirname "$0")/lib.sh"
timeout=''
take "timeout" "$@"

# Lines "ADDRESS STATUS" of the nodes that the manager at an address knows.
nodes() {
  timeout 10 docker -H "tcp://$1:4000" info 2>/dev/null | awk '
    /: [0-9.]+:12375$/ { node = $NF; sub(/:12375$/, "", node) }
    /Status: / { sub(/.*Status: /, ""); if (node != "") print node, $0; node = "" }'
}
managers() { awk -F'\t' '$4 == "yes" { print $1, $2 }' "$sent/hosts.tsv"; }
# What each manager sees wrong.
unwell() {
  managers | while read -r name address; do
    # The hosts are read first: a manager that says nothing must not make them pass for its answer.
    nodes "$address" | awk -F'\t' -v manager="$name ($address)" '
      FNR == NR { if ($5 == "yes") { order[++n] = $2; name[$2] = $1 } next }
      {
        split($0, f, " "); status[f[1]] = f[2]; answers = 1
        if (!(f[1] in name)) strangers = strangers ", " f[1] " is a node, but not in the cluster file"
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
      }' "$sent/hosts.tsv" -
  done
}
complete() { [ -z "$(unwell)" ]; }
if until_true "$timeout" complete; then
  found "Swarm: every manager ($(managers | awk '{ printf "%s%s", sep, $1; sep = " " }')) sees $(awk -F'\t' '$5 == "yes"' "$sent/hosts.tsv" | wc -l) healthy nodes"
  exit 0
fi
die "after $timeout s not every Swarm manager sees exactly the cluster file's agents, all healthy: $(unwell)see docker logs swarm-manager there, and swarm-agent on nodes that are missing. scripts/diagnose collects what is needed to find out why"
