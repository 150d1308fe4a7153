#!/bin/sh
# A host's side of scripts/verify: what it sees of the cluster, and tests of the containers' network.
# Read after names.sh, tls.sh and http.sh. Changes nothing on the host except for containers with the label multicast-swarm.verify=RUN, which
# stop by themselves if verify cannot remove them.
#
#   sh -s -- observe ADDRESS IMAGE [status]    prints the state of Consul, Weave Net and Swarm as this host sees it;
#                                              `status` adds what only a reader wants
#   sh -s -- start RUN IMAGE LIFETIME COUNT [CONSTRAINT]
#                                              starts COUNT containers through this Swarm manager, kept apart by affinity
#   sh -s -- where RUN                         lists the containers that run here, when they listen
#   sh -s -- address RUN                       prints the address of the container here
#   sh -s -- probe RUN NUMBER:BYTES[:ADDRESS]… tests from the container here to those with these numbers: name, ping, TCP,
#                                              and the largest datagram that passes, which should be BYTES; with an
#                                              ADDRESS, it takes that in place of the name
#   sh -s -- send RUN WORD COUNT               sends COUNT numbered datagrams from the container here to the group
#   sh -s -- heard RUN                         counts the datagrams received, by sender
#   sh -s -- remove RUN                        removes the containers of that run from this host
#
# Prints a line `=== NAME STATUS` for each command that it runs, then the command's output, and `=== end 0` at the end.
# commands/verify/sections.ts lists the names that `observe` prints; a test compares the two.
# shellcheck disable=SC2154  # names and ports are set by names.sh

set -u
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

# A command must not hang because the cluster is broken. These are less than commands/verify/deadline.ts gives the whole
# question, so that what does not answer can still be named.
patience=20
consul() { timeout -k 1 15 consul "$@"; }
docker() { timeout -k 1 $patience docker "$@"; }
# Through Weave's proxy or a Swarm manager, whatever API this host's command would speak by itself.
# shellcheck disable=SC2046 # a word each
docker_via() { DOCKER_API_VERSION=$api_streams timeout -k 1 $patience env $(tls) docker -H "$@"; }
weave() { timeout -k 1 20 weave "$@"; }
systemctl() { timeout -k 1 10 systemctl "$@"; }

# show NAME COMMAND…: runs COMMAND and prints its output under a heading with its status.
show() {
  show_name=$1
  shift
  show_text=$("$@" 2>&1)
  show_status=$?
  printf '=== %s %s\n%s\n' "$show_name" "$show_status" "$show_text"
  return $show_status
}

# ask NAME COMMAND…: as show, but beside the others: one that hangs must not take the time of the rest.
ask() {
  show "$@" >"$answers/$1" &
  asked="${asked:-} $1"
}

observe() { # ADDRESS IMAGE [status]
  answers=$(mktemp -d /run/multicast-swarm-verify.XXXXXX 2>/dev/null || mktemp -d) || exit 1
  trap 'rm -rf "$answers"' EXIT
  # Weave's script needs the same settings as its unit, to use the same images.
  for name in DOCKERHUB_USER WEAVE_VERSION CHECKPOINT_DISABLE WEAVE_NO_FASTDP; do
    value=$(sed -n "s/^$name=//p" /etc/default/weave 2>/dev/null)
    [ -z "$value" ] || export "$name=$value"
  done
  for unit in consul docker weave; do ask "unit-$unit" systemctl is-active "$unit.service"; done
  ask containers docker ps -a --format '{{.Names}} {{.Image}} {{.Status}}'
  ask engine-api docker version --format '{{.Server.Version}} {{.Server.MinAPIVersion}}'
  ask engine-hold engine_hold
  ask consul-members consul members
  ask consul-raft consul operator raft list-peers
  ask consul-autopilot autopilot
  ask consul-info consul info
  ask weave-report weave_report
  ask proxy docker_via "tcp://$1:$port_weave_proxy" version --format '{{.Server.Version}}'
  ask swarm-info docker_via ":$port_swarm_manager" info
  ask certificates certificates "$1"
  ask image docker image inspect --format '{{.Id}}' "$2"
  ask firewall firewall
  ask allow-list allow_list
  [ "${3:-}" = status ] && ask weave-status weave status
  ask swept sweep
  wait
  for name in $asked; do cat "$answers/$name"; done
}

# The command starts a container. Where the router does not answer, it says why.
weave_report() {
  http_get 127.0.0.1 "$port_weave_api" /report && return
  # Its alarm has gone off: there is no time for another question.
  [ $? != 142 ] || return 124
  weave report
}

