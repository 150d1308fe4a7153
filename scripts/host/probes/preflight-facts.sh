#!/bin/sh
# Facts of a host for the preflight to judge: system, kernel, disks, memory, routes, names, registries, firewall. Only
# reads, loads no module. Sent between names.sh, tls.sh and preflight.sh, which calls system_facts and registry_facts.
# shellcheck shell=sh disable=SC2154

system_facts() { # DATA_DIR NAME…
  fact user "$(id -u) $(id -un)"
  distribution_facts
  systemd_facts
  identity_facts
  kernel_facts
  disk_facts "$1"
  memory_facts
  route_facts
  shift
  name_facts "$@"
  firewall_facts
  installed_facts
  member_facts
  deploy_facts
  key_facts
}

# ---- system ----

os_value() { sed -n "s/^$1=//p" /etc/os-release 2>/dev/null | tr -d "\"'" | head -n 1; }

distribution_facts() {
  id=$(os_value ID)
  version=$(os_value VERSION_ID)
  fact os "${id:-unknown} ${version:-unknown}"
  fact os-name "$(os_value PRETTY_NAME)"
  # A 32-bit system can run on a 64-bit kernel: programs have to fit the system, so dpkg is asked before the kernel.
  fact arch "$(dpkg --print-architecture 2>/dev/null || uname -m)"
}

systemd_facts() {
  init=$(cat /proc/1/comm 2>/dev/null)
  fact init "${init:-unknown}"
  [ "$init" = systemd ] || return
  systemd_state=$(systemctl is-system-running 2>/dev/null)
  fact systemd "${systemd_state:-unknown}"
}

identity_facts() {
  fact hostname "$(uname -n)"
  fact machine-id "$(head -n 1 /etc/machine-id 2>/dev/null)"
  fact addresses "$(awk '/host LOCAL/ { print last } { last = $NF }' /proc/net/fib_trie | grep -v '^127\.' | sort -u | tr '\n' ' ')"
}

# ---- kernel ----

# What Weave Net and the engine's bridge need: FACT MODULE CONFIGURATION
kernel_features='
bridge bridge BRIDGE
veth veth VETH
br-netfilter br_netfilter BRIDGE_NETFILTER
match-conntrack xt_conntrack NETFILTER_XT_MATCH_CONNTRACK
match-addrtype xt_addrtype NETFILTER_XT_MATCH_ADDRTYPE
match-comment xt_comment NETFILTER_XT_MATCH_COMMENT
masquerade xt_MASQUERADE NETFILTER_XT_TARGET_MASQUERADE
ip-tables ip_tables IP_NF_IPTABLES
nf-tables nf_tables NF_TABLES
nft-compat nft_compat NFT_COMPAT
openvswitch openvswitch OPENVSWITCH
vxlan vxlan VXLAN
dummy dummy DUMMY
'

# fact kernel-FEATURE yes | no | unknown | unloadable (built as a module whose file is not there).
kernel_facts() {
  release=$(uname -r)
  fact kernel "$release"
  {
    sed -n 's/^\([^ ]*\) .*/here \1/p' /proc/modules
    find /sys/module -mindepth 1 -maxdepth 1 -printf 'here %f\n'
    # Paths such as kernel/net/openvswitch/openvswitch.ko.xz
    sed 's|:.*||; s|.*/||; s|\.ko.*||; s|^|file |' "/lib/modules/$release/modules.dep"
    sed 's|.*/||; s|\.ko.*||; s|^|here |' "/lib/modules/$release/modules.builtin"
    { zcat /proc/config.gz || cat "/boot/config-$release"; } | sed -n 's/^CONFIG_\([A-Z0-9_]*\)=\([ym]\)$/config \1 \2/p'
    printf '%s\n' "$kernel_features" | sed -n 's/^[a-z]/wanted &/p'
  } 2>/dev/null | awk '
    $1 == "here" { here[$2] = 1 }
    $1 == "file" { file[$2] = 1; files = 1 }
    $1 == "config" { config[$2] = $3; configs = 1 }
    $1 == "wanted" {
      built = config[$4]
      if (here[$3] || file[$3] || built == "y") state = "yes"
      else if (built == "m") state = "unloadable"
      else state = (configs || files) ? "no" : "unknown"
      print "fact kernel-" $2 " " state
    }'
  # Of the command line, `iptables v1.8.9 (nf_tables)`; none before the engine is there.
  backend=$(iptables -V 2>/dev/null | sed -n 's/.*(\(.*\)).*/\1/p')
  command -v iptables >/dev/null && fact iptables "${backend:-legacy}"
}

