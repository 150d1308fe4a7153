# What the steps that start a Consul agent share. Sourced by them.
# shellcheck shell=sh disable=SC2154

# However a step ends that got the key, the upload does not stay behind.
trap 'rm -f "$secrets/consul-encrypt.json"' EXIT
trap 'exit 1' HUP INT TERM

# check_agent: refuses what cannot work, before anything is written.
check_agent() {
  fixed consul.datacenter "$datacenter"
  fixed consul.dataDir "$data_dir"
  refuse_other_key
  note_member
}

# place_key CONFIG_DIR: where an agent finds it, that was sent for it. One that runs has the same.
place_key() {
  own file "$1/encrypt.json"
  [ -f "$secrets/consul-encrypt.json" ] || {
    [ -f "$1/encrypt.json" ] || die "found no gossip key in $1, and none was sent; deploy again"
    return 0
  }
  put "$1/encrypt.json" root:consul 0640 cat "$secrets/consul-encrypt.json" || true
}

# place_config CONFIG_DIR CONFIG: not before it is the agent's turn, which would pick it up whenever it starts.
place_config() {
  own file "$1/$2"
  put "$1/$2" root:consul 0640 cat "$sent/consul/$2" || true
}

# place_certificate: what Consul's own user cannot read where it lies is copied for that user alone. Certificate and key
# are one file, so that an agent never finds one without the other.
place_certificate() {
  own_directory "$consul_pki" root:consul 0750
  own file "$consul_pki/ca.pem"
  own file "$consul_pki/agent.pem"
  put "$consul_pki/ca.pem" root:consul 0640 cat "$pki/ca.pem" || true
  # The key is for nobody else at any time.
  put "$consul_pki/agent.pem" consul:consul 0400 cat "$pki/cert.pem" "$pki/key.pem" || true
}

# Consul ignores another key once an agent is initialised, so a changed one is refused instead of silently kept.
refuse_other_key() {
  key_ring=$data_dir/serf/local.keyring
  [ -f "$key_ring" ] && [ -f "$secrets/consul-encrypt.json" ] || return 0
  # The key goes through a pipe: an argument would stand in the process list.
  sed -n 's/.*"encrypt" *: *\("[^"]*"\).*/\1/p' "$secrets/consul-encrypt.json" | grep -qF -f - "$key_ring" ||
    die "this agent already runs with another gossip key; rotate it as docs/operations.md says, or set the key it has"
}

# The agent would have tokens that Consul does not know: it gets to know others when they are said to be such.
refuse_other_tokens() {
  [ -f "$secrets/consul-encrypt.json" ] && [ -f "$config_dir/encrypt.json" ] || return 0
  [ "$(tokens_of "$secrets/consul-encrypt.json")" = "$(tokens_of "$config_dir/encrypt.json")" ] ||
    die "this agent has other tokens than those that follow from TF_VAR_consul_token: set the one that the cluster has, or raise security.consulTokenChanged"
}
tokens_of() { tr -d ' ' <"$1" | grep -o '"acl":{"tokens":{[^}]*}}' || true; }

# agent_form <CONFIG: what all agents of a cluster need alike to talk to each other, one word for each; nothing in the open
# form. Where it changes, all of them are restarted at the same time: taking turns, each would wait for the others in vain.
agent_form() { sed -n -e 's/^ *"verify_incoming": true,*$/tls/p' | tr '\n' ' '; }

# binary_hash: of the binary that the agent is to run with.
binary_hash() {
  binary_note=consul-binary
  [ ! -f "$consul_next" ] || binary_note=consul-next
  binary_noted=$(note $binary_note)
  printf '%s' "${binary_noted#* }"
}

# The binary that consul-install.sh has laid ready takes its place. It is moved there whole: an agent that runs keeps its
# old one until it is restarted.
place_binary() {
  [ -f "$consul_next" ] || return 0
  artifact consul
  own file "$consul_binary"
  chown root:root "$consul_next"
  chmod 0755 "$consul_next"
  # At once where both lie in one file system.
  mv -f "$consul_next" "$consul_binary.new"
  mv -f "$consul_binary.new" "$consul_binary"
  note consul-binary "$(note consul-next)"
  changed "$consul_binary ($artifact_version)"
}

# The lines that keep an agent to its data and the network, whatever takes it over. A systemd that is older than one of
# them passes over it. Its data may lie anywhere, also below /home or /tmp: BindPaths has it there, writable.
# Not PrivateUsers, which some hosts refuse; not IPAddressDeny, since members and clients come from anywhere.
confinement() {
  cat <<END
ProtectSystem=strict
ReadOnlyPaths=/run -/dev/shm
BindPaths=$data_dir
ProtectHome=tmpfs
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
UMask=0077
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
END
}

# Type=exec, not notify: Consul reports readiness only after it has joined someone, which a first host cannot.
# Stopping an agent is not leaving: it comes back by itself. (A server that stays away for some ten seconds loses its
# vote to Autopilot and gets it back when it has returned.)
unit_text() { # ROLE
  cat <<END
[Unit]
Description=Consul agent ($1)
Documentation=https://developer.hashicorp.com/consul/docs
Wants=network-online.target
After=network-online.target
Before=docker.service

[Service]
Type=exec
User=consul
Group=consul
ExecStart=$consul_binary agent -config-dir /etc/consul.d/$1
ExecReload=/bin/kill -HUP \$MAINPID
Restart=on-failure
RestartSec=5
LimitNOFILE=65536
$(confinement)

[Install]
WantedBy=multi-user.target
END
}

place_unit() { # ROLE
  own unit consul.service
  if put /etc/systemd/system/consul.service root:root 0644 unit_text "$1"; then systemctl daemon-reload; fi
  systemctl enable -q consul.service
}
