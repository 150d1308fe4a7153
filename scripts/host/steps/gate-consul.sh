#!/bin/sh
# Gate: Consul has a leader, every server of the cluster file votes, and every host is a living member. Run on one server.
# Arguments: timeout=SECONDS
. "$(dirname "$0")/lib.sh"
. "$here/consul.sh"
timeout=''
take "timeout" "$@"

servers=$(hosts server | wc -l)
# A server that is down may have a vote until Autopilot takes it.
down=" $(hosts down | cut -d' ' -f1 | tr '\n' ' ')"
seen() { consul_servers 127.0.0.1 | awk '$3 == "leader" { leader = $1 } $4 == "voter" { voters = voters " " $1; n++ } END { printf "%d voters (%s ), leader %s", n, voters, leader ? leader : "none" }'; }
led() { consul_servers 127.0.0.1 | awk -v servers="$servers" -v down="$down" '$3 == "leader" { leader = 1 } $4 == "voter" && !index(down, " " $1 " ") { n++ } END { exit !(leader && n == servers) }'; }
# Hosts that Consul does not count among its living members.
absent() {
  {
    hosts all | sed 's/^/host /'
    consul_members || true
  } | awk '
    $1 == "host" { order[++n] = $2; address[$2] = $3; next }
    { alive[$1] = 1 }
    END { for (i = 1; i <= n; i++) if (!alive[order[i]]) printf "%s (%s) ", order[i], address[order[i]] }'
}
complete() { led && [ -z "$(absent)" ]; }

if until_true "$timeout" complete; then
  found "Consul: $(seen), $(hosts all | wc -l) members alive"
  exit 0
fi
voteless=$({
  hosts server | sed 's/^/host /'
  consul_servers 127.0.0.1 || true
} | awk '
  $1 == "host" { order[++n] = $2; address[$2] = $3; next }
  { voter[$1] = $4 == "voter" }
  END { for (i = 1; i <= n; i++) if (!voter[order[i]]) printf "%s (%s) ", order[i], address[order[i]] }')
die "after $timeout s Consul shows $(seen), not $servers voters; servers without a vote: ${voteless:-none}; hosts that are no living members: $(absent). See journalctl -u consul there: a gossip key that differs from the cluster's keeps an agent out. scripts/diagnose collects what is needed to find out why"