# Where the Docker API is served with TLS, or Consul's agents talk with it: the time here, the certificates that proxy, manager
# and Consul's server show, the one that the agent has, the host's own, and what it trusts. Nothing where all is open.
certificates() { # ADDRESS
  shown_on=
  [ -z "$(tls)" ] || shown_on="$port_weave_proxy $port_swarm_manager"
  [ ! -e "$consul_pki/agent.pem" ] || shown_on="$shown_on $port_consul_server"
  [ -n "$shown_on" ] || return 0
  echo "time $(date +%s)"
  for served in $shown_on; do
    echo "served $served"
    timeout 10 openssl s_client -connect "$1:$served" -cert "$pki/cert.pem" -key "$pki/key.pem" 2>/dev/null | openssl x509 2>/dev/null
  done
  echo "agent"
  openssl x509 -in "$consul_pki/agent.pem" 2>/dev/null
  echo "own"
  cat "$pki/cert.pem"
  echo "authority"
  cat "$pki/ca.pem"
}

# The packages that the deploy has had held, as lines "NAME VERSION held|free".
engine_hold() {
  recorded_holds=$(sed -n 's|^hold ||p' "$state/created" 2>/dev/null)
  [ -n "$recorded_holds" ] || return 0
  now_held=$(timeout 10 apt-mark showhold)
  for name in $recorded_holds; do
    hold_state=free
    ! printf '%s\n' "$now_held" | grep -qxF "$name" || hold_state=held
    echo "$name $(dpkg-query -W -f '${Version}' "$name" 2>/dev/null) $hold_state"
  done
}

# On a busy machine a server can miss one deadline and count as unhealthy for a few seconds. That is not a fault yet.
autopilot() {
  autopilot_end=$(($(date +%s) + 10))
  while :; do
    autopilot_text=$(consul operator autopilot state 2>&1)
    autopilot_status=$?
    case $autopilot_status$autopilot_text in
      *"Healthy:  "*"false"*) [ "$(date +%s)" -lt $autopilot_end ] || break ;;
      *) break ;;
    esac
    sleep 2
  done
  printf '%s\n' "$autopilot_text"
  return "$autopilot_status"
}

# Rules that stop Weave's own traffic, from whichever iptables this host has.
firewall() {
  weave_ports="($port_weave_peers|$port_weave_fast_datapath)"
  { timeout 10 iptables-save 2>/dev/null || timeout 10 iptables-legacy-save 2>/dev/null; } |
    grep -E -- "--[ds]ports? [0-9,:]*$weave_ports" | grep -E -- '-j (DROP|REJECT)'
  return 0
}

# The allow-list of firewall.managed: whether its unit is loaded at boot, and its table. Nothing where there is none.
allow_list() {
  [ -e "/etc/systemd/system/$firewall_unit" ] || return 0
  echo "unit $(systemctl is-enabled "$firewall_unit")"
  timeout 10 nft -s list table inet "$firewall_table"
}

# Removes stopped containers of runs that were killed. A run that is still going has none that old.
sweep() { docker container prune --force --filter "label=$verify_label" --filter until=10m; }

# The guide's test, for every pair at once: Swarm must not put two of these containers on one host.
start() { # RUN IMAGE LIFETIME COUNT [CONSTRAINT]
  number=1 patience=18
  while [ "$number" -le "$4" ]; do
    start_one "$number" "$@" &
    number=$((number + 1))
  done
  wait
}

start_one() { # NUMBER RUN IMAGE LIFETIME COUNT [CONSTRAINT]
  mine=$1 run=$2 image=$3 lifetime=$4 constraint=${6:-}
  # By the label that all of them have. One expression for each of the others would not do: of several variables with one
  # name, `affinity:container!`, docker keeps the last.
  set -- ${constraint:+-e "$constraint"} -e "affinity:$verify_label!=$run"
  show "start $mine" docker_via ":$port_swarm_manager" run -d --rm --name "pingtest$mine-$run" --label "$verify_label=$run" "$@" \
    --entrypoint sh "$image" -c "
      socat -u UDP4-RECV:$multicast_port,reuseaddr,ip-add-membership=$multicast_group:ethwe OPEN:/heard,creat,append &
      socat TCP4-LISTEN:$verify_tcp_port,reuseaddr,fork EXEC:cat &
      socat UDP4-RECVFROM:$verify_mtu_port,reuseaddr,fork EXEC:'wc -c' &
      exec sleep $lifetime"
}

here() { docker ps -q --filter "label=$verify_label=$1" | head -n 1; }

