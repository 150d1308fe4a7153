# What every step shares. Sourced by the steps, never run by itself.
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
# A probe that arrives on standard input has names.sh in front of it.
# shellcheck source=scripts/host/steps/names.sh
[ -n "${cluster_label:-}" ] || . "$here/names.sh"
# $state is what this project knows about the host; its file `created` lists what it put there, oldest first.

say() { printf '%s %s: %s\n' "$(uname -n)" "$step" "$*"; }
found() { say "found $*"; }
changed() { say "changed $*"; }
die() {
  printf '%s %s: ERROR: %s\n' "$(uname -n)" "$step" "$*" >&2
  exit 1
}

# take "NAME…" "$@": sets the step's arguments as variables; each one named must be given, none other may be.
take() {
  take_wanted=$1
  shift
  for take_pair; do
    take_name=${take_pair%%=*}
    case " $take_wanted " in
      *" $take_name "*) eval "$take_name=\${take_pair#*=}" ;;
      *) die "unknown argument '$take_name'" ;;
    esac
  done
  for take_name in $take_wanted; do
    eval "test -n \"\${$take_name:-}\"" || die "the argument $take_name=… is missing"
  done
}

# until_true SECONDS COMMAND…: runs COMMAND every half second until it succeeds; fails when SECONDS are over.
until_true() {
  until_end=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$until_end" ] || return 1
    sleep 0.5
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

# put FILE OWNER:GROUP MODE: writes standard input to FILE, whole or not at all; true when that changed it.
put() {
  # Callers look at the result, so that the shell does not end at what fails in here.
  { put_new=$(mktemp "$1.XXXXXX") && cat >"$put_new" && chown "$2" "$put_new" && chmod "$3" "$put_new"; } ||
    die "cannot write $1"
  if cmp -s "$put_new" "$1" 2>/dev/null && [ "$(stat -c %U:%G:%a "$1")" = "$2:${3#0}" ]; then
    rm -f "$put_new"
    found "$1 unchanged"
    return 1
  fi
  mv -f "$put_new" "$1" || die "cannot write $1"
  changed "$1"
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
let_go() { rm -f "$hold"; }

# ---- the cluster that this host belongs to ----

# A host has one cluster. Refused before anything is written: a cluster file with an address of another cluster's.
this_cluster=$(cat "$sent/cluster.tsv" 2>/dev/null || true)
known_cluster=$(note cluster)
[ -z "$this_cluster" ] || [ -z "$known_cluster" ] || [ "$this_cluster" = "$known_cluster" ] ||
  die "this host belongs to the cluster '$known_cluster', not to '$this_cluster': remove it there first, or correct its address"

# ---- artifacts: nothing is installed that is not in the lock file ----

platforms() {
  case $(uname -m) in
    x86_64) platform_arch=amd64 ;;
    aarch64) platform_arch=arm64 ;;
    *) die "the architecture $(uname -m) is not supported; amd64 and arm64 are" ;;
  esac
  # shellcheck disable=SC1091
  platform_os=$(. /etc/os-release && printf '%s-%s' "$ID" "${VERSION_ID:-rolling}")
  printf 'any %s %s-%s' "$platform_arch" "$platform_os" "$platform_arch"
}

# artifacts PREFIX: lines "name version sha256 source" of the locked artifacts for this host whose name begins with PREFIX.
artifacts() {
  awk -F'\t' -v prefix="$1" -v platforms=" $(platforms) " \
    'index($1, prefix) == 1 && index(platforms, " " $2 " ") { print $1, $3, $4, $5 }' "$sent/artifacts.tsv"
}

# artifact NAME: sets artifact_version, artifact_sha256 and artifact_source.
artifact() {
  artifact_line=$(artifacts "$1" | awk -v name="$1" '$1 == name { print; exit }')
  [ -n "$artifact_line" ] ||
    die "artifacts.lock.json has no '$1' for this host ($(platforms)); run scripts/lock, review, and deploy again"
  # shellcheck disable=SC2086
  set -- $artifact_line
  # shellcheck disable=SC2034 # for the steps
  artifact_version=$2 artifact_sha256=$3 artifact_source=$4
}

