#!/bin/sh
# Removes from the host what this project put there, newest first, and nothing else. Run by `destroy`.
# It may be cut off anywhere and run again: the record goes last, and what is done twice does no harm.
. "$(dirname "$0")/lib.sh"
. "$here/packages.sh"
. "$here/engine.sh"
. "$here/images.sh"
. "$here/weave.sh"
. "$here/swarm.sh"
. "$here/uninstall-engine.sh"
. "$here/uninstall-rules.sh"
. "$here/uninstall-packages.sh"
. "$here/uninstall-files.sh"

if [ ! -e "$state" ]; then
  found "nothing of multicast-swarm on this host"
  let_go
  exit 0
fi

# values KIND: what was recorded of that kind, newest first.
values() { sed -n "s|^$1 ||p" "$state/created" 2>/dev/null | tac; }

# listed: the lines of standard input in one, as "a, b, c".
listed() { tr '\n' ' ' | sed 's/ *$//; s/ /, /g'; }

# ---- containers, then the network they used ----

# With the engine down its containers would be forgotten, and come back with it. With the note, it is down by our own
# doing, and empty.
if ! has_docker && [ -z "$(note engine-leaving)" ] && { recorded unit weave.service || [ -n "$(values image)" ]; }; then
  if own_engine; then
    start_engine "$({ values unit && values image; } | listed), and containers"
  else
    found "no Docker Engine any more, and so nothing to remove from it"
  fi
fi
if has_docker; then
  remove_swarm_containers
  for container in $(docker ps -aq --filter "label=$verify_label"); do
    if docker rm -f -v "$container" >/dev/null 2>&1; then changed "container $container (left by scripts/verify; removed)"; fi
  done
fi

if recorded unit weave.service; then
  systemctl disable -q --now weave.service 2>/dev/null || true
  if [ -x /usr/local/bin/weave ] && has_docker; then
    weave_env
    weave reset --force >/dev/null 2>&1 || true
    docker rm -f "$weave_container" >/dev/null 2>&1 || true
    # Weave's script works in containers of its own image; one that was cut off before it could start is still there.
    for container in $(docker ps -aq --filter "ancestor=$DOCKERHUB_USER/weaveexec:$WEAVE_VERSION" --filter status=created); do
      docker rm "$container" >/dev/null 2>&1 || true
    done
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

# ---- services and images ----

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

images_left=
if has_docker; then
  for image in $(values image); do
    # Somebody has removed it; and with its last name an image loses its digest too.
    docker image inspect "$image" >/dev/null 2>&1 || continue
    if docker image rm "$image" >/dev/null 2>&1; then
      changed "image $image (removed)"
    else
      images_left="$images_left $image"
      found "image $image, which a container uses that is not of multicast-swarm; it stays"
    fi
  done
fi

# ---- packages: which of them can go ----

for name in $(values hold); do
  if apt-mark unhold "$name" 2>/dev/null | grep -q .; then changed "package $name (no longer held)"; fi
done

# Asked now, while the engine can still tell; removed last, since the engine is needed until then.

packages=$(values package)
# shellcheck disable=SC2086
removable $packages
decide
if [ $engine = stays ]; then
  found "Docker Engine in use by others; it stays, with its packages, settings and data"
  if [ -n "$removable" ]; then
    # shellcheck disable=SC2046
    removable $(printf '%s\n' "$packages" | while read -r name; do brought_here "$name" || echo "$name"; done)
  fi
fi

# ---- files, directories, users ----

for file in $(
  values file
  [ $engine = stays ] || values engine-file
); do
  [ -e "$file" ] || [ -L "$file" ] || continue
  rm -f "$file"
  changed "$file (removed)"
done
# Somebody's engine goes back to the clients that it answers by itself.
if recorded file "/etc/systemd/system/$engine_drop_in"; then
  systemctl daemon-reload
  if [ $engine != goes ] && own_engine; then
    systemctl try-restart docker.service || die "docker.service does not start: $(journal docker.service)"
    changed "docker.service (restarted: it answers the clients that it answered before)"
  fi
fi
for directory in $(values directory); do
  rm -rf "${directory:?}"
  changed "$directory (removed)"
done

for directory in $(values borrowed | cut -d' ' -f3); do
  [ -d "$directory" ] || continue
  ! recorded data "$directory" || continue
  # Of what is in there, ours belongs to the user that it was lent to.
  borrower=$(stat -L -c %u "$directory")
  if values borrowed | grep -q " $borrower:[0-9]* $directory\$"; then borrower=; fi
  [ -z "$borrower" ] || find "$directory/" -xdev -depth -mindepth 1 -user "$borrower" -delete 2>/dev/null || true
  give_back "$directory"
done
for user in $(values user); do
  if userdel "$user" 2>/dev/null; then changed "user $user (removed)"; fi
done

# ---- packages, last: the engine was needed until here ----

# A root goes with the engine if it came with it. containerd may have to stay for others.
roots=
containerd=no
if [ $engine = goes ]; then
  roots=$(values data | grep -vx "$containerd_root" || true)
  owner=$(package_of bin/containerd || true)
  if [ -z "$owner" ] || { brought_here "$owner" && goes "$owner"; }; then
    containerd=yes
    roots="$roots $(values data | grep -x "$containerd_root" || true)"
  fi
  note engine-leaving yes
  systemctl stop docker.socket docker.service 2>/dev/null || true
  [ $containerd = no ] || systemctl stop containerd.service 2>/dev/null || true
  forget_engine
elif [ $engine = gone ] && [ -e /sys/class/net/docker0 ] && ! has_docker && ! other_engine; then
  forget_engine
fi

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
for root in $roots; do
  [ -d "$root" ] || continue
  find "$root/" -xdev -mindepth 1 -delete 2>/dev/null || true
  if borrowed "$root"; then give_back "$root"; else rmdir "$root" 2>/dev/null || true; fi
  changed "$root (emptied)"
done

if [ $engine != stays ]; then
  for group in $(values group); do
    if getent group "$group" >/dev/null && groupdel "$group" 2>/dev/null; then changed "group $group (removed)"; fi
  done
fi
for directory in $(values shared); do
  if rmdir "$directory" 2>/dev/null; then changed "$directory (removed)"; fi
done
if [ $engine_started = yes ] && own_engine; then
  systemctl stop docker.socket docker.service 2>/dev/null || true
  changed "docker.service (stopped, as it was)"
fi

# Without the record, a run that is cut off here has no more to do than to remove the rest of its folder.
rm -f "$state/created"
rm -rf "$state"
let_go
if [ $engine = stays ]; then
  changed "$state (removed): of multicast-swarm, Docker Engine is left, for others"
elif [ -n "$images_left" ]; then
  changed "$state (removed): of multicast-swarm, these images are left, for containers of others:$images_left"
else
  changed "$state (removed): nothing of multicast-swarm is left"
fi
