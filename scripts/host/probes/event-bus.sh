# A host's side of the event bus test of scripts/verify: loads the image on every host, runs containers through a Swarm
# manager. Read after names.sh, tls.sh, http.sh, lib.sh and artifacts.sh, on standard input. Containers have the label
# multicast-swarm.verify=RUN and stop by themselves after five minutes if verify cannot remove them.
# shellcheck shell=sh disable=SC2154  # fetched is set by artifacts.sh; names and ports by names.sh
#
#   load IMAGE [PLATFORM SHA256 SOURCE]…   loads the locked IMAGE for this platform, unless the engine has it
#   start RUN IMAGE NAME;VARIABLE…;ARGS…   starts containers through this Swarm manager, each described by one argument, ten
#                                          at a time
#   look RUN LINES NAME…                   lists them, with the last LINES of the logs of those with these names
#   crash NAME                             kills a container
#   again NAME                             starts it again
#   discard NAME…                          removes containers before the run ends
#   unload IMAGE                           removes IMAGE if `load` loaded it
#
# Prints a line `=== NAME STATUS` for each command that it runs, then the command's output, and `=== end 0` at the end.

# shellcheck disable=SC2034  # read by lib.sh
step=event-bus
lifetime=300

# swarm_at API COMMAND…
swarm_at() {
  swarm_api=$1
  shift
  # shellcheck disable=SC2046 # a word each
  DOCKER_API_VERSION=$swarm_api timeout 60 env $(tls) docker -H ":$port_swarm_manager" "$@"
}
swarm() { swarm_at "$api_streams" "$@"; }

# Logs come through Weave's proxy whole only to newer clients. Engines that do not know those yet have no such trouble.
swarm_logs() {
  if logs=$(swarm_at "$api_logs" logs "$@" 2>&1); then
    printf '%s\n' "$logs"
    return
  fi
  case $logs in
    *"is too new"*) swarm logs "$@" ;;
    *) printf '%s\n' "$logs" && return 1 ;;
  esac
}

# show NAME COMMAND…: runs COMMAND and prints its output under a heading with its status.
show() {
  show_name=$1
  shift
  show_status=0
  show_text=$("$@" 2>&1) || show_status=$?
  printf '=== %s %s\n%s\n' "$show_name" "$show_status" "$show_text"
  return $show_status
}

# A reference of our own marks an image as loaded for a test. It outlives a test that was killed, so that the next one
# removes the image.
marker() { printf 'multicast-swarm-verify-loaded:%s' "$(printf %s "$1" | tr -c 'A-Za-z0-9_.-' '_')"; }

has() { docker image inspect "$1" >/dev/null 2>&1; }

load() { show load load_here "$@"; }

load_here() { # IMAGE [PLATFORM SHA256 SOURCE]…
  image=$1
  shift
  ! has "$image" || return 0
  while [ $# -ge 3 ]; do
    case " $(platforms) " in *" $1 "*) break ;; esac
    shift 3
  done
  [ $# -ge 3 ] || die "the image $image is neither on the host nor in artifacts.lock.json: examples/event-bus/README.md explains how to provide it"
  case $3 in
    docker://*)
      timeout 250 docker pull -q "${3#docker://}@sha256:$2" >/dev/null || die "cannot pull ${3#docker://}@sha256:$2"
      docker tag "${3#docker://}@sha256:$2" "$image"
      ;;
    file:*) die "the image $image is not on the host: load it with docker -H :$port_swarm_manager load -i ${3##*/}" ;;
    *)
      fetch "$3" "$2"
      docker load -q -i "$fetched" >/dev/null || die "the engine refuses $3"
      rm -f "$fetched"
      has "$image" || die "$3 does not hold an image named $image"
      ;;
  esac
  docker tag "$image" "$(marker "$image")"
}

unload() { # IMAGE
  ! has "$(marker "$1")" || show unload docker rmi -f "$(docker image inspect --format '{{.Id}}' "$(marker "$1")")"
}

start() { # RUN IMAGE NAME;VARIABLE…;ARGS…
  run=$1 image=$2
  shift 2
  # The image's own command, with a time limit.
  entrypoint=$(swarm image inspect --format '{{range .Config.Entrypoint}}{{.}} {{end}}' "$image") || entrypoint=''
  starting=0
  for wanted; do
    start_one "$wanted" &
    starting=$((starting + 1))
    # More at once would be much for a manager on a small host.
    [ $((starting % 10)) != 0 ] || wait
  done
  wait
}

start_one() { # NAME;VARIABLE…;ARGS…
  name=${1%%;*} args=${1##*;} variables=${1#*;}
  set --
  for variable in ${variables%;*}; do set -- "$@" -e "$variable"; done
  # shellcheck disable=SC2086  # words, meant to be split
  show "start $name" swarm run -d --name "$name" --label "$verify_label=$run" -e "CLUSTER_NAME=$run" "$@" \
    --entrypoint timeout "$image" $lifetime $entrypoint $args || true
}

# Lines "NODE/NAME STATUS". Asked of each container, since `ps` of docker 29 leaves out names with a node before them.
containers() { # RUN
  ids=$(swarm ps -aq --filter "label=$verify_label=$1") || return 1
  # One that is being removed is missed by the way.
  # shellcheck disable=SC2086 # ids, meant to be split
  [ -z "$ids" ] || swarm inspect --format '{{.Node.Name}}{{.Name}} {{.State.Status}}' $ids 2>/dev/null || true
}

look() { # RUN LINES NAME…
  lines=$2
  show containers containers "$1" || return 0
  there=$(printf '%s\n' "$show_text" | sed -n 's|^[^ /]*/\(bus_[^ ,]*\).*|\1|p')
  shift 2
  for name; do
    ! printf '%s\n' "$there" | grep -qxF "$name" || show "log $name" swarm_logs --tail "$lines" "$name" || true
  done
}

crash() { show crash swarm kill "$1"; }
again() { show again swarm start "$1"; }
discard() { show discard swarm rm -f "$@"; }

main() {
  action=$1
  shift
  "$action" "$@" || true
  echo '=== end 0'
}

# The script itself arrives on standard input, so nothing that runs here may read from it.
main "$@" </dev/null
