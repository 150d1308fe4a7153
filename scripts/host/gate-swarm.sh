#!/bin/sh
# Gate: the Swarm manager of this host sees every agent of the cluster file as healthy.
# Arguments: timeout=SECONDS
. "$(dirname "$0")/lib.sh"
timeout=''
take "timeout" "$@"

# Lines "ADDRESS STATUS" of the nodes that the manager knows.
nodes() {
  docker -H tcp://127.0.0.1:4000 info 2>/dev/null | awk '
    /: [0-9.]+:12375$/ { node = $NF; sub(/:12375$/, "", node) }
    /Status: / { sub(/.*Status: /, ""); if (node != "") print node, $0; node = "" }'
}
# Lines "NAME (ADDRESS) is STATUS" of the agents that are not healthy.
unwell() {
  # The hosts are read first: a manager that says nothing must not make them pass for its answer.
  nodes | awk -F'\t' '
    FNR == NR { if ($5 == "yes") { order[++n] = $2; name[$2] = $1 } next }
    { split($0, f, " "); status[f[1]] = f[2] }
    END {
      for (i = 1; i <= n; i++) {
        address = order[i]
        if (status[address] != "Healthy") printf "%s (%s) is %s; ", name[address], address, status[address] ? status[address] : "unknown"
      }
    }' "$sent/hosts.tsv" -
}
complete() { [ -z "$(unwell)" ]; }
if until_true "$timeout" complete; then
  found "Swarm: $(nodes | grep -c 'Healthy$') healthy nodes"
  exit 0
fi
die "after $timeout s the Swarm manager here does not see all nodes healthy: $(unwell)see docker logs swarm-manager here and swarm-agent there. scripts/diagnose collects what is needed to find out why"