# A download that brings fewer bytes a second than this, for that many seconds, has stalled.
slowest_bytes=1024
slowest_seconds=30

# watched FILE COMMAND…: runs COMMAND, which writes to FILE, and ends it when that stalls.
watched() {
  watched_file=$1
  shift
  "$@" &
  watched_pid=$!
  {
    watched_size=0 watched_time=0
    while sleep 1; do
      watched_time=$((watched_time + 1))
      [ $((watched_time % slowest_seconds)) = 0 ] || continue
      watched_was=$watched_size
      watched_size=$(stat -c %s "$watched_file" 2>/dev/null || echo 0)
      [ $((watched_size - watched_was)) -ge $((slowest_bytes * slowest_seconds)) ] || break
    done
    kill "$watched_pid"
  } >/dev/null 2>&1 &
  watched_by=$!
  watched_result=0
  wait "$watched_pid" || watched_result=$?
  kill "$watched_by" 2>/dev/null || true
  return "$watched_result"
}

download() { # URL FILE
  if command -v curl >/dev/null; then
    curl -fsSL --retry 3 --connect-timeout 10 --speed-limit "$slowest_bytes" --speed-time "$slowest_seconds" -o "$2" "$1"
  elif command -v wget >/dev/null; then
    # wget and apt know how long they wait for the next byte, and would wait for each of them.
    watched "$2" wget -nv --tries=3 --timeout="$slowest_seconds" -O "$2" "$1"
  elif [ -x /usr/lib/apt/apt-helper ]; then
    # Every Debian and Ubuntu has apt's own downloader, even where neither curl nor wget is installed.
    watched "$2" /usr/lib/apt/apt-helper -q -o Acquire::Retries=3 -o "Acquire::http::Timeout=$slowest_seconds" \
      -o "Acquire::https::Timeout=$slowest_seconds" -o APT::Sandbox::User=root download-file "$1" "$2" >/dev/null
  else
    die "found no program to download with; install curl or wget"
  fi
}

# withdrawn FILE: what a downloader has written to FILE says that the server has no such file (any more).
withdrawn() { grep -Eq '(error: |ERROR | )(404|410)( |:|$)' "$1"; }

# fetch_url URL: downloads to $fetched.part.
fetch_url() {
  if download "$1" "$fetched.part" 2>"$fetched.said"; then
    rm -f "$fetched.said"
    return
  fi
  # curl ends what it says of a certificate with advice on where to read about it.
  fetch_said=$(grep '^curl: (' "$fetched.said" || tail -n 1 "$fetched.said")
  fetch_why="cannot download $1; is it reachable from this host, and fast enough? ($fetch_said)"
  ! withdrawn "$fetched.said" ||
    fetch_why="$1 does not exist any more: distributions withdraw a package when they have a newer one; run scripts/lock, review, and deploy again ($fetch_said)"
  rm -f "$fetched.part" "$fetched.said"
  die "$fetch_why"
}

# pushed SOURCE SHA256: sets fetch_pushed to the file that the operator's machine has sent.
pushed() {
  for fetch_pushed in "$sent/artifacts/$2" "$sent/artifacts/$(basename "${1#file:}")"; do
    [ ! -f "$fetch_pushed" ] || return 0
  done
  die "$1 was not sent to this host; run deploy again"
}

# fetch SOURCE SHA256: sets fetched to a file with that hash, or ends the step with nothing changed.
fetch() {
  fetched=$state/download/$2
  if [ -f "$fetched" ] && [ "$(hash_of "$fetched")" = "$2" ]; then
    return
  fi
  mkdir -p "$state/download"
  rm -f "$fetched.part"
  fetch_pushed=
  case $1 in
    file:*)
      pushed "$1" "$2"
      cp "$fetch_pushed" "$fetched.part"
      ;;
    http://* | https://*) fetch_url "$1" ;;
    *) die "cannot fetch from '$1'" ;;
  esac
  fetch_hash=$(hash_of "$fetched.part")
  if [ "$fetch_hash" != "$2" ]; then
    rm -f "$fetched.part"
    die "checksum mismatch: $1 has SHA-256 $fetch_hash, artifacts.lock.json says $2; nothing of it was installed"
  fi
  mv -f "$fetched.part" "$fetched"
  # One copy is enough: this one is on its way to where it is installed or loaded.
  [ -z "$fetch_pushed" ] || rm -f "$fetch_pushed"
}

