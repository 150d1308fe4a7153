#!/bin/sh
# Gate: Consul has a leader and every server of the cluster file votes. Run on one server.
# Arguments: timeout=SECONDS
. "$(dirname "$0")/lib.sh"
timeout=''
take "timeout" "$@"

servers=$(hosts server | wc -l)
peers() { consul operator raft list-peers 2>&1; }
seen() { peers | awk '$4 == "leader" { leader = $1 } $5 == "true" { voters = voters " " $1; n++ } END { printf "%d voters (%s ), leader %s", n, voters, leader ? leader : "none" }'; }
complete() { peers | awk -v servers="$servers" '$4 == "leader" { leader = 1 } $5 == "true" { n++ } END { exit !(leader && n == servers) }'; }

if until_true "$timeout" complete; then
  found "Consul: $(seen)"
  exit 0
fi
missing=$({
  hosts server | sed 's/^/host /'
  peers
} | awk '
  $1 == "host" { order[++n] = $2; address[$2] = $3; next }
  { voter[$1] = $5 == "true" }
  END { for (i = 1; i <= n; i++) if (!voter[order[i]]) printf "%s (%s) ", order[i], address[order[i]] }')
die "after $timeout s Consul shows $(seen), not $servers voters; servers without a vote: ${missing:-none}. See journalctl -u consul there. scripts/diagnose collects what is needed to find out why"
