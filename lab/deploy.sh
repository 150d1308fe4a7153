# shellcheck shell=bash
# Runs the product on the lab's hosts, as an operator in their network would. Sourced.

# operator COMMAND…: in the lab's network, or the place of it that LAB_PLACE names, from the repository, with the lab's
# settings.
# Secrets go by environment: the process list shows arguments, to everyone.
operator() {
  (
    cd "$REPO" || exit
    TF_VAR_gossip_key=$(cat "$LAB/gossip.key") TF_VAR_weave_password=$(cat "$LAB/weave.password")
    TF_VAR_consul_token=$(cat "$LAB/consul.token")
    export TF_VAR_gossip_key TF_VAR_weave_password TF_VAR_consul_token
    export CLUSTER_FILE=$LAB/cluster.yaml TF_CLI_CONFIG_FILE=$LAB/terraform.rc PATH=$CACHE/bin:$PATH
    # Nobody to ask, nowhere to report to, and providers that a rebuild may change under the same version.
    export CI=1 CHECKPOINT_DISABLE=1 DISABLE_VERSION_CHECK=1 CDKTF_DISABLE_PLUGIN_CACHE_ENV=1
    # Colours are for terminals; cdktf does not tell Terraform.
    if [ ! -t 1 ]; then
      for verb in init plan apply destroy; do export "TF_CLI_ARGS_$verb=-no-color"; done
    fi
    nsenter --net="/run/netns/$NETNS${LAB_PLACE:+-$LAB_PLACE}" -- "$@"
  )
}

# A deploy that ended by itself, or by Ctrl-C, is finished by another; one that was killed has to be recovered first.
deploy() {
  if [ -e "$LAB/deploying" ] && [ -e "$LAB/cdktf.out/stacks" ]; then
    say "the last deploy was killed"
    recover
  fi
  note_sources
  (
    trap 'rm -f "$LAB/deploying"' EXIT
    touch "$LAB/deploying"
    operator npx cdktf deploy --auto-approve --skip-provider-lock --output "$LAB/cdktf.out" "$@"
  )
}
recover() { operator scripts/recover --output "$LAB/cdktf.out"; }
plan() {
  local result=0
  operator npx cdktf diff --skip-provider-lock --output "$LAB/cdktf.out" "$@" || result=$?
  # cdktf leaves Terraform's plan file behind, with all variables readable in it: the gossip key too.
  rm -f "$LAB"/cdktf.out/stacks/*/plan
  return $result
}
destroy() { operator npx cdktf destroy --auto-approve --skip-provider-lock --output "$LAB/cdktf.out" "$@"; }
lock() { operator scripts/lock "$@"; }
verify() { operator scripts/verify --vertx "$@"; }
