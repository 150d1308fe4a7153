#!/bin/sh
# Docker Engine answers: the host's own when it has one, else the locked packages.
# Guide: "DOCKER".
. "$(dirname "$0")/lib.sh"

# With a note, the engine is ours, though an earlier run may have been cut off in the middle of its installation.
if command -v dockerd >/dev/null && [ -z "$(note engine-before)" ]; then
  found "Docker Engine on the host; it stays as it is"
else
  # The engine makes a router of the host whose policy is to forward nothing, and leaves it so.
  [ -n "$(note engine-before)" ] || note engine-before "$(cat /proc/sys/net/ipv4/ip_forward) $(forward_policy)"
  # The package leaves these behind even when it is purged.
  expect file /etc/docker/key.json
  expect shared /etc/docker /etc/cni /etc/cni/net.d
  getent group docker >/dev/null || record group docker
  install_packages docker-engine
fi

if ! systemctl is-active -q docker.service; then
  systemctl enable -q docker.service
  systemctl start docker.service
  changed "docker.service (started)"
fi
until_true 60 docker version >/dev/null 2>&1 ||
  die "dockerd does not answer after 60 s: $(docker version 2>&1 | tail -n 1); see journalctl -u docker"
found "$(docker version -f 'Docker Engine {{.Server.Version}} with API {{.Server.MinAPIVersion}} to {{.Server.APIVersion}}')"
