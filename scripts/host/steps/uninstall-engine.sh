# What becomes of the engine when uninstall.sh runs. Sourced by that.
# shellcheck shell=sh disable=SC2154

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

# need_engine: with the engine down its containers would be forgotten, and come back with it. With the note, it is down by
# our own doing, and empty.
need_engine() {
  if ! has_docker && [ -z "$(note engine-leaving)" ] && { recorded unit weave.service || [ -n "$(values image)" ]; }; then
    if own_engine; then
      start_engine "$({ values unit && values image; } | listed), and containers"
    else
      found "no Docker Engine any more, and so nothing to remove from it"
    fi
  fi
}

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

# stop_engine: one that goes, with what it leaves in the kernel. Sets roots to the folders that are emptied when its packages
# are gone.
stop_engine() {
  roots=
  containerd=no
  if [ $engine = goes ]; then
    # A root goes with the engine if it came with it. containerd may have to stay for others.
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
}

empty_roots() {
  for root in $roots; do
    [ -d "$root" ] || continue
    find "$root/" -xdev -mindepth 1 -delete 2>/dev/null || true
    if borrowed "$root"; then give_back "$root"; else rmdir "$root" 2>/dev/null || true; fi
    changed "$root (emptied)"
  done
}

# rest_engine: one that stays, and was started to be asked, is down again.
rest_engine() {
  if [ $engine_started = yes ] && own_engine; then
    systemctl stop docker.socket docker.service 2>/dev/null || true
    changed "docker.service (stopped, as it was)"
  fi
}