# ---- disks and memory ----

# fact disk-WHAT MOUNT FREE_MIB FREE_INODES rw|ro, for the folder itself or the nearest one above it that exists.
disk_facts() { # DATA_DIR
  docker_root=$(sed -n 's/.*"\(data-root\|graph\)" *: *"\([^"]*\)".*/\2/p' /etc/docker/daemon.json 2>/dev/null | head -n 1)
  for pair in "consul $1" "docker ${docker_root:-/var/lib/docker}" "download $state" \
    'programs /usr/local/bin' 'packages /usr/bin' 'settings /etc'; do
    folder=${pair#* }
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    mount=$(df -P "$folder" 2>/dev/null | awk 'NR == 2 { print $6 }')
    # The last of several mounts on one folder is the one that is seen.
    mode=$(awk -v mount="$mount" '$2 == mount { split($4, options, ","); mode = options[1] } END { print mode ? mode : "rw" }' /proc/mounts)
    free=$(df -Pk "$folder" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }')
    # File systems without a fixed number of inodes say 0 or -.
    inodes=$(df -Pi "$folder" 2>/dev/null | awk 'NR == 2 { print ($2 + 0 > 0) ? $4 : "-" }')
    [ -z "$free" ] || fact "disk-${pair%% *}" "$mount $free ${inodes:--} $mode"
  done
}

memory_facts() {
  awk '$1 == "MemTotal:" { print "fact memory-total", int($2 / 1024) }
    $1 == "MemAvailable:" { print "fact memory-available", int($2 / 1024) }' /proc/meminfo
}

# ---- network ----

# fact routes NETWORK/PREFIX@INTERFACE …: all but the default route. The kernel shows bytes in the order of the machine.
route_facts() {
  routes=$(awk '
    function byte(hex, i) { return 16 * (index("0123456789ABCDEF", substr(hex, i, 1)) - 1) + index("0123456789ABCDEF", substr(hex, i + 1, 1)) - 1 }
    function bits(n,  count) { for (count = 0; n > 0; n = int(n / 2)) count += n % 2; return count }
    NR > 1 && $8 != "00000000" {
      prefix = 0
      for (i = 1; i < 8; i += 2) prefix += bits(byte($8, i))
      printf "%s%d.%d.%d.%d/%d@%s", separator, byte($2, 7), byte($2, 5), byte($2, 3), byte($2, 1), prefix, $1
      separator = " "
    }' /proc/net/route)
  fact routes "$routes"
  fact nameservers "$(awk '$1 == "nameserver" { printf "%s%s", separator, $2; separator = " " }' /etc/resolv.conf 2>/dev/null)"
}

# fact unresolved NAME …: all are asked at once, since a silent name server takes its time with each.
name_facts() {
  [ $# -gt 0 ] || return
  unresolved=$(
    for name; do
      { timeout 8 getent ahosts "$name" >/dev/null 2>&1 || printf '%s ' "$name"; } &
    done
    wait
  )
  fact unresolved "${unresolved% }"
}

# The registries that images come from are asked for those that the host has not got. Of several that answer the same, one
# is told.
registry_facts() { # PRESENT-IMAGES IMAGE=FROM…
  registry_present=" $1 "
  shift
  for pull; do
    case $registry_present in
      *" ${pull%%=*} "*) ;;
      *) ask_registry "${pull#*=}" & ;;
    esac
  done
  wait
}

# fact registry-refuses FROM ANSWER: not for root's docker, with the login that it has; registry-silent FROM ANSWER: why
# nothing is known; registry-login REGISTRY: it wants one, and root has none. docker's own command asks as `docker pull` does,
# by the same login and certificates. Where there is none yet, apt's downloader finds out whether the registry is reached.
ask_registry() { # REGISTRY/NAME@DIGEST
  if command -v docker >/dev/null; then
    said=$(HOME=~root DOCKER_CLI_EXPERIMENTAL=enabled timeout 20 docker manifest inspect "$1" 2>&1 >/dev/null) && return
    case $said in
      *"no such manifest"* | *[Uu]nauthorized* | *[Dd]enied* | *"no basic auth credentials"*) answer=refuses ;;
      *) answer=silent ;;
    esac
    fact "registry-$answer" "$1 $(printf %s "${said:-no answer in 20 seconds}" | tr '\n' ' ')"
    return
  fi
  folder=$(mktemp -d)
  said=$(timeout 20 /usr/lib/apt/apt-helper -q -o Acquire::Retries=0 -o Acquire::https::Timeout=15 -o APT::Sandbox::User=root \
    download-file "https://${1%%/*}/v2/" "$folder/answer" 2>&1) || case $said in
    *' 401 '*)
      # Named where docker login puts it, or all are with a helper.
      grep -Fqs -e "\"${1%%/*}\"" -e '"credsStore"' ~root/.docker/config.json || fact registry-login "${1%%/*}"
      ;;
    *) fact registry-silent "$1 $(printf %s "${said:-no answer in 20 seconds}" | tr '\n' ' ')" ;;
  esac
  rm -rf "$folder"
}

