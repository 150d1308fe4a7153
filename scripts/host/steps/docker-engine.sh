#!/bin/sh
# Docker Engine answers, also the old clients that Weave and Swarm are: the host's own when it has one, else the locked
# packages, which are then held at their version. Guide: "DOCKER".
#   api     the oldest API that it has to answer
#   lower   ours | any: whose engine may be told to, when it does not
. "$(dirname "$0")/lib.sh"
. "$here/artifacts.sh"
. "$here/packages.sh"
. "$here/engine.sh"
take "api lower" "$@"

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
answers() {
  until_true 60 docker version >/dev/null 2>&1 ||
    die "dockerd does not answer after 60 s: $(docker version 2>&1 | tail -n 1); see journalctl -u docker"
}
answers

lowest_api() { docker version -f '{{.Server.MinAPIVersion}}'; }
drop_in=/etc/systemd/system/$engine_drop_in
# shellcheck disable=SC2154 # set by take
if dpkg --compare-versions "$(lowest_api)" gt "$api"; then
  engine_ours || [ "$lower" = any ] ||
    die "the host's Docker Engine refuses clients below API $(lowest_api), and Weave and Swarm need $api: set docker.lowerApiFloor: true in the cluster file, which restarts docker.service once, or use Docker Engine 25 to 28"
  expect shared "${drop_in%/*}"
  own file "$drop_in"
  mkdir -p "${drop_in%/*}"
  put "$drop_in" root:root 0644 printf '%s\n' "# Weave and Swarm are older clients than newer engines answer by themselves." \
    '[Service]' "Environment=DOCKER_MIN_API_VERSION=$api" || true
  systemctl daemon-reload
  systemctl restart docker.service || {
    rm -f "$drop_in"
    systemctl daemon-reload
    systemctl reset-failed docker.service
    systemctl restart docker.service || true
    die "Docker Engine cannot be told to answer API $api: use another version of it, or of Weave and Swarm"
  }
  changed "docker.service (restarted: it answers clients of API $api)"
  answers
  ! dpkg --compare-versions "$(lowest_api)" gt "$api" ||
    die "Docker Engine refuses clients below API $(lowest_api) although DOCKER_MIN_API_VERSION=$api is set: systemctl show -p Environment docker.service shows what overrides it"
fi

# An upgrade by itself could take the engine to a version that refuses Weave and Swarm, and restarts all containers.
if engine_ours; then hold_engine; fi
found "$(docker version -f 'Docker Engine {{.Server.Version}} with API {{.Server.MinAPIVersion}} to {{.Server.APIVersion}}')"
