# The gossip key on its way from the upload to Consul's configuration. Sourced by the steps that start an agent.
# shellcheck shell=sh disable=SC2154

# install_key CONFIG_DIR: moves the uploaded fragment there, readable by root and Consul alone.
# Consul ignores another key once an agent is initialised, so a changed one is refused instead of silently kept.
install_key() {
  own file "$1/encrypt.json"
  key_upload=$sent/consul/encrypt.json
  key_ring=$data_dir/serf/local.keyring
  # The key goes through a pipe: an argument would stand in the process list.
  if [ -f "$key_ring" ] && ! sed -n 's/.*"encrypt" *: *\("[^"]*"\).*/\1/p' "$key_upload" | grep -qF -f - "$key_ring"; then
    rm -f "$key_upload"
    die "this agent already runs with another gossip key; rotate it as docs/operations.md says, or set the key it has"
  fi
  put "$1/encrypt.json" root:consul 0640 <"$key_upload" || true
  rm -f "$key_upload"
}
