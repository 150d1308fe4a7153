# shellcheck shell=bash
# Every host gets control groups of its own, in every hierarchy: nspawn separates only systemd's, and the hosts'
# Docker daemons would share the others. On a machine with systemd as pid 1 that is systemd's business. Sourced.

cgroup_roots() {
  [ -d /run/systemd/system ] || awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts
}

cgroup_make() {
  local root
  for root in $(cgroup_roots); do
    mkdir -p "$root/multicast-swarm-$LAB_NAME"
    # A new cpuset has no processors and takes no process.
    if [ -e "$root/cpuset.cpus" ]; then echo 1 >"$root/multicast-swarm-$LAB_NAME/cgroup.clone_children"; fi
    if [ -e "$root/cpuset.cpus" ] && [ -z "$(cat "$root/multicast-swarm-$LAB_NAME/cpuset.cpus")" ]; then
      cat "$root/cpuset.cpus" >"$root/multicast-swarm-$LAB_NAME/cpuset.cpus"
      cat "$root/cpuset.mems" >"$root/multicast-swarm-$LAB_NAME/cpuset.mems"
    fi
    mkdir -p "$root/multicast-swarm-$LAB_NAME/$1"
  done
}

# Moves the calling (sub)shell.
cgroup_enter() {
  local root
  for root in $(cgroup_roots); do echo "$BASHPID" >"$root/multicast-swarm-$LAB_NAME/$1/cgroup.procs"; done
}

# cgroup_remove [HOST]: removes what has no process, all of the lab's without HOST.
cgroup_remove() {
  local root
  for root in $(cgroup_roots); do
    [ ! -d "$root/multicast-swarm-$LAB_NAME${1:+/$1}" ] ||
      find "$root/multicast-swarm-$LAB_NAME${1:+/$1}" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}
