#!/bin/sh
# Swarm's manager serves with the certificate that the host has now: one that was started before is restarted. It reads
# the files when it starts.
# Arguments: address=IP timeout=SECONDS
. "$(dirname "$0")/lib.sh"
address='' timeout=''
take "address timeout" "$@"

started=$(docker inspect -f '{{.State.StartedAt}}' "$manager_container") || die "there is no container $manager_container"
newest=$(stat -c %Y "$pki/ca.pem" "$pki/cert.pem" "$pki/key.pem" | sort -n | tail -n 1)
if [ "$(date -d "$started" +%s)" -ge "$newest" ]; then
  found "$manager_container started with this certificate"
else
  docker restart "$manager_container" >/dev/null
  changed "$manager_container (restarted with this certificate)"
fi
until_true "$timeout" docker_at "$address" "$port_swarm_manager" version >/dev/null 2>&1 ||
  die "Swarm's manager does not answer on $address:$port_swarm_manager after $timeout s: $(docker logs --tail 3 "$manager_container" 2>&1 | tr '\n' ' ')"
