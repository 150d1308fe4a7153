#!/bin/sh
# A host's side of scripts/diagnose: prints what is needed to find out why a cluster does not work. Only reads. Secrets
# are made unreadable here, before anything leaves the host.
#
#   cat names.sh tls.sh diagnose.sh | sh -s -- MARK ADDRESS DATA_DIR      (as root)
#
# Prints for each file of the bundle a line `=== MARK FILE STATUS COMMAND`, then what the command printed (its last MiB),
# and `=== MARK end 0 -` at the end.
# shellcheck disable=SC2154 # state, port_… and …_container are set by names.sh

set -u
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

mark=$1 address=$2 data_dir=$3

# show FILE COMMAND…: a command on a sick host may hang, and may print too much.
show() {
  show_file=$1
  shift
  # The status is the last line, so that it survives the pipe.
  show_text=$({
    timeout 15 "$@" 2>&1
    printf '\n%s' $?
  } | tail -c 1048576)
  printf '=== %s %s %s %s\n%s\n' "$mark" "$show_file" "${show_text##*
}" "$*" "${show_text%
*}"
}

journal() { show "$1/journal.txt" journalctl --no-pager -o short-iso -n 2000 -u "$1.service"; }
unit() {
  show "$1/unit.txt" systemctl cat "$1.service"
  show "$1/state.txt" systemctl status --no-pager --full -n 0 "$1.service"
  journal "$1"
}

# Containers of this project. Of others only the names are printed.
container() {
  show "$1/inspect.json" docker inspect "$1"
  show "$1/log.txt" docker logs --timestamps --tail 2000 "$1"
}

host() {
  show host/system.txt uname -a
  show host/os-release.txt cat /etc/os-release
  show host/uptime.txt uptime
  show host/clock.txt timedatectl
  show host/packages.txt dpkg-query -W '*docker*' '*containerd*' runc iptables nftables systemd 'linux-image*'
  show host/processes.txt ps -eo pid,ppid,user,stat,etime,rss,args
  show host/memory.txt cat /proc/meminfo
  show host/pressure.txt tail -n +1 /proc/loadavg /proc/pressure/cpu /proc/pressure/memory /proc/pressure/io
  show host/disks.txt df -hT
  show host/inodes.txt df -i
  show host/modules.txt cat /proc/modules
  show host/kernel-log.txt sh -c 'dmesg --time-format iso 2>/dev/null | tail -n 500 | grep . || dmesg | tail -n 500'
  show host/failed-units.txt systemctl list-units --no-pager --failed
  show host/created.txt cat "$state/created"
  show host/notes.txt sh -c "find $state -maxdepth 1 -type f -size -16k ! -name created -exec tail -n +1 {} +"
  show host/folder.txt find "$state" -maxdepth 3 -ls
}

network() {
  show network/addresses.txt ip -d addr
  show network/counters.txt ip -s link
  show network/routes.txt ip route show table all
  show network/rules.txt ip rule
  show network/neighbours.txt ip neigh
  show network/multicast.txt ip maddr
  show network/listeners.txt ss -lntup
  show network/connections.txt ss -tun
  show network/iptables.txt iptables-save -c
  show network/nftables.txt nft list ruleset
  show network/settings.txt sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter net.bridge.bridge-nf-call-iptables net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max
  show network/resolv.conf cat /etc/resolv.conf
  show network/hosts cat /etc/hosts
}

consul_() {
  unit consul
  show consul/version.txt consul version
  show consul/members.txt consul members -detailed
  show consul/raft.txt consul operator raft list-peers
  show consul/autopilot.txt consul operator autopilot state
  show consul/info.txt consul info
  show consul/catalog.txt consul catalog nodes -detailed
  show consul/swarm-keys.txt consul kv get -recurse docker/swarm
  # Not what lies beside it: an agent's certificate is in one file with its key.
  show consul/config.txt sh -c "find /etc/consul.d -name '*.json' -exec tail -n +1 {} +"
  [ ! -e "$consul_pki/agent.pem" ] || show consul/certificate.txt openssl x509 -in "$consul_pki/agent.pem" -noout -text
  show consul/data.txt find "$data_dir" -maxdepth 2 -ls
}

