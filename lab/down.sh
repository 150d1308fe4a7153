# shellcheck shell=bash
# Takes the lab away and proves that nothing is left. Sourced.

lab_namespaces() { ip netns list 2>/dev/null | awk -v lab="$NETNS" '$1 == lab || index($1, lab "-") == 1 { print $1 }'; }

# Processes that have anything of the lab open or mounted, whatever namespace they are in.
lab_leftovers() {
  {
    grep -ls "$LAB/" /proc/[0-9]*/mountinfo || true
    find /proc/[0-9]*/cwd /proc/[0-9]*/fd \( -lname "$LAB" -o -lname "$LAB/*" \) 2>/dev/null || true
  } | cut -d/ -f3 | sort -un
}

kill_lab_processes() { # SIGNAL
  local namespace pid
  for namespace in $(lab_namespaces); do
    for pid in $(ip netns pids "$namespace"); do kill "-$1" "$pid" 2>/dev/null || true; done
  done
}

# For a `down` that finds an `up` or its deploy running.
stop_lab_processes() {
  say "$*"
  kill_lab_processes TERM
}

lab_is_quiet() {
  local namespace
  for namespace in $(lab_namespaces); do
    [ -z "$(ip netns pids "$namespace")" ] || return 1
  done
}

lab_down() {
  local namespace host
  if [ -s "$LAB/hosts.list" ] && [ -e "/run/netns/$NETNS" ]; then
    # All hosts lose power at once; their supervisors then end by themselves.
    for host in $(hosts); do power_cut "$host" & done
    wait
  fi
  kill_lab_processes TERM
  wait_until 3 lab_is_quiet || kill_lab_processes KILL
  wait_until 10 lab_is_quiet || die "processes do not end: $(lab_leftovers | paste -sd' ')"
  for namespace in $(lab_namespaces); do ip netns del "$namespace"; done
  if [ -e "$LAB/made-run-netns" ] && [ -z "$(ls -A /run/netns)" ]; then
    umount /run/netns && rmdir /run/netns
  fi
  # A group is busy until the kernel has buried its last process.
  wait_until 10 cgroups_gone || true
  inotify_restore
  if grep -q " $LAB/" /proc/self/mountinfo; then die "still mounted: $(awk '{ print $5 }' /proc/self/mountinfo | grep "^$LAB/" | paste -sd' ')"; fi
  rm -rf --one-file-system "$LAB"
}

cgroups_gone() {
  local root
  cgroup_remove
  for root in $(cgroup_roots); do [ ! -d "$root/multicast-swarm-$LAB_NAME" ] || return 1; done
}

prove_down() {
  local problems=() root
  [ ! -e "$LAB" ] || problems+=("directory $LAB")
  [ -z "$(lab_namespaces)" ] || problems+=("network namespaces: $(lab_namespaces | paste -sd' ')")
  [ -z "$(lab_leftovers)" ] || problems+=("processes: $(lab_leftovers | paste -sd' ')")
  ! grep -q "$LAB/" /proc/self/mountinfo || problems+=("mounts below $LAB")
  ! ip -o link | grep -Eq '^[0-9]+: (lab0|port[0-9]+)[@:]' || problems+=("links: $(ip -o link | grep -Eo '(lab0|port[0-9]+)[@:]')")
  for root in $(cgroup_roots); do
    [ ! -d "$root/multicast-swarm-$LAB_NAME" ] || problems+=("control group $root/multicast-swarm-$LAB_NAME")
  done
  [ ${#problems[@]} = 0 ] || die "down has left something behind: $(printf '%s; ' "${problems[@]}")"
}

# A host's systemd and dockerd take a dozen inotify instances each, and all hosts share the machine's limit for root.
INOTIFY=/proc/sys/fs/inotify/max_user_instances
inotify_raise() {
  [ -s "$LAB/inotify-before" ] || cat "$INOTIFY" >"$LAB/inotify-before"
  [ "$(cat "$INOTIFY")" -ge 4096 ] || echo 4096 >"$INOTIFY"
}
# A lab that is still up inherits the duty.
inotify_restore() {
  [ -s "$LAB/inotify-before" ] || return 0
  local other
  for other in /var/lib/multicast-swarm-*/inotify-before; do
    [ ! -s "$other" ] || [ "$other" = "$LAB/inotify-before" ] || { cp "$LAB/inotify-before" "$other" && return; }
  done
  cat "$LAB/inotify-before" >"$INOTIFY"
}