# ---- the cluster ----

# hosts all|server|client|manager|agent|down|peers: a line "NAME ADDRESS" for each host of the cluster file that has the
# role. Those that are down have no other; `all` is without them, `peers` with them. The columns of hosts.tsv are those of
# constructs/hosts-table.ts: name, address, roles.
hosts() {
  awk -F'\t' -v role="$1" 'role == "peers" || role == "all" && $3 != "down" || index("," $3 ",", "," role ",") { print $1, $2 }' "$sent/hosts.tsv"
}

# docker_at ADDRESS PORT COMMAND…: docker through a host's Weave proxy or Swarm manager. One that hangs counts as silent.
docker_at() {
  docker_url=tcp://$1:$2
  shift 2
  # Whatever API this host's command would speak by itself: other hosts' engines may be older.
  DOCKER_API_VERSION=$api_streams timeout 20 docker -H "$docker_url" "$@"
}

# ---- Consul and the Weave script ----

consul_binary=/usr/local/bin/consul
# Unpacked and checked, until it takes the place of the one in use.
consul_next=$state/consul-binary-next
weave_script=/usr/local/bin/weave

# Each is true when the locked artifact is what is installed; artifact_* describe it then.
consul_installed() {
  artifact consul
  [ -x $consul_binary ] && [ "$(note consul-binary)" = "$artifact_sha256 $(hash_of $consul_binary)" ]
}
consul_prepared() {
  artifact consul
  [ -x "$consul_next" ] && [ "$(note consul-next)" = "$artifact_sha256" ]
}
weave_installed() {
  artifact weave
  [ -x $weave_script ] && [ "$(hash_of $weave_script)" = "$artifact_sha256" ]
}

# weave_images: what Weave's script needs, by the settings of /etc/default/weave.
weave_images() {
  printf '%s\n' "$DOCKERHUB_USER/weave:$WEAVE_VERSION" "$DOCKERHUB_USER/weaveexec:$WEAVE_VERSION" "$DOCKERHUB_USER/weavedb:latest"
}

# weave_env: Weave's script has to use the same images as the unit, and would pull what a prune took, by its tag.
weave_env() {
  [ -f /etc/default/weave ] || return 0
  set -a
  # shellcheck disable=SC1091
  . /etc/default/weave
  set +a
  for weave_image in $(weave_images); do restore_image "$weave_image" || true; done
}

# peer_name ADDRESS: a Weave peer's name comes from the host's address, so that a rebuilt host is the same peer and keeps
# its addresses, and two hosts can never claim one name.
# shellcheck disable=SC2046,SC2183
peer_name() { printf '02:00:%02x:%02x:%02x:%02x' $(printf %s "$1" | tr '.' ' '); }

# ---- packages ----

# shellcheck disable=SC2034 # for the steps
engine_root=/var/lib/docker containerd_root=/var/lib/containerd

# expect_data ROOT: records where an engine that this project installs is going to keep what it holds, unless something
# is kept there already.
expect_data() {
  if [ ! -e "$1" ]; then
    record data "$1"
  elif empty "$1"; then
    borrow "$1"
    record data "$1"
  else
    found "$1 with data in it: they stay when the engine goes"
  fi
}

