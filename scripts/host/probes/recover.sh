#!/bin/sh
# After a deploy whose Terraform was killed: waits for the steps that it has left running on this host, and removes the
# containers that it was creating and could not record. Sent by scripts/recover, after names.sh; needs nothing that the
# deploy has brought.
# Arguments: CLUSTER SECONDS [ID…] (how long to wait; the containers that Terraform's state knows)
# shellcheck disable=SC2154 # uploads and cluster_label are set by names.sh
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cluster=$1 seconds=$2
shift 2
say() { printf '%s recover: %s\n' "$(uname -n)" "$*"; }

# The brackets keep this very search from finding itself.
left_running() { grep -lsa "[.]${uploads#.}/scripts/[a-z-]*[.]sh" /proc/[0-9]*/cmdline; }
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

unknown=0
if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
  for container in $(docker ps -aq --no-trunc --filter "label=$cluster_label=$cluster"); do
    case " $* " in *" $container "*) continue ;; esac
    name=$(docker inspect -f '{{.Name}}' "$container")
    docker rm -f "$container" >/dev/null
    say "changed ${name#/}: removed, Terraform's state does not know it"
    unknown=$((unknown + 1))
  done
fi
[ $unknown -gt 0 ] || say "found no container that Terraform's state does not know"
