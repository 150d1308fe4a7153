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
  nodes | awk -F'\t' 'FNR == NR { split($0, f, " "); status[f[1]] = f[2]; next }
    $5 == "yes" && status[$2] != "Healthy" { printf "%s (%s) is %s; ", $1, $2, status[$2] ? status[$2] : "unknown" }' - "$sent/hosts.tsv"
}
complete() { [ -z "$(unwell)" ]; }
if until_true "$timeout" complete; then
  found "Swarm: $(nodes | grep -c 'Healthy$') healthy nodes"
  exit 0
fi
die "after $timeout s the Swarm manager here does not see all nodes healthy: $(unwell)see docker logs swarm-manager here and swarm-agent there. scripts/diagnose collects what is needed to find out why"
