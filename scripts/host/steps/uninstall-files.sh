# Units, files, directories and users that go when uninstall.sh runs. Sourced by that.
# shellcheck shell=sh disable=SC2154

# give_back DIRECTORY: mode and owner are again what they were when it was borrowed.
give_back() {
  values borrowed | while read -r mode owner directory; do
    { [ "$directory" = "$1" ] && [ -d "$1" ] && [ "$(stat -L -c '%a %u:%g' "$1")" != "$mode $owner" ]; } || continue
    chown "$owner" "$1"
    chmod "$mode" "$1"
    changed "$1 (mode and owner as before)"
  done
}

remove_units() {
  for unit in $(values unit); do
    systemctl disable -q --now "$unit" 2>/dev/null || true
    rm -f "/etc/systemd/system/$unit"
    systemctl daemon-reload
    systemctl reset-failed "$unit" 2>/dev/null || true
    changed "$unit (removed)"
  done
  # The allow-list goes with its unit, if that was active.
  if recorded unit "$firewall_unit"; then
    nft delete table inet "$firewall_table" 2>/dev/null || true
    [ ! -f "$state/firewall-let-in.sh" ] || sh "$state/firewall-let-in.sh" remove
  fi
  systemctl stop consul-bootstrap.service 2>/dev/null || true
}

remove_files() {
  for file in $(
    values file
    [ "$engine" = stays ] || values engine-file
  ); do
    [ -e "$file" ] || [ -L "$file" ] || continue
    rm -f "$file"
    changed "$file (removed)"
  done
  # Somebody's engine goes back to the clients that it answers by itself.
  if recorded file "/etc/systemd/system/$engine_drop_in"; then
    systemctl daemon-reload
    if [ "$engine" != goes ] && own_engine; then
      systemctl try-restart docker.service || die "docker.service does not start: $(journal docker.service)"
      changed "docker.service (restarted: it answers the clients that it answered before)"
    fi
  fi
}

remove_directories() {
  for directory in $(values directory); do
    rm -rf "${directory:?}"
    changed "$directory (removed)"
  done
}

give_back_directories() {
  for directory in $(values borrowed | cut -d' ' -f3); do
    [ -d "$directory" ] || continue
    ! recorded data "$directory" || continue
    # Of what is in there, ours belongs to the user that it was lent to.
    borrower=$(stat -L -c %u "$directory")
    if values borrowed | grep -q " $borrower:[0-9]* $directory\$"; then borrower=; fi
    [ -z "$borrower" ] || find "$directory/" -xdev -depth -mindepth 1 -user "$borrower" -delete 2>/dev/null || true
    give_back "$directory"
  done
}

remove_users() {
  for user in $(values user); do
    if userdel "$user" 2>/dev/null; then changed "user $user (removed)"; fi
  done
}

remove_groups() {
  [ "$engine" != stays ] || return 0
  for group in $(values group); do
    if getent group "$group" >/dev/null && groupdel "$group" 2>/dev/null; then changed "group $group (removed)"; fi
  done
}

remove_shared_directories() {
  for directory in $(values shared); do
    if rmdir "$directory" 2>/dev/null; then changed "$directory (removed)"; fi
  done
}
