#!/bin/sh
# A host's side of scripts/verify: what it sees of the cluster, and tests of the containers' network.
# Changes nothing on the host but for containers that carry the label multicast-swarm.verify=RUN and end by themselves,
# should nobody be left to remove them.
#
#   sh -s -- observe ADDRESS IMAGE [status]    what Consul, Weave Net and Swarm say here; with `status` also for readers
#   sh -s -- start RUN IMAGE LIFETIME COUNT [CONSTRAINT]
#                                              COUNT containers by way of this Swarm manager, all kept apart by affinity
#   sh -s -- where RUN                         which of them are here
#   sh -s -- probe RUN NUMBER:BYTES…           from the container here to those of these numbers: name, ping, TCP, and
#                                              the largest datagram that passes, which ought to be BYTES
#   sh -s -- send RUN WORD COUNT               sends COUNT numbered datagrams from the container here to the group
#   sh -s -- heard RUN                         how many of whom it has received
#   sh -s -- remove RUN                        removes the containers of that run on this host
#
# Prints for each command it runs a line `=== NAME STATUS`, then what the command said, and `=== end 0` at the end.

set -u
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

# No command of a sick cluster may hang.
consul() { timeout 20 consul "$@"; }
docker() { timeout 60 docker "$@"; }
weave() { timeout 30 weave "$@"; }

label=multicast-swarm.verify
group=224.2.2.3
port=54327
tcp_port=54328
mtu_port=54329

# show NAME COMMAND…: what COMMAND says, under a heading with its status.
show() {
  show_name=$1
  shift
  show_text=$("$@" 2>&1)
  show_status=$?
  printf '=== %s %s\n%s\n' "$show_name" "$show_status" "$show_text"
  return $show_status
}

observe() { # ADDRESS IMAGE [status]
  # Weave's script has to know which of its images to use, as the unit does.
  for name in DOCKERHUB_USER WEAVE_VERSION CHECKPOINT_DISABLE WEAVE_NO_FASTDP; do
    value=$(sed -n "s/^$name=//p" /etc/default/weave 2>/dev/null)
    [ -z "$value" ] || export "$name=$value"
  done
  show units systemctl is-active consul.service docker.service weave.service
  show containers docker ps -a --format '{{.Names}} {{.Image}} {{.Status}}'
  show consul-members consul members
  show consul-raft consul operator raft list-peers
  show consul-autopilot autopilot
  show consul-info consul info
  show weave-report weave report
  show proxy docker -H "tcp://$1:12375" version --format '{{.Server.Version}}'
  show swarm-info docker -H :4000 info
  show image docker image inspect --format '{{.Id}}' "$2"
  show firewall firewall
  [ "${3:-}" = status ] && show weave-status weave status
  show swept sweep
}

# A server that is late once, on a busy machine, is unhealthy for some seconds: that is not yet news.
autopilot() {
  for attempt in 1 2 3 4 5 6; do
    autopilot_text=$(consul operator autopilot state 2>&1)
    autopilot_status=$?
    case $autopilot_status$autopilot_text in
    *"Healthy:  "*"false"*) [ "$attempt" = 6 ] || sleep 2 ;;
    *) break ;;
    esac
  done
  printf '%s\n' "$autopilot_text"
  return "$autopilot_status"
}

# Rules that stop Weave's own traffic, in whichever form this host keeps them.
firewall() {
  { iptables-save 2>/dev/null || iptables-legacy-save 2>/dev/null; } |
    grep -E -- '--dports? [0-9,:]*678[34]|--sports? [0-9,:]*678[34]' | grep -E -- '-j (DROP|REJECT)'
  return 0
}

# What is left of runs that have died: nothing of a living one is stopped and that old.
sweep() { docker container prune --force --filter "label=$label" --filter until=10m; }

# The guide's test, for every pair at once: no two of these containers may be on one host.
start() { # RUN IMAGE LIFETIME COUNT [CONSTRAINT]
  number=1
  while [ "$number" -le "$4" ]; do
    start_one "$number" "$@" &
    number=$((number + 1))
  done
  wait
}

start_one() { # NUMBER RUN IMAGE LIFETIME COUNT [CONSTRAINT]
  mine=$1 run=$2 image=$3 lifetime=$4 count=$5 constraint=${6:-}
  set -- ${constraint:+-e "$constraint"}
  other=1
  while [ "$other" -le "$count" ]; do
    [ "$other" = "$mine" ] || set -- "$@" -e "affinity:container!=pingtest$other-$run"
    other=$((other + 1))
  done
  show "start $mine" docker -H :4000 run -d --rm --name "pingtest$mine-$run" --label "$label=$run" "$@" \
    --entrypoint sh "$image" -c "
      socat -u UDP4-RECV:$port,reuseaddr,ip-add-membership=$group:ethwe OPEN:/heard,creat,append &
      socat TCP4-LISTEN:$tcp_port,reuseaddr,fork EXEC:cat &
      socat UDP4-RECVFROM:$mtu_port,reuseaddr,fork EXEC:'wc -c' &
      exec sleep $lifetime"
}

