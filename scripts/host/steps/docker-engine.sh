#!/bin/sh
# Docker Engine answers: the host's own when it has one, else the locked packages.
# Guide: "DOCKER".
. "$(dirname "$0")/lib.sh"

if ! engine_missing; then
  if engine_ours; then
    found "Docker Engine that multicast-swarm has installed; its version stays"
  else
    found "Docker Engine on the host; it stays as it is"
  fi
else
  # weave.service needs docker.service, and two engines fight for one socket, bridge and set of rules.
  ! other_engine ||
    die "found $other_engine on this host, and no docker.service: Weave and Swarm need Docker Engine as a service of systemd; remove the other one (snap remove docker), or make it docker.service, and run deploy again"
  if [ -z "$(note engine-before)" ]; then
    # What stands here now is somebody's, and stays when the engine goes. In an empty folder there is nothing to keep.
    expect_data "$engine_root"
    # Whoever runs containerd without Docker goes on doing so.
    command -v containerd >/dev/null || expect_data "$containerd_root"
    # The engine makes a router of the host whose policy is to forward nothing, and leaves it so.
    note engine-before "$(cat /proc/sys/net/ipv4/ip_forward) $(forward_policy iptables) $(forward_policy ip6tables)"
  fi
  # The package leaves these behind even when it is purged.
  expect engine-file /etc/docker/key.json
  expect shared /etc/docker /etc/cni /etc/cni/net.d
  getent group docker >/dev/null || record group docker
  install_packages docker-engine
  note engine-installed yes
fi

if ! systemctl is-active -q docker.service; then
  systemctl enable -q docker.service
  systemctl start docker.service || die "docker.service does not start: $(journal docker.service)"
  changed "docker.service (started)"
fi
until_true 60 docker version >/dev/null 2>&1 ||
  die "dockerd does not answer after 60 s: $(docker version 2>&1 | tail -n 1); see journalctl -u docker"
found "$(docker version -f 'Docker Engine {{.Server.Version}} with API {{.Server.MinAPIVersion}} to {{.Server.APIVersion}}')"