# Is the module there? To ask the command for rules where it is not would load it.
module_runs() {
  grep -qs "^$1 " /proc/modules || [ -d "/sys/module/$1" ] || grep -qs "/$1\.ko" "/lib/modules/$(uname -r)/modules.builtin" ||
    [ ! -e "/lib/modules/$(uname -r)/modules.dep" ]
}

# What the iptables command has for packets to this host: a policy that drops, or a rule that takes all that is left.
iptables_denies() {
  case $(iptables -V 2>/dev/null) in
    *nf_tables*) module_runs nf_tables ;;
    *) grep -qsx filter /proc/net/ip_tables_names ;;
  esac || return 1
  iptables -S INPUT 2>/dev/null | grep -Eq '^-P INPUT DROP|^-A INPUT (-m comment --comment ("[^"]*"|[^ ]+) )?-j (DROP|REJECT)( |$)'
}

# FAMILY TABLE CHAIN of the first chain of somebody's own that denies so; not those that other commands manage, nor ours.
nft_denies() {
  command -v nft >/dev/null && module_runs nf_tables || return 0
  nft -s list ruleset 2>/dev/null | awk -v ours="$firewall_table" '
    $1 == "table" { family = $2; table = $3 }
    $1 == "chain" { chain = $2; input = 0 }
    table == ours || table == "firewalld" || chain == "INPUT" { next }
    /hook input/ { input = 1 }
    input && (/policy drop;/ || /^[[:space:]]*(counter )?(drop|reject.*)$/) { print family, table, chain; exit }'
}

