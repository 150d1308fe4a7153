#!/bin/sh
# Weave Net's router and Docker API proxy run under systemd, connected to every other host.
# Guide: "Launch weave". Its `weave connect IP:PORT` with the proxy's port never connects: peers are reached on Weave's
# own port, and are given at launch so that a reboot finds them again.
# Restarts the router only when script, unit or options differ, and waits until it is connected as before. A changed
# list of peers is told to the running router.
# Arguments: owner=IMAGE_OWNER version=V address=IP range=CIDR dns=true|false fast_datapath=true|false mtu=BYTES|default timeout=SECONDS
. "$(dirname "$0")/lib.sh"
owner='' version='' address='' range='' dns='' fast_datapath='' mtu='' timeout=''
take "owner version address range dns fast_datapath mtu timeout" "$@"

# fixed FIELD VALUE: what Weave takes only when it makes the network, and would ignore or break over afterwards.
fixed() {
  made=$(note "weave-$1")
  [ -z "$made" ] || [ "$made" = "$2" ] ||
    die "the network on this host was made with weave.$1 $made, and $2 needs a new one: put the setting back, or destroy the cluster and deploy it again"
}
fixed range "$range"
fixed mtu "$mtu"
fixed fastDatapath "$fast_datapath"

others=$(hosts peers | awk -v me="$address" '$2 != me { print $2 }' | tr '\n' ' ')
count=$(hosts peers | wc -l)

options="--host $address --name $(peer_name "$address") --ipalloc-range $range --plugin=false -H tcp://$address:$port_weave_proxy"
[ "$dns" = true ] || options="$options --no-dns"

# Read by systemd and by shells.
own file /etc/default/weave
put /etc/default/weave root:root 0644 <<END || true
DOCKERHUB_USER=$owner
WEAVE_VERSION=$version
CHECKPOINT_DISABLE=1
$([ "$fast_datapath" = true ] || echo WEAVE_NO_FASTDP=1)
$([ "$mtu" = default ] || echo "WEAVE_MTU=$mtu")
WEAVE_OPTIONS="$options"
# Read once, when the first container asks for an address.
WEAVE_QUORUM="--ipalloc-init consensus=$count"
WEAVE_PEERS="${others% }"
END

# Weave makes itself known to CNI wherever it is launched, and leaves that behind.
expect shared /opt/cni /opt/cni/bin /etc/cni /etc/cni/net.d
expect file /etc/cni/net.d/10-weave.conflist "/opt/cni/bin/weave-plugin-$version" /opt/cni/bin/weave-ipam /opt/cni/bin/weave-net

own unit weave.service
if put /etc/systemd/system/weave.service root:root 0644 <<'END'
[Unit]
Description=Weave Net router and Docker API proxy
Documentation=https://rajch.github.io/weave/
Wants=network-online.target
Requires=docker.service
After=network-online.target docker.service

[Service]
Type=exec
EnvironmentFile=/etc/default/weave
ExecStartPre=-/usr/bin/docker stop weave
ExecStartPre=/usr/local/bin/weave launch --no-restart $WEAVE_OPTIONS $WEAVE_QUORUM $WEAVE_PEERS
ExecStart=/usr/bin/docker attach --no-stdin --sig-proxy=false weave
ExecStop=/usr/bin/docker stop weave
TimeoutStartSec=180
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
END
then
  systemctl daemon-reload
fi
systemctl enable -q weave.service

# How many other peers the router is connected to.
connected() { WEAVE_VERSION=$version DOCKERHUB_USER=$owner weave status connections 2>/dev/null | grep -c ' established ' || true; }
had=0
reconnected() { [ "$(connected)" -ge "$had" ]; }

wanted=$(grep -v -e '^WEAVE_QUORUM=' -e '^WEAVE_PEERS=' /etc/default/weave | cat - /etc/systemd/system/weave.service /usr/local/bin/weave | sha256sum | cut -d' ' -f1)
if systemctl is-active -q weave.service && [ "$(note weave-running)" = "$wanted" ]; then
  found "weave.service running with these options"
  if [ "$(note weave-peers)" != "$others" ]; then
    # shellcheck disable=SC2086
    WEAVE_VERSION=$version DOCKERHUB_USER=$owner weave connect --replace $others
    changed "peers: $others"
  fi
else
  verb=started had=$(connected)
  systemctl is-active -q weave.service && verb=restarted
  systemctl restart weave.service ||
    die "weave.service does not start: $(journal weave.service)"
  changed "weave.service ($verb)"
fi
until_true "$timeout" docker_at "$address" "$port_weave_proxy" version >/dev/null 2>&1 ||
  die "Weave's Docker API proxy does not answer on $address:$port_weave_proxy after $timeout s: $(journal weave.service)"
# The next host's router waits for this one: with its connections lost too, containers would be cut off.
until_true "$timeout" reconnected ||
  die "Weave's router had $had connections and has $(connected) $timeout s after its restart: $(journal weave.service)"
note weave-running "$wanted"
note weave-range "$range"
note weave-mtu "$mtu"
note weave-fastDatapath "$fast_datapath"
note weave-peers "$others"
