#!/bin/sh
# Looks at a host before anything is installed on it, and changes nothing.
#
#   cat ../steps/names.sh ../steps/tls.sh preflight-facts.sh preflight.sh |
#     sh -s -- data_dir=DIR images=REFERENCE,… pulls=REFERENCE=FROM,… ports=PORT/PROTOCOL/SERVICE,… names=NAME,…
#                                                                                                      (as root)
#
# data_dir is Consul's; images are those that the deploy loads into the engine, pulls those of them that come from a
# registry of the operator's own; ports are those that SERVICE (consul, weave, weave-dns, swarm) will listen on; names are
# those that the host has to resolve. Prints lines for a program to read:
#
#   fact NAME VALUE
#   problem CHECK | found … | needed … | fix: …
#
# and `fact end ok` as the last one, so that a run that was cut short cannot pass for a good one. The problems are those
# that take the host itself to see: who holds a port, what is there that this project did not install. All others are
# judged from the facts by commands/preflight/judge/.
#
# Needs no more than a minimal Debian or Ubuntu has: sh, coreutils, find, sed, grep, awk, systemctl.
# shellcheck disable=SC2154  # state, cluster_label and the like are names.sh's

set -u
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

# What this project put on the host, written by the steps that did: lines "KIND VALUE".
record=$state/created

fact() { printf 'fact %s %s\n' "$1" "$2"; }

# The bars separate the fields, so none may stand in what was found on the host.
problem() {
  printf 'problem %s | found %s | needed %s | fix: %s\n' "$1" "$(printf %s "$2" | tr '|\n' '/ ')" "$3" "$4"
}

recorded() { [ -f "$record" ] && grep -qxF -- "$1" "$record"; }

# All containers, as lines "ID NAME IMAGE ours|- PORTS…": asked once, since each question takes a noticeable time.
# Asking a stopped engine through its socket would start it, and this script changes nothing.
containers=
list_containers() {
  case $(systemctl is-active docker.service 2>/dev/null) in
    inactive | failed) return ;;
  esac
  containers=$(timeout 20 docker ps -a --no-trunc \
    --format '{{.ID}} {{.Names}} {{.Image}} {{if .Label "'"$cluster_label"'"}}ours{{else}}-{{end}} {{.Ports}}' 2>/dev/null)
}

# A container of ours: Swarm's carry a label, Weave's have the names that its script gives.
our_container() {
  case $1 in
    "$weave_container" | weaveproxy | weaveplugin) recorded 'unit weave.service' ;;
    *) printf '%s\n' "$containers" | awk -v name="$1" '$2 == name && $4 == "ours" { found = 1 } END { exit !found }' ;;
  esac
}

# What consul-bootstrap.sh itself goes by: noted before its agent starts, and kept after the handover.
bootstrapped() { [ -s "$state/consul-bootstrapped" ]; }

our_unit() {
  case $1 in
    # Exists only until the handover, and is never recorded: it is no file.
    consul-bootstrap.service) bootstrapped ;;
    *) recorded "unit $1" ;;
  esac
}

