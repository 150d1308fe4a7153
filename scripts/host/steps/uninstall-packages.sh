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

unhold_packages() {
  for name in $(values hold); do
    if apt-mark unhold "$name" 2>/dev/null | grep -q .; then changed "package $name (no longer held)"; fi
  done
}

# choose_packages: sets removable to the packages that go, and engine to what becomes of that.
choose_packages() {
  packages=$(values package)
  # shellcheck disable=SC2086
  removable $packages
  decide
  if [ "$engine" = stays ]; then
    found "Docker Engine in use by others; it stays, with its packages, settings and data"
    if [ -n "$removable" ]; then
      # shellcheck disable=SC2046
      removable $(printf '%s\n' "$packages" | while read -r name; do brought_here "$name" || echo "$name"; done)
    fi
  fi
}

# remove_packages: those, with their settings, unless data would go with these that has to stay.
remove_packages() {
  kept=
  for root in $engine_root $containerd_root; do
    case " $roots " in *" $root "*) continue ;; esac
    [ ! -d "$root" ] || empty "$root" || kept="$kept $root"
  done
  purged='' removed=''
  for name in $removable; do
    # Some packages empty the engine's root when they are purged.
    verb=purge
    for root in $kept; do
      ! grep -qs "$root" "/var/lib/dpkg/info/$name.postrm" || verb=remove
    done
    if [ $verb = purge ]; then purged="$purged $name"; else removed="$removed $name"; fi
  done
  if [ -n "$removed" ]; then
    found "${kept# } with data from before, or of others: settings of$removed stay too, since purging these would delete the data"
  fi
  # shellcheck disable=SC2086
  apt_get remove $removed
  # shellcheck disable=SC2086
  apt_get purge $purged
  for root in $kept; do
    # Debian's package puts this there when it is removed, to empty the root by it when it is purged.
    [ -z "$removed" ] || rm -f "$root/nuke-graph-directory.sh"
  done
}
