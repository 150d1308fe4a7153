#!/bin/sh
# Gate: every pair of Weave peers has an established connection. Run on one host: peers tell each other what they see.
# Arguments: timeout=SECONDS
. "$(dirname "$0")/lib.sh"
timeout=''
take "timeout" "$@"

weave_env
count=$(hosts all | wc -l)
peers() { weave status 2>/dev/null | tr -d '\r' | sed -n 's/^ *Peers: //p'; }
complete() {
  peers | awk -v hosts="$count" '{ n = $1; for (i = 2; i <= NF; i++) if ($i == "(with") links = $(i + 1) }
    END { exit !(n == hosts && links + 0 == hosts * (hosts - 1)) }'
}
if until_true "$timeout" complete; then
  found "Weave: Peers: $(peers)"
  exit 0
fi
missing=$({
  hosts all | sed 's/^/host /'
  weave status connections 2>/dev/null | tr -d '\r'
} | awk -v own=" $(hostname -I)" '
  $1 == "host" { if (!index(own, " " $3 " ")) { order[++n] = $3; name[$3] = $2 } next }
  / established / { sub(/:[0-9]+$/, "", $2); up[$2] = 1 }
  END { for (i = 1; i <= n; i++) if (!up[order[i]]) printf "%s (%s) ", name[order[i]], order[i] }')
die "after $timeout s Weave shows Peers: $(peers); needed $count with $((count * (count - 1))) established connections; no connection from here to: ${missing:-none}. Are $port_weave_peers/tcp and $port_weave_peers-$port_weave_fast_datapath/udp open? See journalctl -u weave there. scripts/diagnose collects what is needed to find out why"