# Listeners on the wanted ports: lines "PORT/PROTOCOL SERVICE INODE". The kernel's own tables are read instead of
# ss or lsof, which a minimal host may lack. Weave's DNS binds to docker0 alone: in its way is a listener on all addresses
# or on one of docker0's network.
listeners() {
  tables=
  for protocol in tcp udp; do
    for table in $protocol ${protocol}6; do
      [ -r "/proc/net/$table" ] && tables="$tables protocol=$protocol /proc/net/$table"
    done
  done
  # shellcheck disable=SC2086  # the list of files is meant to be split
  awk -v wanted="$1" '
    function decimal(hex,  i, n) {
      for (i = 1; i <= length(hex); i++) n = 16 * n + index("0123456789ABCDEF", substr(hex, i, 1)) - 1
      return n
    }
    function both(one, other,  bits, bit) {
      for (bit = 1; bit <= 8; bit *= 2) if (int(one / bit) % 2 && int(other / bit) % 2) bits += bit
      return bits + 0
    }
    # The kernel shows addresses, networks and masks in one order of bytes; an IPv4 address as IPv6 ends with it.
    function on_docker0(address,  i) {
      sub(/^0000000000000000FFFF0000/, "", address)
      if (network == "" || length(address) != 8) return 0
      for (i = 1; i <= 8; i++)
        if (both(decimal(substr(address, i, 1)), decimal(substr(mask, i, 1))) != decimal(substr(network, i, 1))) return 0
      return 1
    }
    FILENAME == routes { if ($1 == "docker0" && $3 == "00000000") { network = $2; mask = $8 } next }
    BEGIN {
      routes = "/proc/net/route"
      count = split(wanted, specs, " ")
      for (i = 1; i <= count; i++) {
        split(specs[i], part, "/")
        service[part[1] "/" part[2]] = part[3]
      }
    }
    $4 == (protocol == "tcp" ? "0A" : "07") {
      split($2, address, ":")
      key = decimal(address[2]) "/" protocol
      if (!(key in service)) next
      if (service[key] == "weave-dns" && address[1] !~ /^0+$/ && !on_docker0(address[1])) next
      print key, service[key], $10
    }' /proc/net/route $tables </dev/null
}

# Which process holds each of the sockets on standard input: the same lines, with a process id (0: the kernel) added.
holders() {
  lines=$(cat)
  [ -n "$lines" ] || return
  {
    find /proc/[0-9]*/fd -lname 'socket:*' -printf 'socket %l %p\n' 2>/dev/null
    printf '%s\n' "$lines"
  } | awk '
    $1 == "socket" {
      split($3, path, "/")
      inode = $2
      gsub(/[^0-9]/, "", inode)
      if (!(inode in pid) || path[3] + 0 < pid[inode] + 0) pid[inode] = path[3]
      next
    }
    { print $1, $2, ($3 in pid) ? pid[$3] : 0 }' | sort -u -t / -k 1,1n -k 2
}

unit_of() { sed -n 's|.*/\([^/]*\.service\).*|\1|p' "/proc/$1/cgroup" 2>/dev/null | head -n 1; }

# The name of the container that a process belongs to, or for which it forwards a port.
container_of() {
  if [ "$(cat "/proc/$1/comm" 2>/dev/null)" = docker-proxy ]; then
    printf '%s\n' "$containers" | awk -v port=":${2%/*}->" 'index($0, port) { print $2; exit }'
    return
  fi
  container_id=$(sed -n 's|.*\([0-9a-f]\{64\}\).*|\1|p' "/proc/$1/cgroup" 2>/dev/null | head -n 1)
  [ -n "$container_id" ] || return
  printf '%s\n' "$containers" | awk -v id="$container_id" '$1 == id { print $2 }'
}

# Lines "PORT/PROTOCOL <tab> SERVICE <tab> HOLDER <tab> FIX" for the ports that something foreign holds.
foreign_listeners() {
  listeners "$1" | holders | while read -r port service pid; do
    if [ "$pid" = 0 ]; then
      # Weave's fast datapath: openvswitch listens in the kernel.
      [ "$port" = "$port_weave_fast_datapath/udp" ] && recorded 'unit weave.service' && continue
      printf '%s\t%s\t%s\t%s\n' "$port" "$service" 'the kernel' 'ss -lntup shows it; remove the interface or module that holds it'
      continue
    fi
    unit=$(unit_of "$pid")
    container=$(container_of "$pid" "$port")
    name=$(cat "/proc/$pid/comm" 2>/dev/null)
    # The port-probe.pl of another preflight, which ends within seconds.
    [ "$name" = multicast-swarm ] && continue
    if [ -n "$container" ]; then
      our_container "$container" && continue
      printf '%s\t%s\t%s\t%s\n' "$port" "$service" "container $container" "docker rm -f $container"
    elif [ -n "$unit" ]; then
      our_unit "$unit" && continue
      printf '%s\t%s\t%s\t%s\n' "$port" "$service" "$name (pid $pid, $unit)" "systemctl disable --now $unit"
    else
      printf '%s\t%s\t%s\t%s\n' "$port" "$service" "${name:-a process} (pid $pid)" "kill $pid"
    fi
  done
}

