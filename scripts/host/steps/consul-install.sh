#!/bin/sh
# Consul's binary, user, directories and unit. Guide: "Consul", "Installing" and "systemd Service".
# Arguments: role=server|client data_dir=DIR
. "$(dirname "$0")/lib.sh"
role='' data_dir=''
take "role data_dir" "$@"

binary=$consul_binary
if consul_installed; then
  found "$binary $artifact_version"
else
  own file $binary
  command -v unzip >/dev/null || install_packages unzip
  fetch "$artifact_source" "$artifact_sha256"
  rm -rf "$state/download/consul"
  unzip -q -o "$fetched" consul -d "$state/download/consul"
  chmod 0755 "$state/download/consul/consul"
  # Moved, not copied: a running agent keeps its old binary until it is restarted.
  mv -f "$state/download/consul/consul" $binary.new
  chown root:root $binary.new
  mv -f $binary.new $binary
  rm -rf "$state/download/consul" "$fetched"
  note consul-binary "$artifact_sha256 $(hash_of $binary)"
  changed "$binary ($(consul version | head -n 1))"
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

own unit consul.service
# Type=exec, not notify: Consul reports readiness only after it has joined someone, which a first host cannot.
# Stopping an agent is not leaving: it comes back by itself. (A server that stays away for some ten seconds loses its
# vote to Autopilot and gets it back when it has returned.)
if put /etc/systemd/system/consul.service root:root 0644 <<END
[Unit]
Description=Consul agent ($role)
Documentation=https://developer.hashicorp.com/consul/docs
Wants=network-online.target
After=network-online.target
Before=docker.service

[Service]
Type=exec
User=consul
Group=consul
ExecStart=$binary agent -config-dir /etc/consul.d/$role
ExecReload=/bin/kill -HUP \$MAINPID
Restart=on-failure
RestartSec=5
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
END
then
  systemctl daemon-reload
fi
systemctl enable -q consul.service
