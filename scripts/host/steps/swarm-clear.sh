#!/bin/sh
# Swarm's containers of a rebuilt host's earlier life are gone, once, before new ones are made.
# Terraform has forgotten them: where the machine is new there are none, where only `rebuilt` was raised they still run.
# Arguments: rebuilt=N (how often the host was rebuilt)
. "$(dirname "$0")/lib.sh"
rebuilt=''
take "rebuilt" "$@"

if [ "$(note swarm-rebuilt)" = "$rebuilt" ]; then
  found "Swarm's containers are of this life of the host"
  exit 0
fi
remove_swarm_containers
note swarm-rebuilt "$rebuilt"