# One problem for each holder and service: a foreign Consul alone holds six ports.
check_ports() {
  # A port can be held twice, for IPv4 and IPv6.
  foreign=$(foreign_listeners "$1" | awk -F '\t' '!seen[$1 FS $3]++')
  [ -n "$foreign" ] || return
  fact taken-ports "$(printf '%s\n' "$foreign" | cut -f 1 | sort -u | tr '\n' ' ')"
  printf '%s\n' "$foreign" | awk -F '\t' '
    BEGIN {
      label["consul"] = "Consul"; label["weave"] = "Weave Net"; label["weave-dns"] = "Weave DNS"; label["swarm"] = "Swarm"
    }
    {
      sub(/-local$/, "", $2)
      key = $2 FS $3
      if (many[key]++) ports[key] = ports[key] ", " $1
      else { order[++count] = key; ports[key] = $1 }
      service[key] = $2
      holder[key] = $3
      fix[key] = $2 == "weave-dns" ? "bind it to addresses of its own, or set weave.dns: false in the cluster file" : $4
    }
    END {
      for (i = 1; i <= count; i++) {
        key = order[i]
        printf "problem ports | found %s taken by %s | needed free for %s | fix: %s\n", \
          (many[key] > 1) ? "ports " ports[key] " are" : "port " ports[key] " is", holder[key], label[service[key]], fix[key]
      }
    }'
}

# The deploy must not overwrite what it did not write.
check_foreign_files() {
  for file in /usr/local/bin/consul /usr/local/bin/weave /etc/default/weave; do
    [ ! -e "$file" ] || recorded "file $file" ||
      problem foreign "$file, which is not of this project" 'no Consul and Weave Net but those that this project installs' \
        "mv $file $file.old, once nothing uses it"
  done
  for unit in consul.service weave.service; do
    [ "$(systemctl show -p LoadState --value $unit 2>/dev/null)" = loaded ] || continue
    recorded "unit $unit" && continue
    file=$(systemctl show -p FragmentPath --value $unit)
    if package=$(dpkg -S "$file" 2>/dev/null); then
      fix="apt-get purge ${package%%:*}"
    else
      fix="systemctl disable --now $unit && rm $file && systemctl daemon-reload"
    fi
    problem foreign "$unit ($file), which is not of this project" "no other $unit on the host" "$fix"
  done
  strangers=
  for file in $(find /etc/consul.d -type f 2>/dev/null | sort); do
    recorded "file $file" || strangers="$strangers $file"
  done
  [ -z "$strangers" ] ||
    problem foreign "configuration of Consul that is not of this project:$strangers" 'nothing in /etc/consul.d' \
      'mv /etc/consul.d /etc/consul.d.old'
  # An agent that finds such data stays a member of the cluster that they are of.
  if [ -e "$1/raft" ] || [ -e "$1/serf" ]; then
    recorded 'unit consul.service' || bootstrapped ||
      problem foreign "data of an earlier Consul in $1" 'an empty data directory' "mv $1 $1.old"
  fi
}

check_foreign_containers() {
  printf '%s\n' "$containers" | while read -r _ name image _; do
    case "$name $image" in
      "$weave_container "* | weaveproxy\ * | weaveplugin\ *) what='Weave Net' ;;
      *\ */weave:*) what='Weave Net' ;;
      "$manager_container "* | "$agent_container "* | *\ swarm | *\ swarm:* | *\ swarm@* | *\ */swarm:*) what=Swarm ;;
      *) continue ;;
    esac
    our_container "$name" ||
      problem foreign "container $name of image $image, which is not of this project" "no other $what on the host" \
        "docker rm -f $name"
  done
}

