# Consul's binary, and what its agents say. Sourced after lib.sh; what asks whether the binary is the locked one needs
# artifacts.sh.
# shellcheck shell=sh disable=SC2154

consul_binary=/usr/local/bin/consul
# Unpacked and checked, until it takes the place of the one in use.
consul_next=$state/consul-binary-next

# The notes consul-binary and consul-next hold the hashes of the archive and of the binary in it.

# Each is true when the locked artifact is what is installed; artifact_* describe it then.
consul_installed() {
  artifact consul
  [ -x $consul_binary ] && [ "$(note consul-binary)" = "$artifact_sha256 $(hash_of $consul_binary)" ]
}
consul_prepared() {
  artifact consul
  consul_noted=$(note consul-next)
  [ -x "$consul_next" ] && [ "${consul_noted% *}" = "$artifact_sha256" ]
}

# consul_get ADDRESS PATH [STATUS|…]: what an agent answers over HTTP, fails unless all is well.
consul_get() { http_get "$1" "$port_consul_http" "$2" "${3:-200}"; }

# consul_servers ADDRESS: a line "NAME ADDRESS:PORT leader|follower voter|none" for each server; fails without a leader.
consul_servers() {
  consul_said=$(consul_get "$1" '/v1/operator/raft/configuration?pretty') || return 1
  printf '%s\n' "$consul_said" | awk -F'"' '
    $2 == "Node" { name = $4 }
    $2 == "Address" { address = $4 }
    $2 == "Leader" { role = $3 ~ /true/ ? "leader" : "follower" }
    $2 == "Voter" { print name, address, role, $3 ~ /true/ ? "voter" : "none" }'
}

# consul_members: a line "NAME alive" for each living member, as this agent sees it.
consul_members() {
  consul_said=$(consul_get 127.0.0.1 '/v1/agent/members?pretty') || return 1
  printf '%s\n' "$consul_said" | awk -F'"' '
    $2 == "Name" { name = $4 }
    $2 == "Status" && $3 ~ /^: 1,/ { print name, "alive" }'
}

# consul_health: what Autopilot sees, as lines "healthy true|false", "leader ID" and, for each server, "server NAME STATUS".
consul_health() {
  consul_said=$(consul_get 127.0.0.1 '/v1/operator/autopilot/state?pretty') || return 1
  printf '%s\n' "$consul_said" | awk -F'"' '
    /^    "Healthy"/ { print "healthy", $3 ~ /true/ ? "true" : "false" }
    /^    "Leader"/ { print "leader", $4 }
    $2 == "Name" { name = $4 }
    $2 == "Status" { print "server", name, $4 }'
}

# consul_recovery: with ACLs, the token by which root has this agent leave; nothing without.
consul_recovery() {
  consul_config=$(sed -n 's/^ExecStart=.* -config-dir //p' /etc/systemd/system/consul.service)
  sed -n 's/.*"agent_recovery" *: *"\([^"]*\)".*/\1/p' "$consul_config/encrypt.json"
}