weave_() {
  # Weave's script has to know which of its images to use, as the unit does.
  for name in DOCKERHUB_USER WEAVE_VERSION CHECKPOINT_DISABLE WEAVE_NO_FASTDP; do
    value=$(sed -n "s/^$name=//p" /etc/default/weave 2>/dev/null)
    [ -z "$value" ] || export "$name=$value"
  done
  unit weave
  show weave/settings.txt cat /etc/default/weave
  show weave/status.txt weave status
  for about in connections peers targets dns ipam; do
    show "weave/status-$about.txt" weave status $about
  done
  show weave/report.json weave report
  show weave/addresses.txt weave ps
  # shellcheck disable=SC2046 # a word each
  show weave/proxy.txt env $(tls) docker -H "tcp://$address:$port_weave_proxy" version
  container "$weave_container"
}

docker_() {
  unit docker
  show docker/containerd.txt journalctl --no-pager -o short-iso -n 300 -u containerd.service
  show docker/daemon.json cat /etc/docker/daemon.json
  show docker/version.txt docker version
  show docker/info.txt docker info
  show docker/containers.txt docker ps -a --no-trunc
  show docker/images.txt docker images --digests
  show docker/networks.txt docker network ls
  show docker/space.txt docker system df
}

swarm_() {
  # shellcheck disable=SC2046 # a word each
  show swarm/info.txt env $(tls) docker -H "tcp://$address:$port_swarm_manager" info
  container "$manager_container"
  container "$agent_container"
}

# ---- secrets ----

# One a line: the gossip keys, wherever one may stand, Consul's tokens, and Weave's password. As they are and as hexadecimal bytes.
secrets() {
  {
    find /etc/consul.d "$state" "$data_dir" -name '*.json' -size -64k -exec sed -n 's/.*"encrypt" *: *"\([^"]*\)".*/\1/p' {} +
    find /etc/consul.d -name '*.json' -exec sed -n 's/.*"tokens" *: *{\([^}]*\)}.*/\1/p' {} + | grep -oE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'
    find "$data_dir/serf" -name '*.keyring' -exec grep -oE '[A-Za-z0-9+/_-]{20,}={0,2}' {} +
    sed -n 's/^WEAVE_PASSWORD=//p' /etc/default/weave /etc/default/weave-password | tr -d "\"'"
  } 2>/dev/null | sort -u | while read -r secret; do
    printf '%s\n' "$secret"
    printf %s "$secret" | base64 -d 2>/dev/null | od -An -v -tx1 | tr -d ' \n'
    echo
  done
}

# Known secrets everywhere, and whatever looks like one by the name that it has. In containers' environments only
# values that are known to be harmless stay.
redact() {
  SECRETS=$(secrets) perl -pe '
    BEGIN { $| = 1; @secrets = grep { length >= 6 } split /\n/, $ENV{SECRETS}; }
    for my $secret (@secrets) { s/\Q$secret\E/[redacted]/g; }
    $pem = 1 if /-----BEGIN [A-Z ]*PRIVATE.KEY-----/;
    $end = /-----END [A-Z ]*PRIVATE.KEY-----/;
    $_ = "[redacted]\n" if $pem;
    $pem = 0 if $end;
    s/("(?:encrypt|[a-z_]*(?:token|password|secret|secret_id|secretid|master|initial_management)s?)"\s*:\s*)"[^"]*"/$1"[redacted]"/gi;
    s/(\b(?:[A-Z0-9_]*(?:PASSW(?:OR)?D|SECRET|TOKEN|CREDENTIAL|API_?KEY|ACCESS_KEY|PRIVATE_KEY)[A-Z0-9_]*|encrypt)\s*=\s*)(?:"[^"]*"|[^\s",]+)/$1\[redacted]/g;
    s/(--?(?:password|encrypt|token|secret)[= ])(?:"[^"]*"|[^\s",]+)/$1\[redacted]/g;
    s/(--?(?:password|encrypt|token|secret)",\s*)"[^"]*"/$1"[redacted]"/g;
    s/(Authorization:\s*\S+\s+)\S+/$1\[redacted]/gi;
    s{(://[^/\s:@"]+:)[^/\s@"]+@}{$1\[redacted]@}g;
    $env = 1 if /"Env": \[/;
    s/"([A-Za-z_][A-Za-z0-9_]*)=(.*)"/"$1=[redacted]"/
      if $env && !/"(?:PATH|HOSTNAME|EXEC_IMAGE|DOCKERHUB_USER|WEAVE_(?!PASSWORD)\w+|CHECKPOINT_DISABLE|SWARM_HOST|IPTABLES_BACKEND)=/;
    $env = 0 if /^\s*\],?\s*$/;
  '
}

{
  host
  network
  consul_
  docker_
  weave_
  swarm_
  printf '=== %s end 0 -\n' "$mark"
} </dev/null 2>&1 | redact
