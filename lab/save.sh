# shellcheck shell=bash
# Puts a lab away, and back: its hosts' disks and the operator's files, under a name. Sourced.

# One folder for each name of a lab: the operator's files name that lab's folder.
SAVED=$CACHE/saved/$LAB_NAME

# A hash of what decides what a lab's hosts are like: whatever makes them, and whatever a deploy runs.
sources() {
  (
    cd "$REPO" || exit
    pwd
    # Links lead to what a part is made of elsewhere in the repository.
    find -L cluster commands/lock commands/preflight commands/shared constructs lab scripts/host ssh \
      main.ts cdktf.json package-lock.json -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
  ) | sha256sum | cut -c1-16
}

# Notes that the lab is made from the sources as they are now. One that was deployed from several has several lines,
# and passes for none of them.
note_sources() {
  local now
  now=$(sources)
  grep -qsx "$now" "$LAB/sources" || echo "$now" >>"$LAB/sources"
}

saved_name() { [[ ${1:-} =~ ^[a-z0-9][a-z0-9-]*$ ]] || die "a saved lab's name is lower-case letters, digits and dashes, not '${1:-}'"; }
saved_names() { find "$SAVED" -mindepth 1 -maxdepth 1 ! -name '*.new' -printf '%f\n' 2>/dev/null | sort | paste -sd' '; }

# The hosts are shut down, so that their disks are whole, and those that were on boot again.
lab_save() { # NAME
  local host on=()
  saved_name "$@"
  need_lab
  lab_lock say
  for host in $(hosts); do
    if is_on "$host"; then on+=("$host"); fi
  done
  stage "hosts off" each_host host_off
  stage "saved" copy_away "$SAVED/$1"
  for host in "${on[@]}"; do power_on "$host"; done
  stage "hosts up again" wait_for_hosts "${on[@]}"
  say "$1 is in $SAVED/$1, $(du -sh "$SAVED/$1" | cut -f1): scripts/lab load $1, when this lab is down"
}

copy_away() { # FOLDER: the rename at the end makes it whole or not there
  rm -rf "$1.new"
  # For root alone: private keys are in it.
  (umask 077 && mkdir -p "$SAVED")
  cp -a "$LAB" "$1.new"
  # What has to be undone on this machine when this lab is down is no part of it.
  rm -f "$1.new/inotify-before" "$1.new/made-run-netns"
  rm -rf "$1"
  mv "$1.new" "$1"
}

wait_for_hosts() {
  local host
  for host in "$@"; do wait_ssh "$host"; done
}

lab_load() { # NAME [--any]
  saved_name "$@"
  lab_lock say
  [ ! -e "$LAB" ] || die "a lab is up: run scripts/lab down first"
  [ -d "$SAVED/$1" ] || die "no lab is saved as '$1'; there are: $(saved_names)"
  [ "${2:-}" = --any ] || [ "$(cat "$SAVED/$1/sources")" = "$(sources)" ] ||
    die "'$1' was made from other sources than there are now: make it again, or add --any"
  need_machine
  need_packages
  need_node
  need_go
  stage "loaded" copy_back "$SAVED/$1"
  stage "parts ready" build_parts
  stage "root file system ready" build_rootfs
  stage "hosts up" hosts_up
}

copy_back() { # FOLDER
  mkdir -p "$LAB" && chmod 700 "$LAB"
  cp -a "$1" "$LAB/new"
  find "$LAB/new" -mindepth 1 -maxdepth 1 -exec mv -t "$LAB" {} + # names that begin with a dot too
  rmdir "$LAB/new"
}
