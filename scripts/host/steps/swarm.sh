# What Swarm has on this host, and knows of others. Sourced after lib.sh.
# shellcheck shell=sh disable=SC2154

# The containers that the deploy has made on this host; a stranger's of the same name stays.
remove_swarm_containers() {
  for container in "$manager_container" "$agent_container"; do
    container_of=$(docker inspect -f "{{index .Config.Labels \"$cluster_label\"}}" "$container" 2>/dev/null || true)
    [ -n "$container_of" ] || continue
    docker rm -f -v "$container" >/dev/null
    changed "container $container (removed)"
  done
}

# remove_node ADDRESS: Swarm's entry of a host that has left, which would otherwise stay until it expires.
remove_node() {
  node_entry=docker/swarm/nodes/$1:$port_weave_proxy
  consul kv get "$node_entry" >/dev/null 2>&1 || return 0
  consul kv delete "$node_entry" >/dev/null || die "cannot delete $node_entry from Consul's key-value store"
  changed "Swarm: node $1:$port_weave_proxy (removed)"
}
