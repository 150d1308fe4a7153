# shellcheck shell=bash
# One simulated host: its disk, and its power button. Sourced.
#   $LAB/hosts/NAME/  layers    the read-only layers below the disk (overlayfs, upper one first)
#                     disk/     what the host has written; docker/ is its /var/lib/docker (overlay2 cannot lie on overlayfs),
#                               containerd/ its /var/lib/containerd, where engine 29 keeps images
#                     log       its console
#                     power     locked while the host is on

# host_disk NAME: an empty disk with an identity of its own. The rename at the end makes it whole or not there.
host_disk() {
  local home=$LAB/hosts/$1
  [ -d "$home/disk" ] && return
  rm -rf "$home/new" "$home/work" "$home/docker" "$home/containerd"
  mkdir -p "$home/new" "$home/work" "$home/docker" "$home/containerd" "$home/root"
  unshare --mount "$REPO/lab/host-identity" "$1" >"$home/log" 2>&1 9>&- ||
    die "$1: cannot prepare its disk: $(tail -n 3 "$home/log")"
  mv "$home/new" "$home/disk"
}

is_on() {
  [ -e "$LAB/hosts/$1/power" ] || return 1
  ! flock --nonblock "$LAB/hosts/$1/power" true
}
is_off() { ! is_on "$1"; }

# Every process of a host is in its network namespace, or below the guest's init in its process namespace.
# In the latter, init is number 1, and its containers' inits are one level deeper.
guest_init() {
  local pid
  for pid in $(ip netns pids "$NETNS-$1" 2>/dev/null); do
    awk '/^NSpid:/ { exit !(NF == 3 && $3 == 1) }' "/proc/$pid/status" 2>/dev/null && echo "$pid" && return
  done
  return 1
}

power_on() {
  local home=$LAB/hosts/$1 lock
  # A guest whose supervisor was killed would hold the disk.
  is_on "$1" || power_cut "$1"
  exec {lock}>"$home/power"
  # The supervisor inherits the lock: there is no moment at which a starting host looks off.
  if flock --nonblock "$lock"; then
    in_lab setsid "$REPO/lab/machine" "$1" </dev/null >>"$home/log" 2>&1 9>&- &
    disown
  fi
  exec {lock}>&-
}

# The power cut: the guest's init dies without a word, and all of the guest with it.
cut_guest() {
  local pid
  if pid=$(guest_init "$1"); then
    kill -KILL "$pid" 2>/dev/null || true
  fi
  [ -z "$(ip netns pids "$NETNS-$1" 2>/dev/null)" ]
}

power_cut() {
  wait_until 30 eval "cut_guest '$1' && is_off '$1'" || die "$1: still has processes after a power cut: $(ip netns pids "$NETNS-$1" | paste -sd' ')"
}

wait_off() { wait_until 60 is_off "$1" || die "$1: did not power off within 60 s; see $LAB/hosts/$1/log"; }

lab_ssh() { in_lab ssh -F "$LAB/ssh_config" "$@"; }

# A login works: sshd answers and the host lets people in (it refuses users while it boots).
accepts_login() { lab_ssh -n "$1" true 2>/dev/null; }

answers_or_dead() { is_off "$1" || accepts_login "$1"; }
wait_ssh() {
  wait_until 60 answers_or_dead "$1" || die "$1: sshd did not answer within 60 s; see $LAB/hosts/$1/log"
  is_on "$1" || die "$1: ended while booting: $(tail -n 3 "$LAB/hosts/$1/log")"
}

# A clean shutdown.
host_off() {
  is_on "$1" || return 0
  # The connection ends with the host, in one way or another.
  lab_ssh -n "$1" sudo systemctl poweroff || true
  wait_off "$1"
}

host_reboot() {
  host_off "$1"
  power_on "$1"
  wait_ssh "$1"
}

host_wipe() {
  power_cut "$1"
  rm -rf --one-file-system "${LAB:?}/hosts/$1/disk"
  host_disk "$1"
  write_ssh
}