# An image under a name that is in the lock file need not be the one that was locked.
check_foreign_images() {
  missing=0 present_images=''
  present=$(timeout 20 docker images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null)
  for image in $1; do
    # An image by digest is in no list.
    if ! printf '%s\n' "$present" | grep -qxF -- "$image" && ! timeout 20 docker image inspect "$image" >/dev/null 2>&1; then
      missing=$((missing + 1))
      continue
    fi
    present_images="$present_images $image"
    recorded "image $image" && continue
    problem foreign "image $image, which is not of this project" 'the image of the lock file under that name' \
      "docker image rm $image"
  done
  fact images-missing "$missing"
}

look_at_engine() { # IMAGES
  if ! command -v dockerd >/dev/null && [ "$(systemctl show -p LoadState --value docker.service 2>/dev/null)" != loaded ]; then
    # An engine of another kind (snap, rootless, started by hand) has no docker.service that Weave Net could be tied to.
    if [ -e /snap/bin/docker ]; then
      fact engine other
      fact engine-other "/snap/bin/docker"
    elif grep -q '/docker\.sock$' /proc/net/unix 2>/dev/null; then
      fact engine other
      fact engine-other "$(sed -n 's|.* \(/.*/docker\.sock\)$|\1|p' /proc/net/unix | head -n 1)"
    else
      fact engine absent
    fi
    return
  fi
  # With the packages that its deploy has recorded.
  ! grep -qs '^docker-engine ' "$record" || fact engine-ours yes
  # Asking a stopped engine through its socket would start it, and this script changes nothing.
  engine_state=$(systemctl is-active docker.service 2>/dev/null)
  fact engine-state "${engine_state:-unknown}"
  case $engine_state in
    inactive)
      fact engine "$(dockerd --version 2>/dev/null | sed 's/^Docker version \([^ ,]*\).*/\1/p')"
      return
      ;;
    failed)
      fact engine unknown
      return
      ;;
  esac
  if ! command -v docker >/dev/null; then
    fact engine unknown
    fact engine-client absent
    return
  fi
  format='{{.Server.Version}} {{.Server.APIVersion}} {{.Server.MinAPIVersion}} {{.Client.Version}}'
  if answer=$(timeout 20 docker version --format "$format" 2>&1); then
    check_foreign_containers
    check_foreign_images "$1"
    # shellcheck disable=SC2086  # four words, meant to be split
    set -- $answer
    fact engine "$1"
    fact engine-api "$2"
    fact engine-min-api "$3"
    fact engine-client "$4"
    fact engine-running "$(timeout 20 docker ps -q | wc -l)"
  else
    fact engine unknown
    fact engine-error "$(printf %s "$answer" | tr '\n' ' ')"
  fi
}

words() { printf %s "$1" | tr ',' ' '; }

main() {
  data_dir='' images='' pulls='' ports='' names='' present_images=''
  for pair; do
    case $pair in
      data_dir=*) data_dir=${pair#*=} ;;
      images=*) images=$(words "${pair#*=}") ;;
      pulls=*) pulls=$(words "${pair#*=}") ;;
      ports=*) ports=$(words "${pair#*=}") ;;
      names=*) names=$(words "${pair#*=}") ;;
      *) printf 'unknown argument %s\n' "$pair" >&2 && exit 2 ;;
    esac
  done
  list_containers
  check_ports "$ports"
  check_foreign_files "$data_dir"
  look_at_engine "$images"
  # shellcheck disable=SC2086  # words, meant to be split
  registry_facts "$present_images" $pulls
  # shellcheck disable=SC2086
  system_facts "$data_dir" $names
  fact end ok
}

# The script itself may arrive on standard input: nothing that runs here may read from there.
main "$@" </dev/null