# package_version NAME: the version that is installed; nothing where it is not, or not completely.
package_version() {
  dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | awk '$1 == "installed" { print $2; exit }'
}

# package_of FILE…: the installed package that has brought a file whose path ends so.
package_of() {
  for package_file; do
    dpkg-query -S "*/$package_file" 2>/dev/null | grep "/$package_file\$" | sed 's/[:,].*//' | head -n 1 | grep . && return
  done
  return 1
}

# An engine of this host's own: its program, or the unit that starts one from another place.
own_engine() { command -v dockerd >/dev/null || systemctl cat docker.service >/dev/null 2>&1; }

# other_engine: true when there is an engine that the steps could not start, or stop; sets other_engine to what it is.
# A second one beside it would fight with it for its socket, bridge and rules.
other_engine() {
  other_engine=
  if command -v snap >/dev/null && snap list docker >/dev/null 2>&1; then
    other_engine="Docker from a snap"
  elif ss -Hxl 2>/dev/null | grep -Eq ' (/var)?/run/docker\.sock '; then
    other_engine="something that is not docker.service listening on /run/docker.sock"
  fi
  [ -n "$other_engine" ]
}

# The packages that came with the engine. Before their group was recorded, they were all but unzip.
engine_packages() {
  if grep -q '^docker-engine ' "$state/created" 2>/dev/null; then
    sed -n 's|^docker-engine ||p' "$state/created"
  elif [ -n "$(note engine-before)" ]; then
    sed -n 's|^package ||p' "$state/created" 2>/dev/null | grep -vx unzip || true
  fi
}

# brought_here NAME: a package of the engine's that this project has installed.
brought_here() { [ -n "$1" ] && engine_packages | grep -qxF "$1"; }

# engine_ours: the engine that is here is the one that this project has installed, to the end or not.
engine_ours() { [ -n "$(engine_packages)" ] && brought_here "$(package_of bin/dockerd || package_of sbin/dockerd || true)"; }

# Every package that was recorded as the engine's is there. With the note, installing has come to its end, whatever
# somebody has made of it since.
engine_whole() {
  [ -z "$(note engine-installed)" ] || return 0
  for engine_name in $(engine_packages); do [ -n "$(package_version "$engine_name")" ] || return 1; done
}

# engine_missing: true when the engine has to be installed, or its installation to be completed. One that is there is left
# alone: a newer one in the lock file would restart every container on all hosts at once.
engine_missing() {
  own_engine || return 0
  engine_ours || return 1
  if engine_whole; then return 1; fi
}

# hold_engine: apt leaves the engine that this project has installed, and its command, at their versions.
hold_engine() {
  hold_held=$(apt-mark showhold)
  for hold_name in $({ package_of bin/dockerd sbin/dockerd && package_of bin/docker; } | sort -u); do
    brought_here "$hold_name" || continue
    ! printf '%s\n' "$hold_held" | grep -qxF "$hold_name" || continue
    record hold "$hold_name"
    apt-mark hold "$hold_name" >/dev/null
    changed "package $hold_name (held at $(package_version "$hold_name"))"
  done
}

# missing_packages GROUP: the lines of the locked group whose packages the host has not got, or in an older version only.
missing_packages() {
  packages_list=$(artifacts "package:$1:")
  [ -n "$packages_list" ] ||
    die "artifacts.lock.json has no packages '$1' for this host ($(platforms)); run scripts/lock, review, and deploy again"
  printf '%s\n' "$packages_list" | while read -r package_name package_rest; do
    package_has=$(package_version "${package_name##*:}")
    if [ -z "$package_has" ] || dpkg --compare-versions "$package_has" lt "${package_rest%% *}"; then
      printf '%s %s\n' "${package_name##*:}" "$package_rest"
    fi
  done
}

