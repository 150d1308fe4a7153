# Weave's script, images, settings and names. Sourced after images.sh; what asks whether the script is the locked one needs
# artifacts.sh.
# shellcheck shell=sh disable=SC2034,SC2154

weave_script=/usr/local/bin/weave
# Read by root and systemd alone: what /etc/default/weave has, everybody may read.
weave_password=/etc/default/weave-password

weave_installed() {
  artifact weave
  [ -x $weave_script ] && [ "$(hash_of $weave_script)" = "$artifact_sha256" ]
}

# weave_images: what Weave's script needs, by the settings of /etc/default/weave.
weave_images() {
  printf '%s\n' "$DOCKERHUB_USER/weave:$WEAVE_VERSION" "$DOCKERHUB_USER/weaveexec:$WEAVE_VERSION" "$DOCKERHUB_USER/weavedb:latest"
}

# weave_env: Weave's script has to use the same images as the unit, and would pull what a prune took, by its tag.
weave_env() {
  [ -f /etc/default/weave ] || return 0
  set -a
  # shellcheck disable=SC1091
  . /etc/default/weave
  set +a
  # shellcheck disable=SC2046 # one image a word
  images_unchanged $(weave_images) ||
    for weave_image in $(weave_images); do restore_image "$weave_image" || true; done
}

# weave_status [connections]: what `weave status` prints of the router here.
weave_status() { http_get 127.0.0.1 "$port_weave_api" "/status${1:+/$1}"; }

# peer_name ADDRESS: a Weave peer's name comes from the host's address, so that a rebuilt host is the same peer and keeps
# its addresses, and two hosts can never claim one name.
# shellcheck disable=SC2046,SC2183
peer_name() { printf '02:00:%02x:%02x:%02x:%02x' $(printf %s "$1" | tr '.' ' '); }
