# What every step shares. Sourced by the steps, never run by itself. What only some share is in the files beside it.
#
# A step is a POSIX sh script that takes NAME=VALUE arguments, may be run again at any time, says in one
# line each what it found and what it changed, and records what it creates, so that uninstall.sh removes
# exactly that.
# shellcheck shell=sh

set -eu
umask 022
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
DEBIAN_FRONTEND=noninteractive
export PATH LC_ALL DEBIAN_FRONTEND

step=$(basename "$0" .sh)
here=$(cd "$(dirname "$0")" && pwd)
# What the operator's machine has sent: artifacts.tsv, hosts.tsv, configurations.
sent=$(dirname "$here")
# The part of it that must not outlive the step that reads it.
# shellcheck disable=SC2034 # for the steps
secrets=$sent/secrets
# A probe that arrives on standard input has names.sh in front of it.
# shellcheck source=scripts/host/steps/names.sh
[ -n "${cluster_label:-}" ] || . "$here/names.sh"
# shellcheck source=scripts/host/steps/tls.sh
command -v tls >/dev/null || . "$here/tls.sh"
# shellcheck source=scripts/host/steps/http.sh
command -v http_get >/dev/null || . "$here/http.sh"
# $state is what this project knows about the host; its file `created` lists what it put there, oldest first.

say() { printf '%s %s: %s\n' "$(uname -n)" "$step" "$*"; }
found() { say "found $*"; }
changed() { say "changed $*"; }
die() {
  printf '%s %s: ERROR: %s\n' "$(uname -n)" "$step" "$*" >&2
  exit 1
}

# take "NAME…" "$@": sets the step's arguments as variables; each one named must be given, but for those with a ? behind the
# name; none other may be.
take() {
  take_wanted=$1
  shift
  for take_pair; do
    take_name=${take_pair%%=*}
    case " $take_wanted " in
      *" $take_name "* | *" $take_name? "*) eval "$take_name=\${take_pair#*=}" ;;
      *) die "unknown argument '$take_name'" ;;
    esac
  done
  for take_name in $take_wanted; do
    case $take_name in *'?') continue ;; esac
    eval "test -n \"\${$take_name:-}\"" || die "the argument $take_name=… is missing"
  done
}

# until_true SECONDS COMMAND…: runs COMMAND until it succeeds, every half second and sooner at first; fails when SECONDS
# are over.
until_true() {
  until_end=$(($(date +%s) + $1)) until_tenths=1
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$until_end" ] || return 1
    sleep 0.$until_tenths
    until_tenths=$((until_tenths < 3 ? until_tenths * 2 : 5))
  done
}

# ---- what this project created on the host ----

recorded() { grep -qxF "$*" "$state/created" 2>/dev/null; }

# record KIND VALUE: remembered before the thing is made, so that a crash in between loses nothing.
# Steps of one host run side by side; a line is short enough to be appended in one write.
record() {
  mkdir -p "$state"
  [ -z "$this_cluster" ] || [ -n "$(note cluster)" ] || note cluster "$this_cluster"
  recorded "$*" || printf '%s\n' "$*" >>"$state/created"
}

# own KIND PATH: claims a file, directory or unit for this project; refuses what someone else put there.
own() {
  recorded "$1 $2" && return
  own_path=$2
  [ "$1" = unit ] && own_path=/etc/systemd/system/$2
  [ ! -e "$own_path" ] || die "$own_path exists and was not put there by multicast-swarm; move it away and run deploy again"
  record "$1" "$2"
}

# expect KIND PATH…: records what a program that this project starts is going to make, where it is not there yet.
# A `shared` directory is one that others may use too: it is removed only when it is empty.
expect() {
  expect_kind=$1
  shift
  for expect_path; do
    [ -e "$expect_path" ] || record "$expect_kind" "$expect_path"
  done
}

# empty DIRECTORY: nobody has put anything there. A file system of its own comes with lost+found.
empty() { [ -z "$(find "$1/" -mindepth 1 -maxdepth 1 ! -name lost+found)" ]; }

# borrowed DIRECTORY: it was there, empty, before this project used it. The record has its mode and owner, to give back.
borrowed() { sed -n 's|^borrowed [0-7]* [0-9]*:[0-9]* ||p' "$state/created" 2>/dev/null | grep -qxF "$1"; }
borrow() { borrowed "$1" || record borrowed "$(stat -L -c '%a %u:%g' "$1") $1"; }

# own_directory PATH OWNER:GROUP MODE: a new directory, or an empty one that is borrowed. Somebody's files are not closed
# to them.
own_directory() {
  if [ ! -e "$1" ]; then
    record directory "$1"
    changed "$1 (new directory)"
  elif ! recorded directory "$1" && ! borrowed "$1"; then
    if [ -d "$1" ] && empty "$1"; then
      borrow "$1"
      changed "$1 (an empty directory of this host's; destroy gives it back as it was)"
    else
      # A deploy before directories could be borrowed has taken it over: there is nothing left to protect.
      { recorded unit consul.service && [ "$(stat -L -c %U:%G:%a "$1")" = "$2:${3#0}" ]; } ||
        die "$1 exists, is not empty and was not put there by multicast-swarm: move what is in it away, or choose another directory, and run deploy again"
    fi
  fi
  install -d -o "${2%:*}" -g "${2#*:}" -m "$3" "$1"
}

