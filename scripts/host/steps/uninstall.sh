#!/bin/sh
# Removes from the host what this project put there, newest first, and nothing else. Run by `destroy`.
# It may be cut off anywhere and run again: the record goes last, and what is done twice does no harm.
. "$(dirname "$0")/lib.sh"
. "$here/packages.sh"
. "$here/engine.sh"
. "$here/images.sh"
. "$here/weave.sh"
. "$here/swarm.sh"

if [ ! -e "$state" ]; then
  found "nothing of multicast-swarm on this host"
  let_go
  exit 0
fi

# values KIND: what was recorded of that kind, newest first.
values() { sed -n "s|^$1 ||p" "$state/created" 2>/dev/null | tac; }

# listed: the lines of standard input in one, as "a, b, c".
listed() { tr '\n' ' ' | sed 's/ *$//; s/ /, /g'; }

has_docker() { timeout 20 docker version >/dev/null 2>&1; }

# start_engine: whatever has stopped it, it answers, or nothing is removed and the record stays for another destroy.
engine_started=no
start_engine() {
  systemctl reset-failed docker.service 2>/dev/null || true
  { systemctl start docker.service 2>/dev/null && until_true 60 has_docker; } ||
    die "Docker Engine does not answer, so that this stays: $1; start it (journalctl -u docker says why it is down), or remove it, and run destroy again. $(journal docker.service)"
  engine_started=yes
  changed "docker.service (started: what is in it can be seen and removed by it alone)"
}

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

# stranger KIND NAMES: what keeps the engine.
stranger() {
  [ -n "$2" ] || return 0
  found "$1 that multicast-swarm did not create: $(printf '%s\n' "$2" | listed)"
  strangers=yes
}
# find_strangers: sets strangers to yes when the engine has something in it that is not ours. An answer that is missing is
# no answer.
find_strangers() {
  strangers=no
  { containers=$(docker ps -a --format "{{.Names}} {{.Label \"$cluster_label\"}}{{.Label \"$verify_label\"}}") &&
    volumes=$(docker volume ls -q) &&
    networks=$(docker network ls --format '{{.Name}} {{.Driver}}') &&
    images=$(docker image ls --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'); } ||
    die "Docker Engine does not tell what is in it; run destroy again"
  weaves='^$'
  ! recorded unit weave.service || weaves="^($weave_container|weavedb|weavevolumes-.*)\$"
  stranger containers "$(printf '%s\n' "$containers" | awk -v weaves="$weaves" 'NF == 1 && $1 !~ weaves { print $1 }')"
  stranger volumes "$volumes"
  stranger networks "$(printf '%s\n' "$networks" | awk 'NF && $1 !~ /^(bridge|host|none)$/ && $2 !~ /^weave/ { print $1 }')"
  # Verify marks what it has loaded for a test. An image without a name is called by its ID.
  stranger images "$(printf '%s\n' "$images" | awk '
    NF { id[NR] = $2; name[NR] = $1 == "<none>:<none>" ? $2 : $1; if ($1 ~ /^multicast-swarm-verify-loaded:/) loaded[$2] = 1 }
    END { for (i = 1; i <= NR; i++) if (name[i] != "" && !(id[i] in loaded)) print name[i] }' |
    while read -r image; do recorded image "$image" || echo "$image"; done)"
  # Whoever uses containerd beside Docker, whose own are moby and plugins.moby.
  stranger "namespaces of containerd" "$(for namespace in $(ctr namespaces list -q 2>/dev/null); do
    case $namespace in moby | plugins.moby) continue ;; esac
    [ -z "$(
      ctr -n "$namespace" containers list -q 2>/dev/null
      ctr -n "$namespace" images list -q 2>/dev/null
    )" ] || echo "$namespace"
  done)"
}