# Others are about to send: whoever says where a container is has seen it listen, or has waited for that.
where() { # RUN
  patience=5
  show where docker ps --filter "label=$verify_label=$1" --format '{{.Names}}'
  [ -n "$show_text" ] || return 0
  patience=3
  # shellcheck disable=SC2016  # expanded in the container
  docker exec "$(here "$1")" sh -c '
    tries=0
    until grep -qi "$1" /proc/net/igmp || [ $tries -ge 20 ]; do
      tries=$((tries + 1))
      sleep 0.1
    done
  ' sh "$(igmp_group)" >/dev/null 2>&1
}

address() { # RUN
  patience=2
  # shellcheck disable=SC2016  # expanded in the container
  show address docker exec "$(here "$1")" sh -c \
    'echo "address $(ip -4 -o addr show dev ethwe | sed -n "s|.* inet \([0-9.]*\)/.*|\1|p")"'
}

probe() { # RUN NUMBER:BYTES[:ADDRESS]…
  run=$1 patience=16
  shift
  # shellcheck disable=SC2016  # expanded in the container
  show probe docker exec "$(here "$run")" sh -c '
    run=$1 tcp_port=$2 mtu_port=$3 igmp_group=$4
    shift 4
    echo "address $(ip -4 -o addr show dev ethwe | sed -n "s|.* inet \([0-9.]*\)/.*|\1|p")"
    mtu=$(cat /sys/class/net/ethwe/mtu)
    echo "device $mtu"

    # Does a datagram of this size arrive whole, without being fragmented?
    arrives() { # ADDRESS BYTES
      for wait in 0.3 1; do
        got=$(head -c "$2" /dev/zero | socat -b 65507 -t "$wait" - "UDP4:$1:$mtu_port,mtudiscover=2" 2>&1)
        [ "$got" = "$2" ] && return
        case $got in *"too long"*) return 1 ;; esac
      done
      return 1
    }

    # The largest that arrives: the promised size, or else the result of a binary search.
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

    # Not every image has the command.
    if command -v timeout >/dev/null; then limited() { timeout "$@"; }; else limited() { shift; "$@"; }; fi

    resolve() { # NUMBER
      name=pingtest$1-$run.weave.local
      # It can take a moment until all hosts know a name; where DNS is dead, each try takes seconds.
      end=$(($(date +%s) + 6))
      while :; do
        ping=$(limited 4 ping -c 1 -W 1 $name 2>&1)
        case $ping in PING*) break ;; esac
        [ "$(date +%s)" -lt $end ] || break
        sleep 0.5
      done
      address=$(echo "$ping" | sed -n "s/^PING [^(]*(\([0-9.]*\)).*/\1/p")
      echo "$1 name ${address:-$ping}"
      [ -n "$address" ]
    }

    to() { # NUMBER PROMISED [ADDRESS]
      name=${3:-} address=${3:-}
      [ -n "$address" ] || resolve "$1" || return
      echo "$1 ping $(ping -c 4 -i 0.2 -W 2 $name 2>&1 | tail -n 2 | tr "\n" " ")"
      word="word $1 $$"
      echo "$1 tcp $(echo "$word" | nc -w 3 $name $tcp_port 2>&1 | sed "s/^$word$/ok/" | tr "\n" " ")"
      echo "$1 largest $(largest "$address" "$2")"
    }
    for other; do to $(echo "$other" | tr : " ") & done
    wait
    echo "igmp $(grep -ci "$igmp_group" /proc/net/igmp)"
  ' sh "$run" "$verify_tcp_port" "$verify_mtu_port" "$(igmp_group)" "$@"
}

# The group as /proc/net/igmp writes it: in hexadecimal, the last byte first.
igmp_group() {
  echo "$multicast_group" | {
    IFS=. read -r first second third fourth
    printf '%02X%02X%02X%02X' "$fourth" "$third" "$second" "$first"
  }
}

# Paced, to test the network and not the length of its queues.
send() { # RUN WORD COUNT
  patience=8
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
  ' sh "$2" "$3" "$multicast_group:$multicast_port"
}

heard() { # RUN
  patience=4
  # shellcheck disable=SC2016  # expanded by awk
  show heard docker exec "$(here "$1")" awk '!seen[$0]++ { n[$1]++ } END { for (word in n) print word, n[word] }' /heard
}

remove() { # RUN
  patience=7
  ours=$(docker ps -aq --filter "label=$verify_label=$1")
  # shellcheck disable=SC2086  # ids, meant to be split
  [ -z "$ours" ] || show remove docker rm -f $ours
}

main() {
  action=$1
  shift
  "$action" "$@"
  echo '=== end 0'
}

# The script itself may arrive on standard input, so nothing that runs here may read from it.
main "$@" </dev/null
