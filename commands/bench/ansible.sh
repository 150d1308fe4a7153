#!/bin/sh
# The yardstick of `scripts/bench deploy`: the same cluster by an Ansible playbook, with its fast settings.
# Usage: ansible.sh FOLDER, with ssh_config, hosts.list, artifacts.lock.json, gossip.key and cluster.yaml in it
set -eu
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

{
  echo '[all]'
  sed 's/^\([^ ]*\) \([^ ]*\).*/\1 address=\2/' "$folder/hosts.list"
} >"$work/hosts"
# Names and ports, as JSON.
{
  printf '{ "folder": "%s", "names": {' "$folder"
  sed -n 's/^\([a-z_]*\)=\([^ ]*\)$/"\1": "\2"/p' "$here/../../scripts/host/steps/names.sh" | paste -sd,
  printf '} }\n'
} >"$work/variables.json"
# The gossip key goes by environment: the process list shows arguments, to everyone.
GOSSIP_KEY=$(cat "$folder/gossip.key")
ANSIBLE_SSH_ARGS="-F $folder/ssh_config -o ControlMaster=auto -o ControlPersist=60s -o ControlPath=$work/%C"
export GOSSIP_KEY ANSIBLE_SSH_ARGS
export ANSIBLE_FORKS=20 ANSIBLE_PIPELINING=True ANSIBLE_LOCALHOST_WARNING=False ANSIBLE_RETRY_FILES_ENABLED=False LC_ALL=C.UTF-8
ansible-playbook -i "$work/hosts" -e "@$work/variables.json" "$here/playbook.yaml"