here() { docker ps -q --filter "label=$label=$1" | head -n 1; }

where() { show where docker ps --filter "label=$label=$1" --format '{{.Names}}'; }

probe() { # RUN NUMBER:BYTES…
  run=$1
  shift
  # shellcheck disable=SC2016  # expanded in the container
  show probe docker exec "$(here "$run")" sh -c '
    run=$1 tcp_port=$2 mtu_port=$3
    shift 3
    echo "address $(ip -4 -o addr show dev ethwe | sed -n "s|.* inet \([0-9.]*\)/.*|\1|p")"
    mtu=$(cat /sys/class/net/ethwe/mtu)
    echo "device $mtu"

    # Bytes that arrived of a datagram that must not be cut into pieces.
    arrives() { # ADDRESS BYTES
      for wait in 0.3 1; do
        got=$(head -c "$2" /dev/zero | socat -b 65507 -t "$wait" - "UDP4:$1:$mtu_port,mtudiscover=2" 2>&1)
        [ "$got" = "$2" ] && return
        case $got in *"too long"*) return 1 ;; esac
      done
      return 1
    }

    # The largest that arrives: what is promised and no more, or else found by halving.
    largest() { # ADDRESS PROMISED
      low=$2
      arrives "$1" "$low" && ! arrives "$1" $((low + 1)) && { echo "$low"; return; }
      low=100 high=$((mtu - 28 + 1))
      [ $high -le 65508 ] || high=65508
      arrives "$1" $low || { echo 0; return; }
      while [ $((high - low)) -gt 1 ]; do
        middle=$(((low + high) / 2))
        if arrives "$1" $middle; then low=$middle; else high=$middle; fi
      done
      echo $low
    }

    to() { # NUMBER PROMISED
      name=pingtest$1-$run.weave.local
      # A name may take a moment to be known on all hosts.
      for attempt in 1 2 3 4 5 6 7 8; do
        ping=$(ping -c 1 -W 1 $name 2>&1)
        case $ping in *"bad address"*) sleep 0.5 ;; *) break ;; esac
      done
      address=$(echo "$ping" | sed -n "s/^PING [^(]*(\([0-9.]*\)).*/\1/p")
      echo "$1 name ${address:-$ping}"
      [ -n "$address" ] || return
      echo "$1 ping $(ping -c 4 -i 0.2 -W 2 $name 2>&1 | tail -n 2 | tr "\n" " ")"
      word="word $1 $$"
      echo "$1 tcp $(echo "$word" | nc -w 3 $name $tcp_port 2>&1 | sed "s/^$word$/ok/" | tr "\n" " ")"
      echo "$1 largest $(largest "$address" "$2")"
    }
    for other; do to "${other%:*}" "${other#*:}" & done
    wait
    echo "igmp $(grep -ci 030202E0 /proc/net/igmp)"
  ' sh "$run" "$tcp_port" "$mtu_port" "$@"
}

# Paced: what is tested is the network, not the length of its queues.
send() { # RUN WORD COUNT
  # shellcheck disable=SC2016  # expanded in the container
  show send docker exec "$(here "$1")" sh -c '
    number=0
    while [ $number -lt $2 ]; do
      for burst in 1 2 3 4 5 6 7 8 9 10; do
        printf "%-54s %08d\n" "$1" $number
        number=$((number + 1))
      done
      sleep 0.02
    done | socat -u -b 64 - "UDP4-DATAGRAM:$3,ip-multicast-ttl=8"
  ' sh "$2" "$3" "$group:$port"
}

heard() { # RUN
  # shellcheck disable=SC2016  # expanded by awk
  show heard docker exec "$(here "$1")" awk '!seen[$0]++ { n[$1]++ } END { for (word in n) print word, n[word] }' /heard
}

remove() { # RUN
  ours=$(docker ps -aq --filter "label=$label=$1")
  # shellcheck disable=SC2086  # ids, meant to be split
  [ -z "$ours" ] || show remove docker rm -f $ours
}

main() {
  action=$1
  shift
  "$action" "$@"
  echo '=== end 0'
}

# The script itself may arrive on standard input: nothing that runs here may read from there.
main "$@" </dev/null
