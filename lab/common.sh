# shellcheck shell=bash disable=SC2034 # others use these names
# Names and small helpers that every part of the lab shares. Sourced.

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/multicast-swarm
# Labs of other names can run beside this one; each has its own networks, hosts and files.
LAB_NAME=${LAB_NAME:-lab}
[[ $LAB_NAME =~ ^[a-z][a-z0-9]*$ ]] || { echo "lab: LAB_NAME=$LAB_NAME: found a name that is not lower-case letters and digits" >&2 && exit 2; }
LAB=/var/lib/multicast-swarm-$LAB_NAME
NETNS=$LAB_NAME
LOCK=/run/multicast-swarm-$LAB_NAME.lock
LAB_ADDRESS=198.18.0.1
REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CACHE LAB LAB_NAME REPO

say() { echo "lab: $*"; }
die() {
  echo "lab: $*" >&2
  exit 1
}

# Milliseconds since some fixed point.
now() { echo "${EPOCHREALTIME//[.,]/}" | cut -c1-13; }

# stage "hosts up" COMMAND…: runs it in this shell and says how long it took.
stage() {
  local title=$1 start took
  shift
  start=$(now)
  "$@"
  took=$(($(now) - start))
  say "$title in $((took / 1000)).$((took % 1000 / 100)) s"
}

# wait_until SECONDS COMMAND…: polls a condition; fails when time is over.
wait_until() {
  local deadline=$(($(now) + $1 * 1000))
  shift
  until "$@"; do
    [ "$(now)" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# Runs a command where Terraform, ssh and the mirror run: in the lab's network, this machine's file system.
# nsenter, not `ip netns exec`: that one remounts /sys and loses the cgroups.
in_lab() { nsenter --net="/run/netns/$NETNS" -- "$@"; }

lab_exists() { [ -s "$LAB/hosts.list" ] && [ -e "/run/netns/$NETNS" ]; }
need_lab() { lab_exists || die "no lab is up: run scripts/lab up"; }

# The hosts, in order, one name a line.
hosts() { cut -d' ' -f1 "$LAB/hosts.list"; }
address_of() { awk -v name="$1" '$1 == name { print $2 }' "$LAB/hosts.list"; }
# Debian's own engine, or the first number of Docker's.
engine_of() { awk -v name="$1" '$1 == name { print $3 }' "$LAB/machines"; }
# Weave Net 2.6.5 as it is cannot speak to the engine of one of the hosts.
modern_engines() { grep -qv '^[^ ]* debian-1[12] distribution$' "$LAB/machines"; }
need_host() {
  need_lab
  [ -n "${1:-}" ] || die "which host? one of: $(hosts | paste -sd' ')"
  [ -n "$(address_of "$1")" ] || die "no host is called '$1'; there are: $(hosts | paste -sd' ')"
}
