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
