# shellcheck shell=bash
# The files that an operator of the lab's hosts would have: keys, ssh settings, the cluster file. Sourced.

write_keys() {
  [ -e "$LAB/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C multicast-swarm-lab -f "$LAB/id_ed25519"
  write_secret gossip.key
  write_secret weave.password
  write_secret consul.token --token
}

write_secret() {
  local file=$LAB/$1
  shift
  [ -s "$file" ] || { (umask 077 && "$REPO/scripts/keygen" "$@" >"$file.new") && mv "$file.new" "$file"; }
}

# The hosts' ssh keys, read from their disks: nothing to trust, no host asked.
host_keys() {
  local host key
  for host in $(hosts); do
    for key in "$LAB/hosts/$host"/disk/etc/ssh/ssh_host_*_key.pub; do
      echo "$host,$(address_of "$host") $(cut -d' ' -f1,2 "$key")"
    done
  done
}

# For the lab's own logins, which always know what the hosts' keys are now.
write_ssh() {
  local host
  host_keys >"$LAB/hosts/known_hosts"
  {
    for host in $(hosts); do
      printf 'Host %s\n  HostName %s\n' "$host" "$(address_of "$host")"
    done
    cat <<END
Host *
  User $(cat "$LAB/user")
  IdentityFile $LAB/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile $LAB/hosts/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 3
  LogLevel ERROR
END
  } >"$LAB/ssh_config"
}

# The operator's: what was compared and trusted once. A host that was wiped no longer matches it.
write_known_hosts() { host_keys >"$LAB/known_hosts.new" && mv "$LAB/known_hosts.new" "$LAB/known_hosts"; }

# Written once: these are the operator's from then on.
write_cluster() {
  [ -e "$LAB/known_hosts" ] || write_known_hosts
  [ -e "$LAB/terraform.rc" ] || write_terraform_rc
  [ ! -e "$LAB/cluster.yaml" ] || return 0
  local host number=0 count
  count=$(hosts | wc -l)
  {
    cat <<END
name: lab
ssh:
  user: $(cat "$LAB/user")
  keyFile: id_ed25519
hosts:
END
    for host in $(hosts); do
      number=$((number + 1))
      echo "  - name: $host"
      echo "    address: $(address_of "$host")"
      if [ "$count" -gt 3 ] && [ "$number" -gt 3 ]; then echo "    consul: client"; fi
    done
    cat <<END
consul:
  version: 1.22.7
  datacenter: lab
END
    write_engine
    "$REPO/lab/accommodate" openvswitch || echo "  fastDatapath: false"
    cat <<END
artifacts:
  mirror: http://$LAB_ADDRESS
providers:
  docker: 4.5.1-0.20260916
  local: 1.4.0
  "null": 1.0.0
  platforms: [linux_amd64]
  mirror: $CACHE/providers
verify:
  image: multicast-swarm/toolbox:1
  eventBusImage: multicast-swarm/event-bus:1
END
  } >"$LAB/cluster.yaml.new"
  mv "$LAB/cluster.yaml.new" "$LAB/cluster.yaml"
}

# The engine that the last host gets, and the Weave Net that speaks to all engines.
write_engine() {
  local engine
  engine=$(engine_of "$(hosts | tail -n 1)")
  if [ "$engine" != distribution ]; then
    printf 'docker:\n  package: docker-ce\n  version: "%s"\n' "$engine"
  fi
  # A host that has it already.
  if grep -q ' 29$' "$LAB/machines"; then
    [ "$engine" != distribution ] || echo docker:
    echo "  lowerApiFloor: true"
  fi
  if modern_engines; then
    printf 'weave:\n  version: 2.6.5-api1.24\n  images: weaveworks\n  dockerApi: "1.24"\n'
  else
    printf 'weave:\n  version: 2.6.5\n  images: weaveworks\n'
  fi
  # The lab's own images, unlike the owner's, use what its hosts use.
  echo '  iptables: nft'
}

# The providers that were built here, and no registry.
write_terraform_rc() {
  cat >"$LAB/terraform.rc" <<END
provider_installation {
  filesystem_mirror {
    path = "$CACHE/providers"
  }
}
disable_checkpoint = true
END
}
