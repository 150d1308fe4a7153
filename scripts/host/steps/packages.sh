# Packages of the distribution. Sourced after lib.sh; what installs needs artifacts.sh.
# shellcheck shell=sh disable=SC2154

# package_version NAME: the version that is installed; nothing where it is not, or not completely.
package_version() {
  dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | awk '$1 == "installed" { print $2; exit }'
}

# package_of FILE…: the installed package that has brought a file whose path ends so.
package_of() {
  for package_file; do
    dpkg-query -S "*/$package_file" 2>/dev/null | grep "/$package_file\$" | sed 's/[:,].*//' | head -n 1 | grep . && return
  done
  return 1
}

# missing_packages GROUP: the lines of the locked group whose packages the host has not got, or in an older version only.
missing_packages() {
  packages_list=$(artifacts "package:$1:")
  [ -n "$packages_list" ] ||
    die "artifacts.lock.json has no packages '$1' for this host ($(platforms)); run scripts/lock, review, and deploy again"
  printf '%s\n' "$packages_list" | while read -r package_name package_rest; do
    package_has=$(package_version "${package_name##*:}")
    if [ -z "$package_has" ] || dpkg --compare-versions "$package_has" lt "${package_rest%% *}"; then
      printf '%s %s\n' "${package_name##*:}" "$package_rest"
    fi
  done
}

# A run that was cut off leaves its packages half installed; apt does nothing before that is dealt with. What this cannot
# configure yet is what apt is about to complete.
complete_packages() { [ -z "$(ls -A /var/lib/dpkg/updates)" ] || dpkg --configure -a >/dev/null 2>&1 || true; }

# drop_downloads GROUP: its packages are installed, or were used.
drop_downloads() {
  artifacts "package:$1:" | while read -r _ _ package_sha256 _; do rm -f "$state/download/$package_sha256"; done
  rm -rf "${state:?}/download/$1"
}

# unpack_packages GROUP: prints the folder that it has unpacked the missing ones of the locked group into. For what is
# used once: the host stays without, and nobody waits for another step that is installing packages. drop_downloads ends that.
unpack_packages() {
  packages=$(missing_packages "$1")
  packages_dir=$state/download/$1
  rm -rf "$packages_dir"
  while read -r _ _ package_sha256 package_source; do
    fetch "$package_source" "$package_sha256"
    dpkg-deb -x "$fetched" "$packages_dir" || die "dpkg-deb cannot unpack $package_source"
  done <<END
$packages
END
  printf '%s\n' "$packages_dir"
}

# install_packages GROUP: installs those that are missing, from the locked files alone. The record has them as packages, and
# under the group's name.
install_packages() {
  packages=$(missing_packages "$1")
  [ -n "$packages" ] || return 0
  packages_dir=$state/download/$1
  # A run that was cut off may have left others.
  rm -rf "$packages_dir"
  mkdir -p "$packages_dir"
  while read -r package_name package_version package_sha256 package_source; do
    fetch "$package_source" "$package_sha256"
    # apt takes a file for a package by its name. Until it has come to its end, the next run needs it too.
    ln "$fetched" "$packages_dir/${package_name}_$(printf %s "$package_version" | tr ':' '_').deb"
    # What was there before in an older version stays when the rest is removed.
    [ -n "$(package_version "$package_name")" ] || {
      record package "$package_name"
      record "$1" "$package_name"
    }
  done <<END
$packages
END
  expect shared /var/lib/apt/lists/auxfiles
  complete_packages
  # With no sources, apt can take nothing but the files it is given. What was held may have to be completed.
  apt-get install -y -qq --no-install-recommends --allow-change-held-packages -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null \
    -o APT::Sandbox::User=root -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$packages_dir"/*.deb >"$packages_dir/log" 2>&1 || {
    tail -n 20 "$packages_dir/log" >&2
    die "apt-get could not install the packages of '$1' (above: the end of its output)"
  }
  changed "packages $(printf '%s\n' "$packages" | awk '{ printf "%s %s, ", $1, $2 }')checksums are right (installed)"
  drop_downloads "$1"
}
