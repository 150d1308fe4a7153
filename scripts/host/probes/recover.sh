#!/bin/sh
# After a deploy whose Terraform was killed: waits for the steps that it has left running on this host, and removes the
# containers that it was creating and could not write down. Sent by scripts/recover; needs nothing of the deploy's.
# Arguments: CLUSTER SECONDS [ID…] (how long to wait; the containers that Terraform's state knows)
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cluster=$1 seconds=$2
shift 2
say() { printf '%s recover: %s\n' "$(uname -n)" "$*"; }

# The brackets keep this very search from finding itself.
left_running() { grep -lsa '[.]multicast-swarm/scripts/[a-z-]*[.]sh' /proc/[0-9]*/cmdline; }
if left_running >/dev/null; then
  say "found a step that still runs: waiting for it"
  end=$(($(date +%s) + seconds))
  while left_running >/dev/null; do
    if [ "$(date +%s)" -ge "$end" ]; then
      process=$(left_running | head -n 1)
      say "ERROR: after $seconds s a step still runs: $(tr '\0' ' ' <"$process")(${process%/cmdline})" >&2
      exit 1
    fi
    sleep 0.5
  done
fi

unknown=0
if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
  for container in $(docker ps -aq --no-trunc --filter "label=multicast-swarm=$cluster"); do
    case " $* " in *" $container "*) continue ;; esac
    name=$(docker inspect -f '{{.Name}}' "$container")
    docker rm -f "$container" >/dev/null
    say "changed ${name#/}: removed, Terraform's state does not know it"
    unknown=$((unknown + 1))
  done
fi
[ $unknown -gt 0 ] || say "found no container that Terraform's state does not know"
