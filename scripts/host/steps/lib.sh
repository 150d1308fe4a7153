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

own_directory() { # PATH OWNER:GROUP MODE; one that was there before stays someone else's
  [ -d "$1" ] || record directory "$1"
  [ -d "$1" ] || changed "$1 (new directory)"
  install -d -o "${2%:*}" -g "${2#*:}" -m "$3" "$1"
}

# put FILE OWNER:GROUP MODE: writes standard input to FILE, whole or not at all; true when that changed it.
put() {
  # Callers look at the result, so that the shell does not end at what fails in here.
  { put_new=$(mktemp "$1.XXXXXX") && cat >"$put_new" && chown "$2" "$put_new" && chmod "$3" "$put_new"; } ||
    die "cannot write $1"
  if cmp -s "$put_new" "$1" 2>/dev/null && [ "$(stat -c %U:%G:%a "$1")" = "$2:${3#0}" ]; then
    rm -f "$put_new"
    found "$1 as wanted"
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
    printf '%s\n' "$2" >"$state/$1.new" && mv -f "$state/$1.new" "$state/$1"
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

download() { # URL FILE
  if command -v curl >/dev/null; then
    curl -fsSL --retry 3 --connect-timeout 10 -o "$2" "$1"
  elif command -v wget >/dev/null; then
    wget -q --tries=3 --timeout=30 -O "$2" "$1"
  elif [ -x /usr/lib/apt/apt-helper ]; then
    # Every Debian and Ubuntu has apt's own downloader, even where neither curl nor wget is installed.
    /usr/lib/apt/apt-helper -q -o Acquire::Retries=3 -o APT::Sandbox::User=root download-file "$1" "$2" >/dev/null
  else
    die "found no program to download with; install curl or wget"
  fi
}

# fetch SOURCE SHA256: sets fetched to a file with that hash, or ends the step with nothing changed.
fetch() {
  fetched=$state/download/$2
  if [ -f "$fetched" ] && [ "$(hash_of "$fetched")" = "$2" ]; then
    return
  fi
  mkdir -p "$state/download"
  rm -f "$fetched.part"
  case $1 in
    file:*)
      fetch_pushed=$sent/artifacts/$(basename "$1")
      [ -f "$fetch_pushed" ] || die "$1 was not sent to this host; run deploy again"
      cp "$fetch_pushed" "$fetched.part"
      ;;
    http://* | https://*) download "$1" "$fetched.part" || die "cannot download $1; is it reachable from this host?" ;;
    *) die "cannot fetch from '$1'" ;;
  esac
  fetch_hash=$(hash_of "$fetched.part")
  if [ "$fetch_hash" != "$2" ]; then
    rm -f "$fetched.part"
    die "checksum mismatch: $1 has SHA-256 $fetch_hash, artifacts.lock.json says $2; nothing of it was installed"
  fi
  mv -f "$fetched.part" "$fetched"
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
  timeout 20 docker -H "$docker_url" "$@"
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

# weave_env: Weave's script has to use the same images as the unit.
weave_env() {
  set -a
  # shellcheck disable=SC1091
  [ ! -f /etc/default/weave ] || . /etc/default/weave
  set +a
}

# peer_name ADDRESS: a Weave peer's name comes from the host's address, so that a rebuilt host is the same peer and keeps
# its addresses, and two hosts can never claim one name.
# shellcheck disable=SC2046,SC2183
peer_name() { printf '02:00:%02x:%02x:%02x:%02x' $(printf %s "$1" | tr '.' ' '); }

# ---- packages ----

# missing_packages GROUP: the lines of the locked group whose packages the host has not got.
missing_packages() {
  packages_list=$(artifacts "package:$1:")
  [ -n "$packages_list" ] ||
    die "artifacts.lock.json has no packages '$1' for this host ($(platforms)); run scripts/lock, review, and deploy again"
  printf '%s\n' "$packages_list" | while read -r package_name package_rest; do
    dpkg-query -W -f '${db:Status-Status}\n' "${package_name##*:}" 2>/dev/null | grep -qx installed ||
      printf '%s %s\n' "${package_name##*:}" "$package_rest"
  done
}

# install_packages GROUP: installs those that are missing, from the locked files alone.
install_packages() {
  packages=$(missing_packages "$1")
  [ -n "$packages" ] || return 0
  packages_dir=$state/download/$1
  mkdir -p "$packages_dir"
  while read -r package_name package_version package_sha256 package_source; do
    fetch "$package_source" "$package_sha256"
    # apt takes a file for a package by its name.
    mv -f "$fetched" "$packages_dir/${package_name}_$(printf %s "$package_version" | tr ':' '_').deb"
    record package "$package_name"
  done <<END
$packages
END
  expect shared /var/lib/apt/lists/auxfiles
  # A run that was cut off leaves its packages half installed; apt does nothing before that is dealt with. What this
  # cannot configure yet is what apt is about to complete.
  [ -z "$(ls -A /var/lib/dpkg/updates)" ] || dpkg --configure -a >/dev/null 2>&1 || true
  # With no sources, apt can take nothing but the files it is given.
  apt-get install -y -qq --no-install-recommends -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null \
    -o APT::Sandbox::User=root -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$packages_dir"/*.deb >"$packages_dir/log" 2>&1 || {
    tail -n 20 "$packages_dir/log" >&2
    die "apt-get could not install the packages of '$1' (above: the end of its output)"
  }
  changed "packages $(printf '%s\n' "$packages" | awk '{ printf "%s %s, ", $1, $2 }')checksums are right (installed)"
  rm -rf "$packages_dir"
}

# The packet filter's policy for what is forwarded. A host without the command has none but the kernel's.
forward_policy() { iptables -w -S FORWARD 2>/dev/null | sed -n 's/^-P FORWARD //p' | grep . || echo ACCEPT; }

# ---- images ----

# image_loaded NAME:TAG: true when the engine has the locked image under that reference; sets image_id to what it has.
image_loaded() {
  artifact "image:$1"
  image_note=image-$(printf %s "$1" | tr '/:' '__')
  image_id=$(docker image inspect -f '{{.Id}}' "$1" 2>/dev/null || true)
  [ -n "$image_id" ] && [ "$(note "$image_note")" = "$artifact_sha256 $image_id" ]
}

# load_image NAME:TAG: the engine has the locked image under that reference.
load_image() {
  if image_loaded "$1"; then
    found "image $1"
    return
  fi
  [ -z "$image_id" ] || recorded image "$1" ||
    die "the image $1 is on this host already, but was not put there by multicast-swarm; remove it (docker image rm $1) and run deploy again"
  record image "$1"
  case $artifact_source in
    docker://*)
      image_pull=${artifact_source#docker://}@sha256:$artifact_sha256
      docker pull -q "$image_pull" >/dev/null || die "cannot pull $image_pull"
      docker tag "$image_pull" "$1"
      ;;
    *)
      fetch "$artifact_source" "$artifact_sha256"
      docker load -q -i "$fetched" >/dev/null || die "the engine refuses $artifact_source"
      rm -f "$fetched"
      ;;
  esac
  image_id=$(docker image inspect -f '{{.Id}}' "$1" 2>/dev/null) || die "$artifact_source does not hold an image named $1"
  note "$image_note" "$artifact_sha256 $image_id"
  changed "image $1 (loaded)"
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
