# What the steps that start a Consul agent share. Sourced by them.
# shellcheck shell=sh disable=SC2154

# However a step ends that got the key, the upload does not stay behind.
trap 'rm -f "$sent/consul/encrypt.json"' EXIT

# prepare_agent CONFIG_DIR CONFIG: everything that the agent is about to run with, but nothing that one which runs would
# pick up before its turn to be restarted. Refuses first what cannot work, so that nothing is written then.
prepare_agent() {
  fixed consul.datacenter "$datacenter"
  fixed consul.dataDir "$data_dir"
  refuse_other_key
  note_member
  own file "$1/$2"
  put "$1/$2" root:consul 0640 <"$sent/consul/$2" || true
  own file "$1/encrypt.json"
  put "$1/encrypt.json" root:consul 0640 <"$sent/consul/encrypt.json" || true
}

# Consul ignores another key once an agent is initialised, so a changed one is refused instead of silently kept.
refuse_other_key() {
  key_ring=$data_dir/serf/local.keyring
  [ -f "$key_ring" ] || return 0
  # The key goes through a pipe: an argument would stand in the process list.
  sed -n 's/.*"encrypt" *: *\("[^"]*"\).*/\1/p' "$sent/consul/encrypt.json" | grep -qF -f - "$key_ring" ||
    die "this agent already runs with another gossip key; rotate it as docs/operations.md says, or set the key it has"
}

# The binary that consul-install.sh has laid ready takes its place. It is moved there whole: an agent that runs keeps its
# old one until it is restarted.
place_binary() {
  [ -f "$consul_next" ] || return 0
  artifact consul
  own file "$consul_binary"
  cp "$consul_next" "$consul_binary.new"
  chown root:root "$consul_binary.new"
  chmod 0755 "$consul_binary.new"
  mv -f "$consul_binary.new" "$consul_binary"
  note consul-binary "$artifact_sha256 $(hash_of "$consul_binary")"
  rm -f "$consul_next"
  changed "$consul_binary ($artifact_version)"
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

[Install]
WantedBy=multi-user.target
END
}

place_unit() { # ROLE
  own unit consul.service
  if unit_text "$1" | put /etc/systemd/system/consul.service root:root 0644; then systemctl daemon-reload; fi
  systemctl enable -q consul.service
}
