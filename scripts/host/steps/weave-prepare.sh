# What systemd runs before each start of Weave's router, so that nothing that is left of an earlier start, or missing
# since, is in its way. weave-launch puts it on the host with names.sh, tls.sh, http.sh, lib.sh, images.sh and weave.sh in front of it: a
# start needs nothing of what a deploy has uploaded, and no registry.
# Environment: that of /etc/default/weave
# shellcheck shell=sh disable=SC2154 # those set what it uses

for image in $(weave_images); do
  restore_image "$image" ||
    die "the engine has not got the image $image as it was loaded, and there is no copy at $image_copy; run scripts/recover, then deploy again"
done

# image_of CONTAINER: the image that it was made of; empty when there is no such container.
image_of() { docker container inspect -f '{{.Config.Image}}' "$1" 2>/dev/null || true; }

# Weave's script starts a new container, but only where an old one has ended by itself and is of the same image. What the
# router has to remember lies in the volume of the container weavedb, whatever image that one is of.
was=$(image_of "$weave_container")
if [ -n "$was" ]; then
  recorded image "$was" ||
    die "the container $weave_container is of $was, which was not put here by multicast-swarm; remove it (docker rm -f $weave_container)"
  docker stop "$weave_container" >/dev/null 2>&1 || true
  docker rm -f "$weave_container" >/dev/null
fi

# The program that containers wait with for their address lies in a volume of weavevolumes-VERSION. Those that were made
# with another version's go on using it; afterwards it goes.
for container in $(docker ps -aq --filter label=weavevolumes --filter name='^/?weavevolumes-'); do
  was=$(image_of "$container")
  if [ "$was" = "$DOCKERHUB_USER/weaveexec:$WEAVE_VERSION" ] || ! recorded image "$was"; then continue; fi
  mounts='{{range .Mounts}}{{.Source}}{{"\n"}}{{end}}'
  # shellcheck disable=SC2046 # one container a word
  if docker inspect -f "$mounts" $(docker ps -aq | grep -v "$container") |
    grep -qxF "$(docker inspect -f "$mounts" "$container" | grep .)"; then continue; fi
  docker rm -v "$container" >/dev/null
  changed "container of $was (removed: no container uses its volumes)"
done
