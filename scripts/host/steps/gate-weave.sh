#!/bin/sh
# Gate: every pair of Weave peers has an established connection. Run on one host: peers tell each other what they see.
# Arguments: timeout=SECONDS
. "$(dirname "$0")/lib.sh"
. "$here/images.sh"
. "$here/weave.sh"
timeout=''
take "timeout" "$@"

weave_env
count=$(hosts all | wc -l)
complete() {
  peers=$(weave_status | tr -d '\r' | sed -n 's/^ *Peers: //p')
  printf '%s\n' "$peers" | awk -v hosts="$count" '{ n = $1; for (i = 2; i <= NF; i++) if ($i == "(with") links = $(i + 1) }
    END { exit !(n == hosts && links + 0 == hosts * (hosts - 1)) }'
}
if until_true "$timeout" complete; then
  found "Weave: Peers: $peers"
  exit 0
fi
# connected yes|no ROLE: the hosts with that role to which this one has, or has not, a connection.
connected() {
  {
    hosts "$2" | sed 's/^/host /'
    weave_status connections | tr -d '\r'
  } | awk -v wanted="$1" -v own=" $(hostname -I)" '
    $1 == "host" { if (!index(own, " " $3 " ")) { order[++n] = $3; name[$3] = $2 } next }
    / established / { sub(/:[0-9]+$/, "", $2); up[$2] = 1 }
    END { for (i = 1; i <= n; i++) if ((order[i] in up) == (wanted == "yes")) printf "%s (%s) ", name[order[i]], order[i] }'
}
running=$(connected yes down)
[ -z "$running" ] ||
  die "after $timeout s Weave is still connected to ${running}which the cluster file says is down: switch it off, or delete \`down: true\`, and deploy again"
missing=$(connected no all)
die "after $timeout s Weave shows Peers: $peers; needed $count with $((count * (count - 1))) established connections; no connection from here to: ${missing:-none}. Are $port_weave_peers/tcp and $port_weave_peers-$port_weave_fast_datapath/udp open? See journalctl -u weave there. scripts/diagnose collects what is needed to find out why"
