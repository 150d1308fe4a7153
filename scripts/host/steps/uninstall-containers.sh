# Containers, their network and their images, when uninstall.sh runs. Sourced by that.
# shellcheck shell=sh disable=SC2154

remove_containers() {
  has_docker || return 0
  remove_swarm_containers
  for container in $(docker ps -aq --filter "label=$verify_label"); do
    if docker rm -f -v "$container" >/dev/null 2>&1; then changed "container $container (left by scripts/verify; removed)"; fi
  done
}

# Weave's network, with all that it has made of it.
remove_weave() {
  recorded unit weave.service || return 0
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
}

# remove_images: sets images_left to those that somebody else needs.
remove_images() {
  images_left=
  has_docker || return 0
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
}
