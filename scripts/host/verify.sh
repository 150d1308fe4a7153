#!/bin/sh
# A host's side of scripts/verify: what it sees of the cluster, and tests of the containers' network.
# Changes nothing on the host but for containers that carry the label multicast-swarm.verify=RUN and end by themselves
# after five minutes, should nobody be left to remove them.
#
#   sh -s -- observe ADDRESS IMAGE           what Consul, Weave Net and Swarm say here
#   sh -s -- ping RUN IMAGE apart|together   two containers by way of this Swarm manager, which ping each other by name
#   sh -s -- listen RUN IMAGE ADDRESS        a container that writes down the multicast datagrams it gets
#   sh -s -- send RUN WORD COUNT             sends WORD that often from that container
#   sh -s -- heard RUN                       what it has written down
#   sh -s -- remove RUN                      removes the containers of that run on this host
#
# Prints for each command it runs a line `=== NAME STATUS`, then what the command said, and `=== end 0` at the end.

set -u
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

# No command of a sick cluster may hang: every one gets a minute.
consul() { timeout 60 consul "$@"; }
docker() { timeout 60 docker "$@"; }
weave() { timeout 60 weave "$@"; }

label=multicast-swarm.verify
lifetime=300
group=224.2.2.3
port=54327

# show NAME COMMAND…: what COMMAND says, under a heading with its status.
show() {
  show_name=$1
  shift
  show_text=$("$@" 2>&1)
  show_status=$?
  printf '=== %s %s\n%s\n' "$show_name" "$show_status" "$show_text"
  return $show_status
}

observe() { # ADDRESS IMAGE
  # Weave's script has to know which of its images to use, as the unit does.
  for name in DOCKERHUB_USER WEAVE_VERSION CHECKPOINT_DISABLE WEAVE_NO_FASTDP; do
    value=$(sed -n "s/^$name=//p" /etc/default/weave 2>/dev/null)
    [ -z "$value" ] || export "$name=$value"
  done
  show consul-members consul members
  show consul-raft consul operator raft list-peers
  show weave-status weave status
  show weave-connections weave status connections
  show proxy docker -H "tcp://$1:12375" version --format '{{.Server.Version}}'
  show swarm-info docker -H :4000 info
  show image docker image inspect --format '{{.Id}}' "$2"
}

# The document's test: pingtest1 and pingtest2, on different hosts where there are two.
ping_by_name() { # RUN IMAGE apart|together
  one=pingtest1-$1 two=pingtest2-$1
  start "$one" "$two" "$@" && start "$two" "$one" "$@" || return
  show where docker -H :4000 ps --filter "label=$label=$1" --format '{{.Names}}'
  reach "$one" "$two"
  reach "$two" "$one"
}

start() { # NAME OTHER RUN IMAGE apart|together
  affinity=
  [ "$5" = apart ] && affinity="affinity:container!=$2"
  show "start $1" docker -H :4000 run -d --rm --name "$1" --label "$label=$3" ${affinity:+-e "$affinity"} \
    --entrypoint sleep "$4" $lifetime
}

# A name may take a moment to be known on all hosts.
reach() { # FROM TO
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    reach_text=$(docker -H :4000 exec "$1" ping -c 3 -W 2 "$2.weave.local" 2>&1)
    reach_status=$?
    [ $reach_status = 0 ] && break
    [ "$attempt" = 10 ] || sleep 1
  done
  printf '=== ping %s\n%s\n' "$1 $2 $reach_status" "$reach_text"
}

listener() { printf 'multicast-%s-%s' "$1" "$(uname -n)"; }

# The kernel's list shows addresses byte by byte from the right: 030202E0 is 224.2.2.3.
joined() { docker exec "$(listener "$1")" grep -i 030202E0 /proc/net/igmp; }

listen() { # RUN IMAGE ADDRESS
  show listen docker -H "tcp://$3:12375" run -d --rm --name "$(listener "$1")" --label "$label=$1" --entrypoint sh "$2" -c \
    "socat -u UDP4-RECV:$port,reuseaddr,ip-add-membership=$group:ethwe OPEN:/heard,creat,append & exec sleep $lifetime" || return
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    joined "$1" >/dev/null 2>&1 && break
    [ "$attempt" = 10 ] || sleep 0.5
  done
  show joined joined "$1"
}

send() { # RUN WORD COUNT
  show send docker exec "$(listener "$1")" sh -c "
    i=0
    while [ \$i -lt $3 ]; do
      echo '$2' | socat -u - UDP4-DATAGRAM:$group:$port,ip-multicast-ttl=8 || exit
      i=\$((i + 1))
    done"
}

heard() { # RUN
  show heard docker exec "$(listener "$1")" cat /heard
}

remove() { # RUN
  # A container that was just being started is seen by a second look.
  for attempt in 1 2; do
    ours=$(docker ps -aq --filter "label=$label=$1")
    # shellcheck disable=SC2086  # ids, meant to be split
    [ -z "$ours" ] || show remove docker rm -f $ours
    [ "$attempt" = 2 ] || sleep 0.5
  done
}

main() {
  action=$1
  shift
  case $action in
    observe) observe "$@" ;;
    ping) ping_by_name "$@" ;;
    listen) listen "$@" ;;
    send) send "$@" ;;
    heard) heard "$@" ;;
    remove) remove "$@" ;;
  esac
  echo '=== end 0'
}

# The script itself may arrive on standard input: nothing that runs here may read from there.
main "$@" </dev/null
