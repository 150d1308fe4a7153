# What this host may install, and where it gets it from: nothing is installed that is not in the lock file. Sourced after
# lib.sh.
# shellcheck shell=sh disable=SC2154

platforms() {
  case $(uname -m) in
    x86_64) platform_arch=amd64 ;;
    aarch64) platform_arch=arm64 ;;
    *) die "the architecture $(uname -m) is not supported; amd64 and arm64 are" ;;
  esac
  # shellcheck disable=SC1091
  platform_os=$(. /etc/os-release && printf '%s-%s' "$ID" "${VERSION_ID:-rolling}")
  printf 'any %s %s-%s' "$platform_arch" "$platform_os" "$platform_arch"
}

# artifacts PREFIX: lines "name version sha256 source" of the locked artifacts for this host whose name begins with PREFIX.
artifacts() {
  awk -F'\t' -v prefix="$1" -v platforms=" $(platforms) " \
    'index($1, prefix) == 1 && index(platforms, " " $2 " ") { print $1, $3, $4, $5 }' "$sent/artifacts.tsv"
}

# artifact NAME: sets artifact_version, artifact_sha256 and artifact_source.
artifact() {
  artifact_line=$(artifacts "$1" | awk -v name="$1" '$1 == name { print; exit }')
  [ -n "$artifact_line" ] ||
    die "artifacts.lock.json has no '$1' for this host ($(platforms)); run scripts/lock, review, and deploy again"
  # shellcheck disable=SC2086
  set -- $artifact_line
  # shellcheck disable=SC2034 # for the steps
  artifact_version=$2 artifact_sha256=$3 artifact_source=$4
}

# A download that brings fewer bytes a second than this, for that many seconds, has stalled.
slowest_bytes=1024
slowest_seconds=30

# watched FILE COMMAND…: runs COMMAND, which writes to FILE, and ends it when that stalls.
watched() {
  watched_file=$1
  shift
  "$@" &
  watched_pid=$!
  {
    watched_size=0 watched_time=0
    while sleep 1; do
      watched_time=$((watched_time + 1))
      [ $((watched_time % slowest_seconds)) = 0 ] || continue
      watched_was=$watched_size
      watched_size=$(stat -c %s "$watched_file" 2>/dev/null || echo 0)
      [ $((watched_size - watched_was)) -ge $((slowest_bytes * slowest_seconds)) ] || break
    done
    kill "$watched_pid"
  } >/dev/null 2>&1 &
  watched_by=$!
  watched_result=0
  wait "$watched_pid" || watched_result=$?
  kill "$watched_by" 2>/dev/null || true
  return "$watched_result"
}

download() { # URL FILE
  if command -v curl >/dev/null; then
    curl -fsSL --retry 3 --connect-timeout 10 --speed-limit "$slowest_bytes" --speed-time "$slowest_seconds" -o "$2" "$1"
  elif command -v wget >/dev/null; then
    # wget and apt know how long they wait for the next byte, and would wait for each of them.
    watched "$2" wget -nv --tries=3 --timeout="$slowest_seconds" -O "$2" "$1"
  elif [ -x /usr/lib/apt/apt-helper ]; then
    # Every Debian and Ubuntu has apt's own downloader, even where neither curl nor wget is installed.
    watched "$2" /usr/lib/apt/apt-helper -q -o Acquire::Retries=3 -o "Acquire::http::Timeout=$slowest_seconds" \
      -o "Acquire::https::Timeout=$slowest_seconds" -o APT::Sandbox::User=root download-file "$1" "$2" >/dev/null
  else
    die "found no program to download with; install curl or wget"
  fi
}

# withdrawn FILE: what a downloader has written to FILE says that the server has no such file (any more).
withdrawn() { grep -Eq '(error: |ERROR | )(404|410)( |:|$)' "$1"; }

# fetch_url URL: downloads to $fetched.part.
fetch_url() {
  if download "$1" "$fetched.part" 2>"$fetched.said"; then
    rm -f "$fetched.said"
    return
  fi
  # curl ends what it says of a certificate with advice on where to read about it.
  fetch_said=$(grep '^curl: (' "$fetched.said" || tail -n 1 "$fetched.said")
  fetch_why="cannot download $1; is it reachable from this host, and fast enough? ($fetch_said)"
  ! withdrawn "$fetched.said" ||
    fetch_why="$1 does not exist any more: distributions withdraw a package when they have a newer one; run scripts/lock, review, and deploy again ($fetch_said)"
  rm -f "$fetched.part" "$fetched.said"
  die "$fetch_why"
}

# pushed SOURCE SHA256: sets fetch_pushed to the file that the operator's machine has sent.
pushed() {
  for fetch_pushed in "$sent/artifacts/$2" "$sent/artifacts/$(basename "${1#file:}")"; do
    [ ! -f "$fetch_pushed" ] || return 0
  done
  die "$1 is not on this host: run scripts/recover, so that it is sent once more, and deploy again"
}

# A deploy reads each file once: what it has checked is listed beside its hold of the host, and goes with that.
checked() { grep -qxF "$1" "$hold.checked" 2>/dev/null; }
check() {
  [ -z "${deploy_by:-}" ] || checked "$1" || printf '%s\n' "$1" >>"$hold.checked"
}

# fetch SOURCE SHA256: sets fetched to a file with that hash, or ends the step with nothing changed.
fetch() {
  fetched=$state/download/$2
  if [ -f "$fetched" ] && { checked "$2" || [ "$(hash_of "$fetched")" = "$2" ]; }; then
    check "$2"
    return
  fi
  mkdir -p "$state/download"
  rm -f "$fetched.part"
  fetch_pushed=
  case $1 in
    file:*)
      pushed "$1" "$2"
      cp "$fetch_pushed" "$fetched.part"
      ;;
    http://* | https://*) fetch_url "$1" ;;
    *) die "cannot fetch from '$1'" ;;
  esac
  fetch_hash=$(hash_of "$fetched.part")
  if [ "$fetch_hash" != "$2" ]; then
    rm -f "$fetched.part"
    die "checksum mismatch: $1 has SHA-256 $fetch_hash, artifacts.lock.json says $2; nothing of it was installed"
  fi
  mv -f "$fetched.part" "$fetched"
  check "$2"
  # One copy is enough: this one is on its way to where it is installed or loaded.
  [ -z "$fetch_pushed" ] || rm -f "$fetch_pushed"
}
