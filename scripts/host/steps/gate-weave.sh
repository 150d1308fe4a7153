#!/bin/sh
# Gate: every pair of Weave peers has an established connection. Run on one host: peers tell each other what they see.
# Arguments: timeout=SECONDS
. "$(dirname "$0")/lib.sh"
timeout=''
take "timeout" "$@"

set -a
# shellcheck disable=SC1091
[ ! -f /etc/default/weave ] || . /etc/default/weave
set +a
hosts=$(wc -l <"$sent/hosts.tsv")
peers() { weave status 2>/dev/null | tr -d '\r' | sed -n 's/^ *Peers: //p'; }
complete() {
  peers | awk -v hosts="$hosts" '{ n = $1; for (i = 2; i <= NF; i++) if ($i == "(with") links = $(i + 1) }
    END { exit !(n == hosts && links + 0 == hosts * (hosts - 1)) }'
}
if until_true "$timeout" complete; then
  found "Weave: Peers: $(peers)"
  exit 0
fi
missing=$(weave status connections 2>/dev/null | tr -d '\r' | awk -F'\t' -v own=" $(hostname -I)" '
  FNR == NR { if (!index(own, " " $2 " ")) { order[++n] = $2; name[$2] = $1 } next }
  / established / { split($0, f, " "); sub(/:[0-9]+$/, "", f[2]); up[f[2]] = 1 }
  END { for (i = 1; i <= n; i++) if (!up[order[i]]) printf "%s (%s) ", name[order[i]], order[i] }' "$sent/hosts.tsv" -)
die "after $timeout s Weave shows Peers: $(peers); needed $hosts with $((hosts * (hosts - 1))) established connections; no connection from here to: ${missing:-none}. Are 6783/tcp and 6783-6784/udp open? See journalctl -u weave there. scripts/diagnose collects what is needed to find out why"
