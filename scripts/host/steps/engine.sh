# Docker Engine: whose it is, and whether it is whole. Sourced after packages.sh.
# shellcheck shell=sh disable=SC2154

# shellcheck disable=SC2034 # for the steps
engine_root=/var/lib/docker containerd_root=/var/lib/containerd

# expect_data ROOT: records where an engine that this project installs is going to keep what it holds, unless something
# is kept there already.
expect_data() {
  if [ ! -e "$1" ]; then
    record data "$1"
  elif empty "$1"; then
    borrow "$1"
    record data "$1"
  else
    found "$1 with data in it: they stay when the engine goes"
  fi
}

# An engine of this host's own: its program, or the unit that starts one from another place.
own_engine() { command -v dockerd >/dev/null || systemctl cat docker.service >/dev/null 2>&1; }

# other_engine: true when there is an engine that the steps could not start, or stop; sets other_engine to what it is.
# A second one beside it would fight with it for its socket, bridge and rules.
other_engine() {
  other_engine=
  if command -v snap >/dev/null && snap list docker >/dev/null 2>&1; then
    other_engine="Docker from a snap"
  elif ss -Hxl 2>/dev/null | grep -Eq ' (/var)?/run/docker\.sock '; then
    other_engine="something that is not docker.service listening on /run/docker.sock"
  fi
  [ -n "$other_engine" ]
}

# The packages that came with the engine. Before their group was recorded, they were all but unzip.
engine_packages() {
  if grep -q '^docker-engine ' "$state/created" 2>/dev/null; then
    sed -n 's|^docker-engine ||p' "$state/created"
  elif [ -n "$(note engine-before)" ]; then
    sed -n 's|^package ||p' "$state/created" 2>/dev/null | grep -vx unzip || true
  fi
}

# brought_here NAME: a package of the engine's that this project has installed.
brought_here() { [ -n "$1" ] && engine_packages | grep -qxF "$1"; }

# engine_ours: the engine that is here is the one that this project has installed, to the end or not.
engine_ours() { [ -n "$(engine_packages)" ] && brought_here "$(package_of bin/dockerd || package_of sbin/dockerd || true)"; }

# Every package that was recorded as the engine's is there. With the note, installing has come to its end, whatever
# somebody has made of it since.
engine_whole() {
  [ -z "$(note engine-installed)" ] || return 0
  for engine_name in $(engine_packages); do [ -n "$(package_version "$engine_name")" ] || return 1; done
}

# engine_missing: true when the engine has to be installed, or its installation to be completed. One that is there is left
# alone: a newer one in the lock file would restart every container on all hosts at once.
engine_missing() {
  own_engine || return 0
  engine_ours || return 1
  if engine_whole; then return 1; fi
}

hold_package() { apt-mark hold "$1" >/dev/null 2>&1; }

# hold_engine: apt leaves the engine that this project has installed, and its command, at their versions.
hold_engine() {
  hold_held=$(apt-mark showhold)
  for hold_name in $({ package_of bin/dockerd sbin/dockerd && package_of bin/docker; } | sort -u); do
    brought_here "$hold_name" || continue
    ! printf '%s\n' "$hold_held" | grep -qxF "$hold_name" || continue
    record hold "$hold_name"
    # Another step may be installing: apt waits for that, and dpkg does not.
    until_true 600 hold_package "$hold_name" || die "cannot hold $hold_name: $(apt-mark hold "$hold_name" 2>&1 | tail -n 1)"
    changed "package $hold_name (held at $(package_version "$hold_name"))"
  done
}

# forward_policy iptables|ip6tables: the packet filter's policy for what is forwarded. A host without the command has none
# but the kernel's.
forward_policy() { "$1" -w -S FORWARD 2>/dev/null | sed -n 's/^-P FORWARD //p' | grep . || echo ACCEPT; }
