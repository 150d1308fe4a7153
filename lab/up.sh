# shellcheck shell=bash
# From a bare machine to a verified cluster, in stages; each finds out what is done already. Sourced.

lab_up() {
  local count=3 names='' user=root to=verified systems=debian-12 engines=distribution wanted machines host
  while [ $# -gt 0 ]; do
    case $1 in
      --hosts) count=${2:-} ;;
      --names) names=${2:-} ;;
      --user) user=${2:-} ;;
      --to) to=${2:-} ;;
      --system) systems=${2:-} ;;
      --engine) engines=${2:-} ;;
      *) die "up: unknown option '$1'" ;;
    esac
    [ $# -ge 2 ] || die "up: $1 needs a value"
    shift 2
  done
  [[ $count =~ ^[1-9][0-9]?$ ]] || die "up: --hosts is a number from 1 to 99, not '$count'"
  [[ $user =~ ^[a-z][a-z0-9_-]*$ ]] || die "up: --user is a user name, not '$user'"
  [[ $to =~ ^(hosts|cluster|verified)$ ]] || die "up: --to is hosts, cluster or verified, not '$to'"
  if [ -z "$names" ]; then names=$(seq -f 'h%.0f' -s, "$count"); fi
  wanted=$(host_list "$names")
  machines=$(machine_list "$names" "$systems" "$engines")

  need_machine
  need_packages
  lab_lock say
  if [ -s "$LAB/hosts.list" ] && { [ "$(cat "$LAB/hosts.list")" != "$wanted" ] || [ "$(cat "$LAB/user")" != "$user" ] || [ "$(cat "$LAB/machines")" != "$machines" ]; }; then
    die "a lab with other hosts is up ($(paste -sd, "$LAB/machines"), user $(cat "$LAB/user")): run scripts/lab down first"
  fi
  need_node
  need_go
  "$REPO/lab/accommodate" say

  # For root alone: a private key, and whatever Terraform writes.
  mkdir -p "$LAB" && chmod 700 "$LAB"
  echo "$machines" >"$LAB/machines"
  stage "parts ready" build_parts
  stage "root file system ready" build_rootfs
  echo "$user" >"$LAB/user"
  echo "$wanted" >"$LAB/hosts.list.new" && mv "$LAB/hosts.list.new" "$LAB/hosts.list"
  note_sources
  stage "hosts up" hosts_up
  write_cluster
  if [ "$to" = hosts ]; then return; fi

  stage "artifacts locked" lock
  stage "deployed" deploy
  if [ "$to" = cluster ]; then return; fi
  stage "verified" verify --transcript
}

# "a,b" -> "a 198.18.0.11" and "b 198.18.0.12", a line each.
host_list() {
  local name number=10 seen=' '
  for name in ${1//,/ }; do
    [[ $name =~ ^[a-z][a-z0-9-]{0,57}$ ]] || die "up: '$name' is no host name: lower case letters, digits and dashes, first a letter"
    [[ $seen != *" $name "* ]] || die "up: two hosts are called '$name'"
    seen+="$name "
    number=$((number + 1))
    [ $number -le 254 ] || die "up: more hosts than addresses"
    echo "$name 198.18.0.$number"
  done
}

# One `up` or `down` at a time. What they start in the foreground inherits the lock, so a deploy that outlives
# a killed `up` is waited for. $1 is told of it.
lab_lock() {
  while :; do
    exec 9>"$LOCK"
    if ! flock --nonblock 9; then
      "$1" "waiting for another scripts/lab up or down, or what it has left running"
      flock 9
    fi
    # `down` removes the file: whoever waited for that one has locked nothing.
    [ ! "$LOCK" -ef /proc/self/fd/9 ] || return 0
  done
}

# "a,b" -> "a SYSTEM ENGINE" and "b SYSTEM ENGINE", a line each. Of lists, each host has its own; the last goes on.
machine_list() {
  local name system=$2, engine=$3,
  for name in ${1//,/ }; do
    [[ ${system%%,*} =~ ^debian-1[123]$ ]] || die "up: --system is debian-11, debian-12 or debian-13, not '${system%%,*}'"
    [[ ${engine%%,*} =~ ^(distribution|28|29)$ ]] || die "up: --engine is distribution, 28 or 29, not '${engine%%,*}'"
    echo "$name ${system%%,*} ${engine%%,*}"
    [ -z "${system#*,}" ] || system=${system#*,}
    [ -z "${engine#*,}" ] || engine=${engine#*,}
  done
}

build_parts() {
  local name system engine parts=()
  while read -r name system engine; do
    [ "$system" = debian-12 ] || parts+=("$system")
    [ "$engine" = distribution ] || parts+=("docker-ce-$engine")
  done <"$LAB/machines"
  ! modern_engines || parts+=(weave-api1.24)
  "$REPO/lab/parts/build" "${parts[@]}" 9>&-
}

build_rootfs() {
  local old system engine recipe
  recipe=$("$REPO/lab/rootfs/build" --recipe)
  cut -d' ' -f2,3 "$LAB/machines" | sort -u | while read -r system engine; do
    "$REPO/lab/rootfs/build" "$CACHE" "$system" "$engine"
  done
  for old in "$CACHE"/rootfs-*/; do
    old=${old%/}
    if [[ $old != *-debian-1[123]-$recipe ]] && ! grep -qs "$old" /var/lib/multicast-swarm-*/hosts/*/layers "$CACHE"/saved/*/*/hosts/*/layers; then rm -rf "$old"; fi
  done
}

hosts_up() {
  local host last system engine layers
  inotify_raise
  network_up
  mirror_up
  write_keys
  last=$(hosts | tail -n 1)
  while read -r host system engine; do
    mkdir -p "$LAB/hosts/$host"
    # The last of several hosts has no Docker Engine: the deploy has to install it.
    if [ ! -s "$LAB/hosts/$host/layers" ]; then
      mapfile -t layers < <("$REPO/lab/rootfs/build" --where "$CACHE" "$system" "$engine")
      if [ "$host" != "$last" ] || [ "$(hosts | wc -l)" = 1 ]; then layers[0]=${layers[1]}:${layers[0]}; fi
      echo "${layers[0]}" >"$LAB/hosts/$host/layers"
    fi
  done <"$LAB/machines"
  each_host boot_host
  write_ssh
  each_host wait_ssh
}

boot_host() {
  host_disk "$1"
  power_on "$1"
}

# Runs a function for all hosts at once; fails when one fails.
each_host() {
  local host pids=() pid failed=0
  for host in $(hosts); do
    "$1" "$host" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  [ $failed = 0 ] || exit 1
}
