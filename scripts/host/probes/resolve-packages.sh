#!/bin/sh
# resolve-packages.sh DOCKER_PACKAGE [VERSION [nftables]]
# Prints which packages this host would download from its own package sources to get Docker Engine and unzip. With - in
# place of Docker Engine's package, unzip alone. VERSION: of Docker Engine and its command, or how it begins; without it, or
# empty, apt chooses. With nftables, what it takes to get that too. Needs no root and changes nothing: package lists go to a temporary folder.
#
# Prints:  platform debian-12-amd64
#          package GROUP NAME VERSION SHA256 URI      one line for each file; none for a group that is installed
set -eu
LC_ALL=C
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export LC_ALL PATH

fail() {
  echo "$*" >&2
  exit 1
}

docker_package=$1
docker_version=${2:-}

command -v apt-get >/dev/null || fail "no apt-get: packages are installed on Debian and its derivatives only; install Docker Engine and unzip by hand"
# shellcheck source=/dev/null
. /etc/os-release
[ -n "${VERSION_ID-}" ] || fail "/etc/os-release has no VERSION_ID: packages of a moving release cannot be pinned"
echo "platform $ID-$VERSION_ID-$(dpkg --print-architecture)"

groups=
# An engine may be a service that starts it from another place.
[ "$docker_package" = - ] || command -v dockerd >/dev/null || systemctl cat docker.service >/dev/null 2>&1 || groups="docker-engine"
command -v unzip >/dev/null || groups="$groups unzip"
[ "${3:-}" != nftables ] || command -v nft >/dev/null || groups="$groups nftables"
[ -n "$groups" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"

# The host's own settings (proxies, pins) hold, but for hooks after an update, which would act on the host.
# With a sandbox user apt could not read the temporary folder. Error-Mode: a source that fails must not go unnoticed.
apt-config dump | grep -Ev '^(APT::Update::(Pre|Post)-Invoke|DPkg::)' >"$work/apt.conf"
cat >>"$work/apt.conf" <<END
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::State::lists "$work/lists";
Dir::Cache "$work/cache";
Debug::NoLocking "true";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Acquire::Retries "1";
END
APT_CONFIG=$work/apt.conf
export APT_CONFIG

if ! apt-get -q update </dev/null >"$work/update" 2>&1; then
  grep '^[EW]:' "$work/update" >&2 || cat "$work/update" >&2
  fail "apt-get update failed: look at the host's package sources"
fi

# The package sources have it, and no version of it is installed.
missing() {
  apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]' || return 1
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" != installed ]
}

# of_version PACKAGE: PACKAGE=VERSION for the newest wanted version of it, whatever its epoch and revision are.
of_version() {
  [ -n "$docker_version" ] || {
    echo "$1"
    return
  }
  apt-cache madison "$1" | awk -F ' *[|] *' -v wanted="$docker_version" '
    { version = $2; sub(/^[0-9]+:/, "", version); all = all (all ? ", " : "") $2 }
    index(version, wanted) == 1 && substr(version, length(wanted) + 1) !~ /^[0-9]/ { found = $2; exit }
    END { print found ? "found " found : "all " all }' >"$work/versions"
  read -r of_version_kind of_version_value <"$work/versions"
  [ "$of_version_kind" = found ] ||
    fail "no version $docker_version of $1 in the host's package sources; they have: ${of_version_value:-none}"
  echo "$1=$of_version_value"
}

# Hashes that --print-uris prints may be MD5 or missing, so they are taken from the signed package lists.
sha256_of() {
  apt-cache show "$1=$2" | awk '
    /^SHA256:/ { if (sum != "" && sum != $2) exit 1; sum = $2 }
    END { if (sum == "") exit 1; print sum }'
}

for group in $groups; do
  case $group in
    docker-engine)
      engine=$(of_version "$docker_package")
      set -- "$engine"
      # The command is a package of its own in newer releases, and in Docker's repository, where it needs no particular version.
      case $docker_package in docker-ce) command=docker-ce-cli ;; *) command=docker-cli ;; esac
      if missing $command; then
        command=$(of_version $command)
        set -- "$@" "$command"
      fi
      # What the engine needs to pull by https.
      if missing ca-certificates; then set -- "$@" ca-certificates; fi
      ;;
    *) set -- "$group" ;;
  esac
  if ! apt-get -qq -y --no-install-recommends --print-uris install "$@" </dev/null >"$work/uris" 2>"$work/errors"; then
    cat "$work/uris" "$work/errors" >&2
    fail "apt-get cannot install $*"
  fi
  grep "^'" "$work/uris" >"$work/files" || continue
  while read -r uri file _; do
    uri=${uri#\'}
    uri=${uri%\'}
    # NAME_VERSION_ARCH.deb, with the colon of an epoch written %3a
    name=${file%%_*}
    version=${file#*_}
    arch=${version##*_}
    version=$(echo "${version%_*}" | sed 's/%3a/:/')
    sum=$(sha256_of "$name:${arch%.deb}" "$version") || sum=$(sha256_of "$name" "$version") ||
      fail "$name $version: the package lists have no SHA-256, or more than one"
    echo "package $group $name $version $sum $uri"
  done <"$work/files"
done
