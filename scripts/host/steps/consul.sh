# Consul's binary. Sourced after lib.sh; what asks whether it is the locked one needs artifacts.sh.
# shellcheck shell=sh disable=SC2154

consul_binary=/usr/local/bin/consul
# Unpacked and checked, until it takes the place of the one in use.
consul_next=$state/consul-binary-next

# Each is true when the locked artifact is what is installed; artifact_* describe it then.
consul_installed() {
  artifact consul
  [ -x $consul_binary ] && [ "$(note consul-binary)" = "$artifact_sha256 $(hash_of $consul_binary)" ]
}
consul_prepared() {
  artifact consul
  [ -x "$consul_next" ] && [ "$(note consul-next)" = "$artifact_sha256" ]
}
