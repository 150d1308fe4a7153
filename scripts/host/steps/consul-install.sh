#!/bin/sh
# Consul's user and directories are there, and its binary lies ready. Guide: "Consul", "Installing". Then an agent starts
# where none runs; one that runs is restarted by consul-start.sh alone, when it is this host's turn.
# A binary that differs from the one in use takes its place when this host's agent is restarted, not before: an agent that
# crashed in the meantime would start with it out of turn.
# Arguments: role=server|client data_dir=DIR, and the others of consul-start.sh but turn, unless all have to wait for theirs
. "$(dirname "$0")/lib.sh"
. "$here/artifacts.sh"
. "$here/packages.sh"
. "$here/consul.sh"
. "$here/consul-agent.sh"
role='' data_dir=''
take "role data_dir" "$1" "$2"
shift 2

if consul_installed; then
  rm -f "$consul_next"
  found "$consul_binary $artifact_version"
elif consul_prepared; then
  found "Consul $artifact_version ready to take its place"
else
  own file $consul_binary
  unzip=$(command -v unzip) || unzip=$(unpack_packages unzip)/usr/bin/unzip
  fetch "$artifact_source" "$artifact_sha256"
  rm -rf "$state/download/consul"
  "$unzip" -q -o "$fetched" consul -d "$state/download/consul"
  chmod 0755 "$state/download/consul/consul"
  mv -f "$state/download/consul/consul" "$consul_next"
  note consul-next "$artifact_sha256 $(hash_of "$consul_next")"
  rm -rf "$state/download/consul" "$fetched"
  drop_downloads unzip
  changed "Consul $artifact_version (ready to take its place)"
fi

if getent passwd consul >/dev/null; then
  found "user consul"
else
  record user consul
  useradd --system --user-group --home-dir "$data_dir" --no-create-home --shell /usr/sbin/nologin consul
  changed "user consul (new)"
fi

own_directory "$data_dir" consul:consul 0750
own_directory /etc/consul.d root:consul 0750
own_directory "/etc/consul.d/$role" root:consul 0750

[ $# = 0 ] || exec sh "$here/consul-start.sh" "role=$role" "data_dir=$data_dir" "$@" turn=no
