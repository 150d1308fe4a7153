#!/bin/sh
# A host's side of scripts/recover: waits for the steps that a killed deploy has left running, starts the units of ours
# that do not run, and removes the containers that Terraform does not know. Sent after names.sh and tls.sh; needs nothing that the
# deploy has brought.
# Arguments: CLUSTER SECONDS ADDRESS PATIENCE open|tls [ID…]
#   SECONDS to wait for a step that is still running, PATIENCE for Weave's proxy on ADDRESS, which Terraform asks
#   with or without TLS, and the containers that Terraform's state knows
# Exit status: 0 Weave's proxy answers; 3 it does not, and Swarm's containers are removed; 4 nor does the engine, and they
# are left; 1 a step is still running.
# shellcheck disable=SC2154 # names and ports are set by names.sh
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cluster=$1 seconds=$2 address=$3 patience=$4 form=$5
shift 5
say() { printf '%s recover: %s\n' "$(uname -n)" "$*"; }

# A command must not hang because the engine is broken.
docker() { timeout -k 1 20 docker "$@"; }

# The brackets keep this very search from finding itself.
left_running() {
  grep -lsa "[.]${uploads#.}/scripts/[a-z-]*[.]sh" /proc/[0-9]*/cmdline | while read -r process; do
    # A sudo that lost its terminal before it could run the step waits for it for ever, and nothing runs below it.
    [ "$(cat "${process%cmdline}comm" 2>/dev/null)" = sudo ] || echo "$process"
  done | grep .
}
if left_running >/dev/null; then
  say "found a step that is still running: waiting for it"
  end=$(($(date +%s) + seconds))
  while left_running >/dev/null; do
    if [ "$(date +%s)" -ge "$end" ]; then
      process=$(left_running | head -n 1)
      say "ERROR: a step is still running after $seconds s: $(tr '\0' ' ' <"$process")(${process%/cmdline})" >&2
      exit 1
    fi
    sleep 0.5
  done
fi

# ---- the deploy that has this host ----

if [ -e "$hold" ]; then
  say "changed the hold of $(sed -n 1p "$hold"), from $(sed -n 3p "$hold"), since $(sed -n 2p "$hold") (released)"
  rm -f "$hold" "$hold.checked"
fi

# ---- units ----

recorded() { grep -qxF "$*" "$state/created" 2>/dev/null; }
units() { sed -n 's/^unit //p' "$state/created" 2>/dev/null; }
active() { systemctl is-active -q "$1"; }
journal() { journalctl -u "$1" -n 5 -o cat 2>/dev/null | tr '\n' ' '; }

# bring VERB UNIT: starts or restarts it; one that has failed too often is given another chance.
bring() {
  systemctl reset-failed "$2" 2>/dev/null || true
  if timeout "$patience" systemctl "$1" "$2" >/dev/null 2>&1; then
    say "changed $2 (${1}ed)"
  else
    say "found that $2 does not start: $(journal "$2")"
  fi
}

# A step enables a unit when all is there that it needs. One that is not enabled is the next deploy's affair.
for unit in $(units); do
  systemctl is-enabled -q "$unit" 2>/dev/null || continue
  [ "$unit" != weave.service ] || active docker.service || bring start docker.service
  active "$unit" || bring start "$unit"
done

# ---- Weave's proxy, which Terraform asks about the containers ----

# shellcheck disable=SC2046 # a word each
proxy_answers() { timeout -k 1 20 env $(tls) docker -H "tcp://$address:$port_weave_proxy" version >/dev/null 2>&1; }
# Only a unit that runs can come to answer.
proxy_comes() {
  proxy_end=$(($(date +%s) + patience))
  until proxy_answers; do
    active weave.service && [ "$(date +%s)" -lt "$proxy_end" ] || return 1
    sleep 1
  done
}

if ! proxy_comes && recorded unit weave.service && active weave.service; then
  say "found no answer of Weave's proxy, though weave.service runs"
  bring restart weave.service
  proxy_comes || true
fi
result=0
if proxy_answers; then
  served=open
  [ -z "$(tls)" ] || served=tls
  if [ "$served" = "$form" ]; then
    say "found Weave's proxy answering on $address:$port_weave_proxy"
  else
    # A deploy that was to change it has not come to an end.
    say "found Weave's proxy in another form than the cluster file's ($served, not $form)"
    result=3
  fi
else
  result=3
  ! recorded unit weave.service || say "found no answer of Weave's proxy on $address:$port_weave_proxy"
fi

# ---- containers ----

why="Terraform's state does not know it"
if [ $result != 0 ]; then
  why="Terraform cannot ask for it without the proxy"
  set --
fi
if ! docker info >/dev/null 2>&1; then
  ! recorded unit weave.service || say "found no Docker Engine that answers"
  [ $result = 0 ] || result=4
  exit $result
fi
unknown=0
for container in $(docker ps -aq --no-trunc --filter "label=$cluster_label=$cluster"); do
  case " $* " in *" $container "*) continue ;; esac
  name=$(docker inspect -f '{{.Name}}' "$container")
  docker rm -f "$container" >/dev/null
  say "changed ${name#/}: removed, $why"
  unknown=$((unknown + 1))
done
[ $unknown -gt 0 ] || say "found no container that Terraform's state does not know"
exit $result
