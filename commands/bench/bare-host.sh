# What bare.sh runs on each host. On standard input, names.sh and these variables stand in front of it:
#   name address addresses   the host, and the addresses of all
#   fast_datapath            yes, or nothing
#   key                      the gossip key
#   artifacts                a line "NAME SOURCE" for each thing to download
# shellcheck shell=sh disable=SC2154

main() {
  set -eu
  export DEBIAN_FRONTEND=noninteractive DOCKER_API_VERSION="$api_streams" CHECKPOINT_DISABLE=1
  work=$(mktemp -d)
  cd "$work"

  # The downloads beside the packages, Consul's election beside the images.
  download_all &
  install_packages
  wait
  start_consul &
  for image in *.tar; do docker load -q -i "$image" >/dev/null; done
  launch_weave
  wait
  start_swarm
  rm -rf "$work"
}

# A minimal Debian has neither curl nor wget.
download() { # URL FILE
  /usr/lib/apt/apt-helper -q -o APT::Sandbox::User=root download-file "$1" "$2" >/dev/null
}

download_all() {
  echo "$artifacts" | {
    number=0
    while read -r artifact source; do
      number=$((number + 1))
      case $artifact in
        consul) download "$source" consul.zip & ;;
        weave) download "$source" weave & ;;
        # The others are for scripts/verify.
        image:*/weave:* | image:*/weaveexec:* | image:*/weavedb:* | image:swarm:*) download "$source" "$number.tar" & ;;
      esac
    done
    wait
  }
}

install_packages() {
  packages=unzip
  command -v dockerd >/dev/null || packages="$packages docker.io"
  apt-get update -qq
  # shellcheck disable=SC2086 # one package a word
  apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 $packages >/dev/null
  systemctl start docker.service
}

start_consul() {
  unzip -q consul.zip consul -d /usr/local/bin
  useradd --system --user-group --no-create-home --shell /usr/sbin/nologin consul
  install -d -o consul -g consul -m 0750 /etc/consul.d /var/lib/consul
  (umask 077 && consul_config >/etc/consul.d/config.json)
  chown consul:consul /etc/consul.d/config.json
  consul_unit >/etc/systemd/system/consul.service
  systemctl daemon-reload
  systemctl enable -q --now consul.service
  # Swarm that finds no leader tries again after ten seconds.
  until consul info 2>/dev/null | grep -q 'leader_addr = [0-9]'; do sleep 1; done
}

consul_config() {
  cat <<END
{
  "server": true,
  "bootstrap_expect": $(echo "$addresses" | wc -w),
  "node_name": "$name",
  "data_dir": "/var/lib/consul",
  "bind_addr": "$address",
  "client_addr": "127.0.0.1 $address",
  "encrypt": "$key",
  "retry_join": ["$(echo "${addresses% }" | sed 's/ /", "/g')"]
}
END
}

consul_unit() {
  cat <<END
[Unit]
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
User=consul
ExecStart=/usr/local/bin/consul agent -config-dir /etc/consul.d
Restart=on-failure

[Install]
WantedBy=multi-user.target
END
}

launch_weave() {
  install -m 0755 weave /usr/local/bin/weave
  image=$(echo "$artifacts" | sed -n 's|^image:\(.*/weave:[^ ]*\) .*|\1|p')
  export DOCKERHUB_USER="${image%%/*}" WEAVE_VERSION="${image##*:}"
  [ "$fast_datapath" = yes ] || export WEAVE_NO_FASTDP=1
  # shellcheck disable=SC2086 # one address a word
  weave launch --host "$address" --plugin=false -H "tcp://$address:$port_weave_proxy" $addresses
}

start_swarm() {
  image=$(echo "$artifacts" | sed -n 's|^image:\(swarm:[^ ]*\) .*|\1|p')
  discovery=consul://$address:$port_consul_http
  set -- docker -H "tcp://$address:$port_weave_proxy" run -d --restart always --net host
  "$@" --name "$manager_container" "$image" manage -H "$address:$port_swarm_manager" -H "127.0.0.1:$port_swarm_manager" \
    --replication --advertise "$address:$port_swarm_manager" "$discovery" >/dev/null
  "$@" --name "$agent_container" "$image" join --heartbeat 10s --ttl 30s --advertise "$address:$port_weave_proxy" \
    "$discovery" >/dev/null
}

main </dev/null