# A run that was cut off leaves its packages half installed; apt does nothing before that is dealt with. What this cannot
# configure yet is what apt is about to complete.
complete_packages() { [ -z "$(ls -A /var/lib/dpkg/updates)" ] || dpkg --configure -a >/dev/null 2>&1 || true; }

# install_packages GROUP: installs those that are missing, from the locked files alone. The record has them as packages, and
# under the group's name.
install_packages() {
  packages=$(missing_packages "$1")
  [ -n "$packages" ] || return 0
  packages_dir=$state/download/$1
  mkdir -p "$packages_dir"
  while read -r package_name package_version package_sha256 package_source; do
    fetch "$package_source" "$package_sha256"
    # apt takes a file for a package by its name.
    mv -f "$fetched" "$packages_dir/${package_name}_$(printf %s "$package_version" | tr ':' '_').deb"
    # What was there before in an older version stays when the rest is removed.
    [ -n "$(package_version "$package_name")" ] || {
      record package "$package_name"
      record "$1" "$package_name"
    }
  done <<END
$packages
END
  expect shared /var/lib/apt/lists/auxfiles
  complete_packages
  # With no sources, apt can take nothing but the files it is given. What was held may have to be completed.
  apt-get install -y -qq --no-install-recommends --allow-change-held-packages -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null \
    -o APT::Sandbox::User=root -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$packages_dir"/*.deb >"$packages_dir/log" 2>&1 || {
    tail -n 20 "$packages_dir/log" >&2
    die "apt-get could not install the packages of '$1' (above: the end of its output)"
  }
  changed "packages $(printf '%s\n' "$packages" | awk '{ printf "%s %s, ", $1, $2 }')checksums are right (installed)"
  rm -rf "$packages_dir"
}

# forward_policy iptables|ip6tables: the packet filter's policy for what is forwarded. A host without the command has none
# but the kernel's.
forward_policy() { "$1" -w -S FORWARD 2>/dev/null | sed -n 's/^-P FORWARD //p' | grep . || echo ACCEPT; }

# ---- images ----

# image_facts NAME:TAG: sets image_id to what the engine has under that reference, image_note to where it is noted what
# load_image has put there, and image_copy to the host's own copy of that.
image_facts() {
  image_file=$(printf %s "$1" | tr '/:' '__')
  image_note=image-$image_file
  image_copy=$state/images/$image_file.tar
  image_id=$(docker image inspect -f '{{.Id}}' "$1" 2>/dev/null || true)
}

# image_loaded NAME:TAG: true when the engine has the locked image under that reference; sets what image_facts sets.
image_loaded() {
  artifact "image:$1"
  image_facts "$1"
  [ -n "$image_id" ] && [ "$(note "$image_note")" = "$artifact_sha256 $image_id" ]
}

# image_kept NAME:TAG: true when the host's own copy is of the locked image, so that nothing has to be fetched for it.
image_kept() {
  artifact "image:$1"
  image_facts "$1"
  image_noted=$(note "$image_note")
  [ -f "$image_copy" ] && [ "${image_noted%% *}" = "$artifact_sha256" ]
}

# pull_image REFERENCE@DIGEST: the engine has it, without a tag. A registry may be slow, or count how often it is asked.
# One that wants a login gets root's own, from where docker login has put it.
pull_image() {
  ! docker image inspect "$1" >/dev/null 2>&1 || return 0
  record image "$1"
  for pull_pause in 2 10 30 0; do
    pull_said=$(HOME=~root timeout 1800 docker pull -q "$1" 2>&1) && return
    case $pull_said in
      *[Uu]nauthorized* | *"no basic auth credentials"* | *" access denied"* | *"denied: "*)
        die "cannot pull $1: $pull_said; if the registry wants a login, docker login ${1%%/*} as root on this host"
        ;;
    esac
    sleep "$pull_pause"
  done
  die "cannot pull $1: $pull_said"
}

