# Packages that go when uninstall.sh runs. Sourced by that.
# shellcheck shell=sh disable=SC2154

# takes "ALLOWED" NAME…: the packages besides ALLOWED that would go with these. With no sources, apt installs nothing
# in their place.
takes() {
  takes_allowed=$1
  shift
  takes_plan=$(apt-get -s purge -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null "$@" 2>&1) || {
    printf '%s\n' "$takes_plan" | tail -n 5 >&2
    return 1
  }
  printf '%s\n' "$takes_plan" | awk -v allowed=" $takes_allowed " \
    '($1 == "Purg" || $1 == "Remv") && !index(allowed, " " $2 " ") { print $2 }' | sort -u
}

# removable NAME…: sets removable to those that can go without any other, and says what the rest stays for.
removable() {
  removable=
  for removable_name; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$removable_name" 2>/dev/null) in
      '' | not-installed) ;;
      *) removable="${removable:+$removable }$removable_name" ;;
    esac
  done
  # What stays may need others of them, so that they are asked again.
  # shellcheck disable=SC2086
  while [ -n "$removable" ]; do
    removable_others=$(takes "$removable" $removable) || die "apt-get does not tell what goes with the packages $removable"
    [ -n "$removable_others" ] || return 0
    removable_now=
    for removable_name in $removable; do
      removable_others=$(takes "$removable" $removable_now $removable_name 2>/dev/null) || removable_others=
      if [ -z "$removable_others" ]; then
        removable_now="${removable_now:+$removable_now }$removable_name"
      else
        found "package $removable_name, which $(printf '%s\n' "$removable_others" | listed) needs: it stays"
      fi
    done
    removable=$removable_now
  done
}
goes() { case " $removable " in *" $1 "*) ;; *) return 1 ;; esac }

# apt_get remove|purge NAME…
apt_get() {
  [ $# -gt 1 ] || return 0
  complete_packages
  # What was simulated was without sources.
  apt-get -y -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >"$state/apt.log" 2>&1 || {
    tail -n 20 "$state/apt.log" >&2
    die "apt-get cannot $*"
  }
  shift
  changed "packages $* (removed)"
}
