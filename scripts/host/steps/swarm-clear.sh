#!/bin/sh
# Swarm's containers that Terraform knows nothing of are gone, before it makes new ones. It runs this when it has none of
# this host: the host is new, was rebuilt (where only `rebuilt` was raised they still run), or was down for a while.
# Arguments: rebuilt=N (how often the host was rebuilt)
. "$(dirname "$0")/lib.sh"
. "$here/swarm.sh"
rebuilt=''
take "rebuilt" "$@"

# Before 0.2.0 only rebuilt hosts had this step: with no note of it, a host of that time has containers that Terraform
# does know, unless it was rebuilt since.
before=$(note swarm-rebuilt)
if [ -z "$(note swarm-cleared)" ] && [ "${before:-0}" = "$rebuilt" ]; then
  found "a host on which nothing was cleared yet: its containers, if there are any, stay"
else
  remove_swarm_containers
fi
note swarm-cleared "$rebuilt"
