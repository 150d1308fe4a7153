# shellcheck shell=bash
# What the lab machine must have, installed where a Debian package does it, said where not. Sourced.

need_machine() {
  [ "$(id -u)" = 0 ] || die "needs root: namespaces, mounts and systemd-nspawn"
  local id version
  id=$(. /etc/os-release && echo "${ID:-}")
  version=$(. /etc/os-release && echo "${VERSION_ID:-}")
  if [ "$id" != debian ] || [ "$version" != 12 ]; then die "needs Debian 12; this is ${id:-unknown} ${version:-}"; fi
  [ "$(uname -m)" = x86_64 ] || die "needs x86_64; this is $(uname -m)"
}

need_packages() {
  local missing=() command package
  while read -r command package; do
    command -v "$command" >/dev/null || missing+=("$package")
  done <<'END'
systemd-nspawn systemd-container
mmdebstrap mmdebstrap
busybox busybox
ssh openssh-client
ip iproute2
nsenter util-linux
ps procps
END
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing Debian packages: ${missing[*]}"
  if ! (
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq -o DPkg::Lock::Timeout=300 &&
      apt-get install -qq --yes --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"
  ) >/tmp/lab-apt.$$ 2>&1; then
    tail -n 5 /tmp/lab-apt.$$ >&2
    rm -f /tmp/lab-apt.$$
    die "apt-get could not install: ${missing[*]}"
  fi
  rm -f /tmp/lab-apt.$$
}

need_node() {
  local version
  version=$(node --version 2>/dev/null) || version=none
  case $version in
    v20.* | v22.*) ;;
    *) die "needs Node.js 20 or 22 with npm on PATH; found: $version" ;;
  esac
  if [ ! -e "$REPO/node_modules/.package-lock.json" ] || [ "$REPO/node_modules/.package-lock.json" -ot "$REPO/package-lock.json" ]; then
    say "installing Node packages (npm ci)"
    (cd "$REPO" && npm ci --no-audit --no-fund --loglevel=error) || die "npm ci failed"
  fi
}

need_go() {
  local version
  version=$(go env GOVERSION 2>/dev/null) || version=none
  if [[ ! $version =~ ^go1\.([0-9]+) ]] || [ "${BASH_REMATCH[1]}" -lt 26 ]; then
    die "needs Go 1.26 or newer on PATH to build Consul, Weave Net and Swarm; found: $version"
  fi
}