# fact firewall-chain: the zone of the host's own interfaces, where that is one and known; firewall-weave yes: firewalld is
# told to leave Weave's bridge alone, judge/firewall.ts says how.
firewalld_facts() {
  firewall_chain=$(timeout 20 firewall-cmd --get-active-zones 2>/dev/null | awk '
    /^[^ ]/ { zone = $1 }
    $1 == "interfaces:" { for (i = 2; i <= NF; i++) if ($i !~ /^(lo|weave|docker.*|br-.*|veth.*)$/ && !seen[zone]++) own[++count] = zone }
    END { if (count == 1) print own[1] }')
  if timeout 20 firewall-cmd --permanent --zone=trusted --query-interface=weave >/dev/null 2>&1 &&
    timeout 20 firewall-cmd --permanent --direct --query-rule ipv4 filter FORWARD 0 -i weave -o weave -j ACCEPT >/dev/null 2>&1; then
    fact firewall-weave yes
  fi
}

# fact firewall: which one the host is run with, for the command that opens a port; firewall-denies yes: it lets in what it
# was told to and nothing else; firewall-chain: where nft's or firewalld's rules go; firewall-lets-in: whom the allow-list of
# firewall.managed lets in that is loaded; client: by which address the operator's machine comes here.
firewall_facts() {
  firewall_kind=iptables firewall_denies='' firewall_chain=$(nft_denies)
  command -v nft >/dev/null && ! command -v iptables >/dev/null && firewall_kind=nft
  if [ "$(systemctl is-active firewalld.service 2>/dev/null)" = active ]; then
    firewall_kind=firewalld firewall_denies=yes
    firewalld_facts
  elif grep -qsx 'ENABLED=yes' /etc/ufw/ufw.conf; then
    firewall_kind=ufw
    grep -qs '^DEFAULT_INPUT_POLICY="ACCEPT"' /etc/default/ufw || firewall_denies=yes
  elif command -v iptables >/dev/null && iptables_denies; then
    firewall_denies=yes
  elif [ -n "$firewall_chain" ]; then
    firewall_kind=nft firewall_denies=yes
  fi
  fact firewall "$firewall_kind"
  [ -z "$firewall_denies" ] || fact firewall-denies yes
  [ -z "$firewall_chain" ] || fact firewall-chain "$firewall_chain"
  command -v nft >/dev/null && fact nft "$(nft --version 2>/dev/null)"
  if recorded "unit $firewall_unit"; then
    firewall_lets_in=$(for set in hosts operators; do nft list set inet "$firewall_table" $set 2>/dev/null; done |
      awk '{ gsub(/[,={}]/, " "); for (i = 1; i <= NF; i++) if ($i ~ /^[0-9]+\.[0-9.\/]+$/) printf "%s ", $i }')
    [ -z "$firewall_lets_in" ] || fact firewall-lets-in "$firewall_lets_in"
  fi
  [ -z "${SSH_CLIENT:-}" ] || fact client "${SSH_CLIENT%% *}"
}

# ---- what this project has put here already ----

installed_facts() {
  # Written down by the steps: what a member cannot change.
  for pair in cluster=cluster consul-datacenter=fixed-consul-datacenter consul-data-dir=fixed-consul-dataDir; do
    [ ! -s "$state/${pair#*=}" ] || fact "${pair%%=*}" "$(head -n 1 "$state/${pair#*=}")"
  done
  for program in consul weave; do
    recorded "file /usr/local/bin/$program" && [ -x "/usr/local/bin/$program" ] && fact "installed-$program" yes
  done
  if recorded 'unit weave.service'; then
    fact weave-peer "$(sed -n 's/.*--name \([0-9a-f:]*\).*/\1/p' /etc/default/weave 2>/dev/null)"
  fi
}

# What the members say of the cluster that runs.
member_facts() {
  if recorded 'unit weave.service' && systemctl is-enabled -q weave.service 2>/dev/null; then
    weave_api=$(sed -n 's/^WEAVE_OPTIONS=.* -H \([^ "]*\).*/\1/p' /etc/default/weave)
    # shellcheck disable=SC2046 # a word each
    if DOCKER_API_VERSION=$api_streams timeout 20 env $(tls) docker -H "$weave_api" version >/dev/null 2>&1; then
      fact weave-proxy answers
    else
      fact weave-proxy silent
    fi
  fi
  if recorded 'unit consul.service' && systemctl is-active -q consul.service; then
    # Stale: whoever has no leader is asked too.
    voters=$(timeout 20 /usr/local/bin/consul operator raft list-peers -stale 2>/dev/null |
      awk '$5 == "true" { sub(/:[0-9]+$/, "", $3); printf "%s%s", separator, $3; separator = " " }')
    [ -z "$voters" ] || fact consul-voters "$voters"
  fi
}

# Which deploy has the host, as hold.sh writes it.
deploy_facts() {
  [ -s "$hold" ] || return
  {
    read -r by && fact deploy-by "$by"
    read -r since && fact deploy-since "$since"
    read -r from && fact deploy-from "$from"
  } <"$hold"
}

# ---- certificates ----

# The hashes of the keys that scripts/pki has made here: the one in use, and one that waits for its certificate.
key_facts() {
  fact time "$(date +%s)"
  keys=
  for key in "$pki/key.pem" "$pki/next.pem"; do
    [ -f "$key" ] || continue
    keys="$keys $(openssl pkey -in "$key" -pubout -outform DER 2>/dev/null | sha256sum | cut -d' ' -f1)"
  done
  [ -z "$keys" ] || fact keys "${keys# }"
}
