# A host's side of the event bus test of scripts/verify: the image on every host, its containers by way of a Swarm manager.
# Read after lib.sh, on standard input. Containers carry the label multicast-swarm.verify=RUN and end by themselves after
# five minutes, should nobody be left to remove them.
# shellcheck shell=sh disable=SC2154  # fetched is set by lib.sh
#
#   load IMAGE [PLATFORM SHA256 SOURCE]…   the engine has IMAGE: it was there, or the locked one for this platform is loaded
#   start RUN IMAGE NAME;VARIABLE…;ARGS…   containers by way of this Swarm manager, each in one argument
#   look RUN LINES                         which are there, and the last LINES of what each printed
#   crash NAME                             kills a container
#   again NAME                             starts it once more
#   discard NAME…                          removes containers before the run's end
#   unload IMAGE                           the engine is without IMAGE again, if it was loaded by `load`
#
# Prints for each command it runs a line `=== NAME STATUS`, then what the command said, and `=== end 0` at the end.

# shellcheck disable=SC2034  # read by lib.sh
step=event-bus
label=multicast-swarm.verify
lifetime=300

swarm() { timeout 60 docker -H :4000 "$@"; }

# show NAME COMMAND…: what COMMAND says, under a heading with its status.
show() {
  show_name=$1
  shift
  show_status=0
  show_text=$("$@" 2>&1) || show_status=$?
  printf '=== %s %s\n%s\n' "$show_name" "$show_status" "$show_text"
  return $show_status
}

# A reference of our own to an image says that it was loaded for a test. It outlives a test that was cut off, and the next
# one clears up.
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
  [ $# -ge 3 ] || die "no image $image on the host, nor in artifacts.lock.json: examples/event-bus/README.md says how to get it there"
  case $3 in
    docker://*)
      timeout 250 docker pull -q "${3#docker://}@sha256:$2" >/dev/null || die "cannot pull ${3#docker://}@sha256:$2"
      docker tag "${3#docker://}@sha256:$2" "$image"
      ;;
    file:*) die "no image $image on the host: load it with docker -H :4000 load -i ${3##*/}" ;;
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
  # The image's own command, but with an end.
  entrypoint=$(swarm image inspect --format '{{range .Config.Entrypoint}}{{.}} {{end}}' "$image") || entrypoint=''
  for wanted; do
    name=${wanted%%;*} args=${wanted##*;} variables=${wanted#*;}
    set --
    for variable in ${variables%;*}; do set -- "$@" -e "$variable"; done
    # shellcheck disable=SC2086  # words, meant to be split
    show "start $name" swarm run -d --name "$name" --label "$label=$run" -e "CLUSTER_NAME=$run" "$@" \
      --entrypoint timeout "$image" $lifetime $entrypoint $args || true
  done
}

look() { # RUN LINES
  show containers swarm ps -a --filter "label=$label=$1" --format '{{.Names}} {{.Status}}' || return 0
  for name in $(printf '%s\n' "$show_text" | sed -n 's|^[^ /]*/\(bus_[^ ,]*\).*|\1|p'); do
    show "log $name" swarm logs --tail "$2" "$name" || true
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

# The script itself arrives on standard input: nothing that runs here may read from there.
main "$@" </dev/null