# What becomes of the engine that was brought here: none | goes | stays | gone (somebody has removed it already).
engine=none
decide() {
  [ -n "$(engine_packages)" ] || return 0
  if ! own_engine; then
    engine=gone
    [ -z "$(note engine-leaving)" ] || engine=goes
    return 0
  fi
  engine=stays
  if ! engine_ours; then
    found "a Docker Engine of somebody else in the place of the one that multicast-swarm has installed; it stays"
    return 0
  fi
  if ! goes "$(package_of bin/dockerd || package_of sbin/dockerd)"; then return 0; fi
  if ! has_docker; then
    if [ -n "$(note engine-leaving)" ] || { ! systemctl start docker.service 2>/dev/null && never_ran; }; then
      engine=goes
      return 0
    fi
    start_engine "the packages $(engine_packages | listed), and what $engine_root may hold of others"
  fi
  find_strangers
  [ $strangers = yes ] || engine=goes
}
# An installation that was cut off leaves an engine that cannot start, and has held nothing yet.
never_ran() {
  ! find "$engine_root/containers" "$engine_root/volumes" "$engine_root"/image/*/imagedb/content/sha256 \
    -mindepth 1 -maxdepth 1 ! -name metadata.db ! -name backingFsBlockDev 2>/dev/null | grep -q .
}

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

# give_back DIRECTORY: mode and owner are again what they were when it was borrowed.
give_back() {
  values borrowed | while read -r mode owner directory; do
    { [ "$directory" = "$1" ] && [ -d "$1" ] && [ "$(stat -L -c '%a %u:%g' "$1")" != "$mode $owner" ]; } || continue
    chown "$owner" "$1"
    chmod "$mode" "$1"
    changed "$1 (mode and owner as before)"
  done
}
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

# engine_rules: from what iptables-save prints, what iptables-restore needs to remove the engine's own chains and rules, of
# versions 20.10 to 29. Rules of others that name docker0 stay. An exact form for each rule, as iptables-save writes it.
engine_rules() {
  awk '
    function chain(name) { return name ~ /^DOCKER(-[A-Z0-9-]+)?$/ }
    function engines() {
      return /^-A [^ ]+ .*-j DOCKER(-[A-Z0-9-]+)?$/ ||
        /^-A FORWARD (-o docker0|-m set --match-set docker-ext-bridges-v[46] dst) -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT$/ ||
        /^-A FORWARD -i docker0 (! -o docker0 )?-j ACCEPT$/ ||
        /^-A FORWARD -i docker0 -o docker0 -j (ACCEPT|DROP)$/ ||
        /^-A POSTROUTING -s [0-9a-f.:]+\/[0-9]+ ! -o docker0 -j (MASQUERADE|SNAT --to-source [0-9a-f.:]+)$/ ||
        /^-A POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE$/
    }
    /^\*/ { table = $0; rules = flushed = removed = "" }
    /^:/ && chain(substr($1, 2)) { flushed = flushed "-F " substr($1, 2) "\n"; removed = removed "-X " substr($1, 2) "\n" }
    /^-A / && !chain($2) && engines() { sub(/^-A/, "-D"); rules = rules $0 "\n" }
    /^COMMIT/ && (rules flushed) != "" { printf "%s\n%s%s%sCOMMIT\n", table, rules, flushed, removed }'
}

# Whoever else has packets forwarded by this host: a line for each.
forwarders() {
  for interface in /sys/class/net/*; do
    name=${interface##*/}
    case $name in docker0 | weave) continue ;; esac
    if [ -d "$interface/bridge" ]; then
      echo "bridge $name"
    elif [ -e "$interface/tun_flags" ] || grep -qsx DEVTYPE=wireguard "$interface/uevent"; then
      echo "tunnel $name"
    fi
  done
  for family in iptables ip6tables; do
    $family-save 2>/dev/null | awk '/^\*/ { table = $1 } / docker0( |$)/ { next }
      (table == "*filter" && /^-A FORWARD /) || (table == "*nat" && /^-A POSTROUTING /) { sub(/^-A /, ""); print "rule " $0 }'
  done
  grep -ls '^ *-\{0,1\}net[./]ipv4[./]\(ip_forward\|conf[./]all[./]forwarding\) *= *1' /etc/sysctl.conf /etc/sysctl.d/*.conf \
    /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf || true
}

# The engine's rules and settings outlive it in the kernel: with a policy that forwards nothing.
forget_engine() {
  ip link delete docker0 2>/dev/null || true
  for family in iptables ip6tables; do
    rules=$($family-save 2>/dev/null | engine_rules)
    [ -n "$rules" ] || continue
    printf '%s\n' "$rules" | $family-restore -w --noflush || die "$family-restore does not remove the engine's rules"
    changed "the engine's rules ($family, removed)"
  done
  # An engine of version 29 that was told to use nftables, and the sets of one of version 28.0.
  for family in ip ip6; do nft delete table $family docker-bridges 2>/dev/null || true; done
  for set in docker-ext-bridges-v4 docker-ext-bridges-v6; do ipset destroy $set 2>/dev/null || true; done

  # Where packets were forwarded before, the engine has changed neither.
  before=$(note engine-before)
  before=${before:-1 DROP}
  if [ "${before%% *}" != 0 ] || [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ]; then return 0; fi
  others=$(forwarders | sed 's/$/;/' | tr '\n' ' ')
  if [ -n "$others" ]; then
    found "others that forward packets: ${others}net.ipv4.ip_forward stays 1, and the policy of FORWARD stays"
    return 0
  fi
  echo 0 >/proc/sys/net/ipv4/ip_forward
  changed "net.ipv4.ip_forward (0, as before)"
  # shellcheck disable=SC2086
  set -- $before
  for family in iptables ip6tables; do
    shift
    [ "$(forward_policy $family)" != DROP ] || [ "${1:-DROP}" = DROP ] || $family -w -P FORWARD "$1"
  done
}

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
