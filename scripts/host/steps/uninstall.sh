#!/bin/sh
# Removes from the host what this project put there, newest first, and nothing else. Run by `destroy`.
. "$(dirname "$0")/lib.sh"

if [ ! -e "$state/created" ]; then
  found "nothing of multicast-swarm on this host"
  exit 0
fi

# values KIND: what was recorded of that kind, newest first.
values() { sed -n "s|^$1 ||p" "$state/created" | tac; }

has_docker() { docker version >/dev/null 2>&1; }

# ---- containers, then the network they used ----

if has_docker; then remove_swarm_containers; fi

if recorded unit weave.service; then
  systemctl disable -q --now weave.service 2>/dev/null || true
  if [ -x /usr/local/bin/weave ] && has_docker; then
    weave_env
    weave reset --force >/dev/null 2>&1 || true
    docker rm -f "$weave_container" >/dev/null 2>&1 || true
    for volume in weavedb "weavevolumes-${WEAVE_VERSION:-none}"; do
      docker rm -f -v "$volume" >/dev/null 2>&1 || true
    done
  fi
  # What `weave reset` leaves behind.
  for chain in WEAVE-EXPOSE WEAVE-IPSEC-IN WEAVE-IPSEC-OUT WEAVE-IPSEC-IN-MARK WEAVE-IPSEC-OUT-MARK WEAVE WEAVE-NPC WEAVE-NPC-EGRESS; do
    for table in filter mangle nat; do
      iptables -w -t $table -S 2>/dev/null | grep -- "-j $chain\$" | sed 's/^-A/-D/' |
        while read -r rule; do
          # shellcheck disable=SC2086
          iptables -w -t $table $rule || true
        done
      iptables -w -t $table -F $chain 2>/dev/null && iptables -w -t $table -X $chain
    done
  done
  rm -rf /var/run/weave
  changed "Weave Net (network removed)"
fi

# ---- services, files, images ----

for unit in $(values unit); do
  systemctl disable -q --now "$unit" 2>/dev/null || true
  rm -f "/etc/systemd/system/$unit"
  systemctl daemon-reload
  systemctl reset-failed "$unit" 2>/dev/null || true
  changed "$unit (removed)"
done
systemctl stop consul-bootstrap.service 2>/dev/null || true

if has_docker; then
  for image in $(values image); do
    # The engine keeps an image that some other container still uses.
    if docker image rm "$image" >/dev/null 2>&1; then changed "image $image (removed)"; else found "image $image in use or gone; left"; fi
  done
fi

for file in $(values file); do
  [ -e "$file" ] || [ -L "$file" ] || continue
  rm -f "$file"
  changed "$file (removed)"
done
for directory in $(values directory); do
  rm -rf "${directory:?}"
  changed "$directory (removed)"
done
for user in $(values user); do
  if userdel "$user" 2>/dev/null; then changed "user $user (removed)"; fi
done

# ---- packages, last: the engine was needed until here ----

# The engine's rules and settings outlive it in the kernel: with a policy that forwards nothing.
forget_engine() {
  before=$(note engine-before)
  before=${before:-1 DROP}
  for family in iptables ip6tables; do
    $family-save -c 2>/dev/null | grep -q DOCKER || continue
    $family-save -c | grep -v -e DOCKER -e docker0 | sed "s/^:FORWARD DROP/:FORWARD ${before#* }/" | $family-restore -c
    changed "the engine's rules ($family, removed)"
  done
  [ "${before% *}" != 0 ] || echo 0 >/proc/sys/net/ipv4/ip_forward
}

packages=$(values package | tr '\n' ' ')
if printf '%s' "$packages" | grep -qw -e docker.io -e docker-ce && has_docker; then
  strangers=$(docker ps -aq | wc -l)
  if [ "$strangers" -gt 0 ]; then
    found "$strangers containers that multicast-swarm did not create; Docker Engine stays for them"
    packages=
  else
    systemctl stop docker.socket docker.service containerd.service 2>/dev/null || true
    ip link delete docker0 2>/dev/null || true
    forget_engine
  fi
fi
if [ -n "$packages" ]; then
  # shellcheck disable=SC2086
  apt-get purge -y -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 $packages >"$state/apt.log" 2>&1 || {
    tail -n 20 "$state/apt.log" >&2
    die "apt-get could not remove: $packages"
  }
  changed "packages $packages(removed)"
  if [ ! -x /usr/bin/dockerd ] && [ ! -x /usr/sbin/dockerd ]; then
    find /var/lib/docker /var/lib/containerd -mindepth 1 -delete 2>/dev/null || true
    rmdir /var/lib/docker /var/lib/containerd 2>/dev/null || true
  fi
fi

for group in $(values group); do
  if getent group "$group" >/dev/null && groupdel "$group" 2>/dev/null; then changed "group $group (removed)"; fi
done
for directory in $(values shared); do
  if rmdir "$directory" 2>/dev/null; then changed "$directory (removed)"; fi
done

rm -rf "$state"
changed "$state (removed): nothing of multicast-swarm is left"
