# shellcheck shell=bash
# The files that an operator of the lab's hosts would have: keys, ssh settings, the cluster file. Sourced.

write_keys() {
  [ -e "$LAB/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C multicast-swarm-lab -f "$LAB/id_ed25519"
  if [ ! -s "$LAB/gossip.key" ] && [ -x "$REPO/scripts/keygen" ]; then
    (umask 077 && "$REPO/scripts/keygen" >"$LAB/gossip.key.new") && mv "$LAB/gossip.key.new" "$LAB/gossip.key"
  fi
}

# Read from the hosts' disks: nothing to trust, no host asked.
host_key() { # NAME TYPE
  cut -d' ' -f1,2 "$LAB/hosts/$1/disk/etc/ssh/ssh_host_$2_key.pub"
}

write_ssh() {
  local host address type
  for host in $(hosts); do
    address=$(address_of "$host")
    for type in ed25519 ecdsa rsa; do echo "$host,$address $(host_key "$host" "$type")"; done
  done >"$LAB/known_hosts"
  {
    for host in $(hosts); do
      printf 'Host %s\n  HostName %s\n' "$host" "$(address_of "$host")"
    done
    cat <<END
Host *
  User $(cat "$LAB/user")
  IdentityFile $LAB/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile $LAB/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 3
  LogLevel ERROR
END
  } >"$LAB/ssh_config"
}

# Written once: it is the operator's from then on.
write_cluster() {
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
      # Of the three key types, the one that Terraform's ssh client asks for first.
      echo "    hostKey: $(host_key "$host" ecdsa)"
      if [ "$count" -gt 3 ] && [ "$number" -gt 3 ]; then echo "    consul: client"; fi
    done
    cat <<END
consul:
  version: 1.20.5
  datacenter: lab
weave:
  version: 2.6.5
  images: weaveworks
END
    "$REPO/lab/accommodate" openvswitch || echo "  fastDatapath: false"
    cat <<END
artifacts:
  mirror: http://$LAB_ADDRESS
providers:
  docker: 4.5.1-0.20260916
  local: 1.4.0
  "null": 1.0.0
verify:
  image: multicast-swarm/toolbox:1
END
  } >"$LAB/cluster.yaml.new"
  mv "$LAB/cluster.yaml.new" "$LAB/cluster.yaml"
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

# Puts the hosts' present keys into the cluster file, each at its host, and changes nothing else in it.
write_host_keys() {
  local host
  for host in $(hosts); do
    awk -v name="$host" -v key="$(host_key "$host" ecdsa)" '
      /^ *- name:/ { here = $3 == name }
      here && $1 == "hostKey:" { sub(/hostKey:.*/, "hostKey: " key) }
      { print }' "$LAB/cluster.yaml" >"$LAB/cluster.yaml.new"
    mv "$LAB/cluster.yaml.new" "$LAB/cluster.yaml"
  done
}