# put FILE OWNER:GROUP MODE COMMAND…: writes what COMMAND prints to FILE, whole or not at all; true when that changed it. Not
# of standard input: in a pipeline, the step would not end where this does. A function prints with one command: what fails
# before its last one is not seen in here.
put() {
  put_file=$1 put_owner=$2 put_mode=$3
  shift 3
  put_new=$(mktemp "$put_file.XXXXXX") || die "cannot write $put_file"
  # Callers look at the result, so that the shell does not end at what fails in here.
  { "$@" >"$put_new" && chown "$put_owner" "$put_new" && chmod "$put_mode" "$put_new"; } || {
    rm -f "$put_new"
    die "cannot write $put_file"
  }
  if cmp -s "$put_new" "$put_file" 2>/dev/null && [ "$(stat -c %U:%G:%a "$put_file")" = "$put_owner:${put_mode#0}" ]; then
    rm -f "$put_new"
    found "$put_file unchanged"
    return 1
  fi
  mv -f "$put_new" "$put_file" || die "cannot write $put_file"
  changed "$put_file"
}

# journal UNIT: the last lines that a service has logged, in one.
journal() { journalctl -u "$1" -n 5 -o cat | tr '\n' ' '; }

# hash_of FILE…: one SHA-256 over the contents of all.
hash_of() { cat "$@" | sha256sum | cut -d' ' -f1; }

# note NAME [VALUE]: reads, or writes, a small fact that a later run compares with.
note() {
  if [ $# = 1 ]; then
    cat "$state/$1" 2>/dev/null || true
  else
    mkdir -p "$state"
    # Steps of one host run side by side, and may note the same.
    printf '%s\n' "$2" >"$state/$1.$$" && mv -f "$state/$1.$$" "$state/$1"
  fi
}

# fixed FIELD VALUE: a setting of the cluster file that cannot be changed where it is in use already.
fixed() {
  fixed_note=fixed-$(printf %s "$1" | tr . -)
  fixed_value=$(note "$fixed_note")
  [ -z "$fixed_value" ] || [ "$fixed_value" = "$2" ] ||
    die "$1 is $fixed_value on this host, and cannot become $2 there: put the setting back, or remove the host in one deploy and add it in the next"
  note "$fixed_note" "$2"
}

# ---- the deploy that has this host ----

# What systemd starts by itself belongs to none.
[ -z "${deploy_by:-}" ] || sh "$here/hold.sh" || exit 1
let_go() { rm -f "$hold" "$hold.checked"; }

# ---- the cluster that this host belongs to ----

# A host has one cluster. Refused before anything is written: a cluster file with an address of another cluster's.
this_cluster=$(cat "$sent/cluster.tsv" 2>/dev/null || true)
known_cluster=$(note cluster)
[ -z "$this_cluster" ] || [ -z "$known_cluster" ] || [ "$this_cluster" = "$known_cluster" ] ||
  die "this host belongs to the cluster '$known_cluster', not to '$this_cluster': remove it there first, or correct its address"

# ---- the hosts of the cluster ----

# hosts all|server|client|manager|agent|down|peers: a line "NAME ADDRESS" for each host of the cluster file that has the
# role. Those that are down have no other; `all` is without them, `peers` with them. The columns of hosts.tsv are those of
# constructs/hosts-table.ts: name, address, roles.
hosts() {
  awk -F'\t' -v role="$1" 'role == "peers" || role == "all" && $3 != "down" || index("," $3 ",", "," role ",") { print $1, $2 }' "$sent/hosts.tsv"
}

# note_member: what this host is called in the cluster, and the address that it has joined by.
note_member() {
  [ -z "$(note member)" ] || return 0
  note member "$(hosts peers | awk -v own=" $(hostname -I)" 'index(own, " " $2 " ") { print; exit }')"
}

# Refused before anything is written, as another cluster is: the others know a member by that address.
known_member=$(note member)
if [ -n "$known_member" ] && [ -f "$sent/hosts.tsv" ]; then
  listed=$(hosts peers | awk -v name="${known_member% *}" '$1 == name { print $2 }')
  [ -z "$listed" ] || [ "$listed" = "${known_member#* }" ] ||
    die "this host joined the cluster as ${known_member% *} at ${known_member#* }, and is at $listed in the cluster file: give it its address again, or remove it in one deploy and add it with the new one in the next"
fi

# docker_at ADDRESS PORT COMMAND…: docker through a host's Weave proxy or Swarm manager. One that hangs counts as silent.
docker_at() {
  docker_url=tcp://$1:$2
  shift 2
  # Whatever API this host's command would speak by itself: other hosts' engines may be older.
  # shellcheck disable=SC2046 # a word each
  DOCKER_API_VERSION=$api_streams timeout 20 env $(tls) docker -H "$docker_url" "$@"
}
