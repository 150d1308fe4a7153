#!/bin/sh
# The floor of `scripts/bench deploy`: the same cluster by the parallel ssh script that somebody in a hurry writes. It ends,
# as a deploy does, when every Swarm manager shows all hosts healthy. It checks, records and compares nothing, and works on
# fresh hosts alone.
# Usage: bare.sh FOLDER, with ssh_config, hosts.list, artifacts.lock.json, gossip.key and cluster.yaml in it
set -eu
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
names=$here/../../scripts/host/steps/names.sh
# shellcheck source=scripts/host/steps/names.sh
. "$names"

addresses=$(cut -d' ' -f2 "$folder/hosts.list" | tr '\n' ' ')
fast_datapath=yes
! grep -q 'fastDatapath: false' "$folder/cluster.yaml" || fast_datapath=
# Lines "NAME SOURCE".
artifacts=$(sed -n 's/.*"name":"\([^"]*\)".*"source":"\([^"]*\)".*/\1 \2/p' "$folder/artifacts.lock.json")

# The gossip key goes through standard input: the process list shows arguments, to everyone.
on_host() { # NAME ADDRESS
  {
    cat "$names"
    printf '%s\n' "name=$1 address=$2 addresses='$addresses' fast_datapath=$fast_datapath" "key='$(cat "$folder/gossip.key")'" \
      "artifacts='$artifacts'"
    cat "$here/bare-host.sh"
  } | ssh -F "$folder/ssh_config" "$1" sudo sh -s
}

hosts=
while read -r name address; do
  on_host "$name" "$address" &
  hosts="$hosts $!" last=$name
done <"$folder/hosts.list"
for host in $hosts; do wait "$host"; done

# All managers, as the last host sees them.
ask="for address in $addresses; do DOCKER_API_VERSION=$api_streams docker -H tcp://\$address:$port_swarm_manager info; done"
healthy() { ssh -n -F "$folder/ssh_config" "$last" "$ask" 2>/dev/null | grep -c 'Status: Healthy'; }
count=$(echo "$addresses" | wc -w)
until [ "$(healthy)" = $((count * count)) ]; do sleep 0.5; done
