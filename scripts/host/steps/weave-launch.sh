#!/bin/sh
# Weave Net's router and Docker API proxy run under systemd, connected to every other host.
# Guide: "Launch weave". Its `weave connect IP:PORT` with the proxy's port never connects: peers are reached on Weave's
# own port, and are given at launch so that a reboot finds them again.
# Restarts the router only when script, unit or options differ, and waits until it is connected as before. A changed
# list of peers is told to the running router.
# Arguments: owner=IMAGE_OWNER version=V address=IP range=CIDR dns=true|false fast_datapath=true|false mtu=BYTES|default timeout=SECONDS
# connections=NUMBER (how many a router takes, 0 for no limit; without it Weave's own number)
# turn=yes|no (whether this host's router may be restarted now; with no, one that needs it is left as it is)
# password=N (which of the cluster's passwords the router has, counted; without it none, and packets are not encrypted)
# certificate=HASH (serve the Docker API with TLS alone; of what certificate.sh has put there)
. "$(dirname "$0")/lib.sh"
. "$here/images.sh"
. "$here/weave.sh"
owner='' version='' address='' range='' dns='' fast_datapath='' mtu='' timeout='' turn='' connections='' password='' certificate=''
take "owner version address range dns fast_datapath mtu timeout turn connections? password? certificate?" "$@"
password=${password:-none}

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
[ -z "$connections" ] || options="$options --conn-limit $connections"
# Weave's script binds these files into the router's container, whose program reads them when it starts.
[ -z "$certificate" ] || options="$options --tlsverify --tlscacert=$pki/ca.pem --tlscert=$pki/cert.pem --tlskey=$pki/key.pem"

# settings: read by systemd and by shells.
settings() {
  cat <<END
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
}

docker=$(command -v docker)
# What waits for the router has no need to know its password, and what it has in its environment lasts as long.
attach=$docker
[ "$password" = none ] || attach="/usr/bin/env -u WEAVE_PASSWORD $docker"
unit() {
  cat <<END
[Unit]
Description=Weave Net router and Docker API proxy
Documentation=https://rajch.github.io/weave/
Wants=network-online.target
Requires=docker.service
After=network-online.target docker.service
# However long the engine takes to come back.
StartLimitIntervalSec=0

[Service]
Type=exec
EnvironmentFile=/etc/default/weave$([ "$password" = none ] || printf '\nEnvironmentFile=%s' $weave_password)
ExecStartPre=/bin/sh $state/weave-prepare.sh
ExecStartPre=$weave_script launch --no-restart \$WEAVE_OPTIONS \$WEAVE_QUORUM \$WEAVE_PEERS
ExecStart=$attach attach --no-stdin --sig-proxy=false $weave_container
ExecStop=-$docker stop $weave_container
TimeoutStartSec=180
# A router that somebody else has stopped has ended well, and still has to come back.
Restart=always
RestartSec=5

[Install]
# By the engine too: whoever stops that stops this unit with it, and would start the engine alone.
WantedBy=multi-user.target docker.service
END
}

# What a running router is compared with. It is told of its peers, and has voted.
wanted=$({
  settings | grep -v -e '^WEAVE_QUORUM=' -e '^WEAVE_PEERS='
  unit
  cat $weave_script
  [ "$password" = none ] || cat $weave_password
  printf %s "$certificate"
} | sha256sum | cut -d' ' -f1)
running=no
! systemctl is-active -q weave.service || running=yes
# Routers with different passwords do not talk to each other: taking turns would only make the others wait longer.
had_password=$(note weave-password)
[ "${had_password:-none}" = "$password" ] || turn=yes
if [ $running = yes ] && [ "$(note weave-running)" != "$wanted" ] && [ "$turn" = no ]; then
  # Nothing is written either: a router that crashed in the meantime would start with it out of turn.
  found "weave.service running with other options or another version (restarted in its turn)"
  exit 0
fi

own file /etc/default/weave
put /etc/default/weave root:root 0644 settings || true

# Weave makes itself known to CNI wherever it is launched, and leaves that behind.
expect shared /opt/cni /opt/cni/bin /etc/cni /etc/cni/net.d
expect file /etc/cni/net.d/10-weave.conflist "/opt/cni/bin/weave-plugin-$version" /opt/cni/bin/weave-ipam /opt/cni/bin/weave-net

# A start finds out by itself what it needs: also one by hand, after a reboot, or when the engine has come back.
own file "$state/weave-prepare.sh"
put "$state/weave-prepare.sh" root:root 0644 cat "$here/names.sh" "$here/tls.sh" "$here/http.sh" "$here/lib.sh" "$here/images.sh" "$here/weave.sh" "$here/weave-prepare.sh" || true

expect shared /etc/systemd/system/docker.service.wants
own unit weave.service
if put /etc/systemd/system/weave.service root:root 0644 unit; then systemctl daemon-reload; fi
systemctl enable -q weave.service

weave_env
# How many of the others the router is connected to. One that leaves meanwhile does not count.
connected() {
  weave_status connections | awk -v others=" $others" '
    / established / { sub(/:[0-9]+$/, "", $2); if (index(others, " " $2 " ")) n++ } END { print n + 0 }'
}
had=0
reconnected() { [ "$had" = 0 ] || [ "$(connected)" -ge "$had" ]; }

# How many peers the router wants to vote before it gives the first container an address, and whether that is to come.
voters() {
  docker inspect -f '{{join .Args " "}}' "$weave_container" | sed -n 's/.*--ipalloc-init consensus=\([0-9]*\).*/\1/p'
}
undecided() { weave_status | grep -Eq '^ *Status: (idle|awaiting consensus)'; }

stale=
if [ $running = no ] || [ "$(note weave-running)" != "$wanted" ]; then
  stale=yes
elif [ "$(($(voters) / 2 + 1))" -gt "$count" ] && undecided; then
  # So many are needed for a majority, and there are not so many any more. Nobody has an address yet that a restart could
  # cut off.
  found "Weave: $(voters) peers are to vote before the first container gets an address, and there are $count"
  stale=yes
fi
if [ -z "$stale" ]; then
  found "weave.service running with these options"
  before=$(note weave-peers)
  if [ "$before" != "$others" ]; then
    # Without a peer to name, the script has nothing to say to the router.
    # shellcheck disable=SC2086
    if [ -n "$others" ]; then weave connect --replace $others; else weave forget $before; fi
    changed "peers: ${others:-none}"
  fi
else
  verb=started
  # With another password the others come when they have it too; gate-weave waits for them.
  [ "${had_password:-none}" != "$password" ] || had=$(connected)
  [ $running = no ] || verb=restarted
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
note weave-password "$password"
[ "$password" != none ] || [ ! -e $weave_password ] || {
  rm -f $weave_password
  changed "$weave_password (removed): packets between hosts are not encrypted any more"
}

# What the router of an earlier owner or version was made of.
needed=" $(weave_images | tr '\n' ' ')"
grep -E '^image [^/ ]+/weave(exec|db)?:' "$state/created" | while read -r _ image; do
  case $needed in
    *" $image "*) ;;
    *) drop_image "$image" || found "image $image, which a container still needs" ;;
  esac
done