# load_image NAME:TAG: the engine has the locked image under that reference, and the host a copy for restore_image.
load_image() {
  if image_loaded "$1"; then
    found "image $1"
    save_image "$1"
    return
  fi
  [ -z "$image_id" ] || recorded image "$1" ||
    die "the image $1 is on this host already, but was not put there by multicast-swarm; remove it (docker image rm $1) and run deploy again"
  record image "$1"
  image_noted=$(note "$image_note")
  if [ "${image_noted%% *}" = "$artifact_sha256" ] && restore_image "$1"; then
    rm -f "$state/download/$artifact_sha256"
    return
  fi
  # It may be of another image.
  rm -f "$image_copy"
  # The one that has the name until now is left without.
  [ -z "$image_id" ] || record image "$image_id"
  case $artifact_source in
    docker://*)
      image_pull=${artifact_source#docker://}@sha256:$artifact_sha256
      pull_image "$image_pull"
      docker tag "$image_pull" "$1"
      save_image "$1"
      ;;
    *)
      fetch "$artifact_source" "$artifact_sha256"
      docker load -q -i "$fetched" >/dev/null || die "the engine refuses $artifact_source"
      mkdir -p "$state/images"
      mv -f "$fetched" "$image_copy"
      ;;
  esac
  image_id=$(docker image inspect -f '{{.Id}}' "$1" 2>/dev/null) || die "$artifact_source does not hold an image named $1"
  note "$image_note" "$artifact_sha256 $image_id"
  changed "image $1 (loaded)"
}

# save_image NAME:TAG: the host's own copy, where there is none, is made of what the engine has.
save_image() {
  image_facts "$1"
  [ ! -f "$image_copy" ] || return 0
  mkdir -p "$state/images"
  if docker save -o "$image_copy.new" "$1" 2>/dev/null; then
    mv -f "$image_copy.new" "$image_copy"
    changed "$image_copy (for when the engine has lost the image)"
  else
    # The cluster works without it.
    rm -f "$image_copy.new"
    found "no room for $image_copy: an image that a prune takes comes back with a deploy only"
  fi
}

# restore_image NAME:TAG: what a prune took of what load_image has put there is loaded again from the host's own copy;
# false when the engine has not got it then.
restore_image() {
  image_facts "$1"
  image_noted=$(note "$image_note")
  [ -z "$image_id" ] || [ "$image_id" != "${image_noted#* }" ] || return 0
  { [ -f "$image_copy" ] && docker load -q -i "$image_copy" >/dev/null; } || return 1
  image_id=$(docker image inspect -f '{{.Id}}' "$1" 2>/dev/null) || return 1
  note "$image_note" "${image_noted%% *} $image_id"
  changed "image $1 (loaded again from $image_copy)"
}

# drop_image NAME:TAG: takes back what load_image has put there; false when the engine still needs it.
drop_image() {
  image_facts "$1"
  [ -z "$image_id" ] || docker image rm "$1" >/dev/null 2>&1 || return 1
  rm -f "$image_copy" "${state:?}/$image_note"
  [ -z "$image_id" ] || changed "image $1 (removed)"
}

# ---- Swarm ----

# The containers that the deploy has made on this host; a stranger's of the same name stays.
remove_swarm_containers() {
  for container in "$manager_container" "$agent_container"; do
    container_of=$(docker inspect -f "{{index .Config.Labels \"$cluster_label\"}}" "$container" 2>/dev/null || true)
    [ -n "$container_of" ] || continue
    docker rm -f -v "$container" >/dev/null
    changed "container $container (removed)"
  done
}

# remove_node ADDRESS: Swarm's entry of a host that has left, which would otherwise stay until it expires.
remove_node() {
  node_entry=docker/swarm/nodes/$1:$port_weave_proxy
  consul kv get "$node_entry" >/dev/null 2>&1 || return 0
  consul kv delete "$node_entry" >/dev/null || die "cannot delete $node_entry from Consul's key-value store"
  changed "Swarm: node $1:$port_weave_proxy (removed)"
}
