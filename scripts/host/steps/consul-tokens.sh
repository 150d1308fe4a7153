#!/bin/sh
# Consul knows its agents' token, with the least that these and Swarm need, and the management token; earlier ones are gone,
# and where the management token is another one, so is every token that somebody could have made with it. Runs on all servers at
# the same time: only the one that leads can make another management token.
# Sent: consul-tokens, the management token, and below it the agents'. Neither stays here.
# Arguments: data_dir=DIR timeout=SECONDS tokens=N (how often the management token was changed)
. "$(dirname "$0")/lib.sh"
. "$here/consul.sh"
data_dir='' timeout='' tokens=''
take "data_dir timeout tokens" "$@"
reset=$data_dir/acl-bootstrap-reset
trap 'rm -f "$secrets/consul-tokens" "$reset"' EXIT
trap 'exit 1' HUP INT TERM

management=$(sed -n 1p "$secrets/consul-tokens")
agents=$(sed -n 2p "$secrets/consul-tokens")
name=multicast-swarm-agents
# What Consul itself writes beside a management token.
management_description='Bootstrap Token (Global Management)'

# Swarm: its keys, and sessions, by which entries expire and a primary is elected. Agents: their nodes in the catalog. Gates,
# verify and preflight: the members, and how the servers are.
rules='
  key_prefix "docker/swarm/" { policy = "write" }
  session_prefix "" { policy = "write" }
  node_prefix "" { policy = "write" }
  agent_prefix "" { policy = "read" }
  operator = "read"'
rules=$(printf %s "$rules" | sed 's/"/\\"/g' | tr -s '\n ' ' ')

# ask TOKEN METHOD PATH [BODY]: sets $status and $answer.
ask() {
  ask_said=$(printf '%s\n%s' "$1" "${4:-}" | http_ask "$2" 127.0.0.1 "$port_consul_http" "$3") || ask_said='none
the agent does not answer'
  status=${ask_said%%
*}
  answer=${ask_said#*
}
  [ "$status" = 200 ]
}
# value FIELD: its first text in the answer.
value() { printf '%s\n' "$answer" | sed -n 's/^ *"'"$1"'": "\(.*\)",*$/\1/p' | sed -n 1p; }

was=$(note consul-tokens)
anonymous=00000000-0000-0000-0000-000000000002

known() { ask "$1" GET '/v1/acl/token/self?pretty'; }
leads() { [ "$(consul_get 127.0.0.1 /v1/status/leader)" = "\"$(note member | cut -d' ' -f2):$port_consul_server\"" ]; }

# Consul takes a first management token from anybody, and another one from whoever can write to the leader's disk.
bootstrap() {
  bootstrap_body="{\"BootstrapSecret\":\"$management\"}"
  ask '' PUT /v1/acl/bootstrap "$bootstrap_body" && return
  index=$(printf %s "$answer" | sed -n 's/.*(reset index: \([0-9]*\)).*/\1/p')
  [ -n "$index" ] || return 1
  [ "$was" != "$tokens" ] ||
    die "Consul knows another management token than the one in TF_VAR_consul_token: set the one that it knows, or raise security.consulTokenChanged"
  put "$reset" consul:consul 0600 printf %s "$index" >/dev/null || true
  ask '' PUT /v1/acl/bootstrap "$bootstrap_body"
}

# Servers that do this at the same time may be in each other's way: what fails is tried again.
authorize() {
  if ! known "$management"; then
    { leads && bootstrap; } || return 1
    changed "Consul's management token"
    known "$management" || return 1
  fi
  own=$(value AccessorID)
  since=$(printf '%s\n' "$answer" | sed -n 's/^ *"CreateIndex": \([0-9]*\),*$/\1/p' | sed -n 1p)
  body="{\"Name\":\"$name\",\"Rules\":\"$rules\"}"
  if ! ask "$management" GET "/v1/acl/policy/name/$name?pretty"; then
    ask "$management" PUT /v1/acl/policy "$body" || return 1
    changed "Consul's policy $name"
  elif [ "$(value Rules)" != "$rules" ]; then
    id=$(value ID)
    ask "$management" PUT "/v1/acl/policy/$id" "$body" || return 1
    changed "Consul's policy $name"
  fi
  if ! known "$agents"; then
    ask "$management" PUT /v1/acl/token "{\"SecretID\":\"$agents\",\"Description\":\"$name\",\"Policies\":[{\"Name\":\"$name\"}]}" || return 1
    changed "the token of Consul's agents"
    known "$agents" || return 1
  fi
  own="$own $(value AccessorID) $anonymous"
  ask "$management" GET '/v1/acl/tokens?pretty' || return 1
  listed=$answer
  # What is older than the management token may have been made with an earlier one.
  others=$(printf '%s\n' "$listed" | awk -F'"' -v own=" $own " -v since="$since" -v first="$management_description" -v second="$name" '
    $2 == "AccessorID" { accessor = $4 }
    $2 == "Description" { description = $4 }
    $2 == "CreateIndex" {
      made = substr($3, 3) + 0
      if ((made < since + 0 || description == first || description == second) && !index(own, " " accessor " ")) print accessor
    }')
  for accessor in $others; do
    ask "$management" DELETE "/v1/acl/token/$accessor" || return 1
    changed "an earlier token ($accessor, deleted)"
  done
  # What the anonymous token was given before there was this management token may have come from the earlier one.
  printf '%s\n' "$listed" | awk -F'"' -v anonymous="$anonymous" -v since="$since" '
    $2 == "AccessorID" { accessor = $4 }
    $2 == "Policies" || $2 == "Roles" { given[accessor] = given[accessor] ($3 ~ /\[/ ? "yes" : "") }
    $2 == "ModifyIndex" && accessor == anonymous && given[accessor] != "" && substr($3, 3) + 0 < since + 0 { found = 1 }
    END { exit !found }' || return 0
  ask "$management" PUT "/v1/acl/token/$anonymous" '{"Description":"Anonymous Token"}' || return 1
  changed "the anonymous token (allows nothing)"
}

until_true "$timeout" authorize ||
  die "after $timeout s Consul does not know the management token: $status $answer. See journalctl -u consul; if it knows another one, set TF_VAR_consul_token to that, or raise security.consulTokenChanged"
found "Consul with the tokens of this cluster"
note consul-tokens "$tokens"
