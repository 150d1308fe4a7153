#!/bin/sh
# Weave Net's script and images. Guide: "Installing Weave". A router starts where none runs; one that runs learns of its
# peers, and is restarted by weave-launch.sh alone, when it is this host's turn.
# A password arrives as weave-password, in the form of a systemd environment file.
# Arguments: images=REFERENCE,… (what the engine must have), and those of weave-launch.sh but turn
. "$(dirname "$0")/lib.sh"
. "$here/artifacts.sh"
. "$here/images.sh"
. "$here/weave.sh"
images=''
take "images" "$1"
shift
# However this step ends, the uploaded password does not stay behind.
trap 'rm -f "$secrets/weave-password"' EXIT
trap 'exit 1' HUP INT TERM

if weave_installed; then
  own file $weave_script
  found "$weave_script $artifact_version"
else
  own file $weave_script
  fetch "$artifact_source" "$artifact_sha256"
  chmod 0755 "$fetched"
  chown root:root "$fetched"
  mv -f "$fetched" $weave_script
  changed "$weave_script ($artifact_version)"
fi

# of_launch NAME: one of weave-launch.sh's arguments.
of_launch() { printf '%s\n' "$launch" | sed -n "s/^$1=//p"; }
launch=$(printf '%s\n' "$@")

others=
weave_images=" $(DOCKERHUB_USER=$(of_launch owner) WEAVE_VERSION=$(of_launch version) && weave_images | tr '\n' ' ')"
for image in $(printf %s "$images" | tr ',' ' '); do
  case $weave_images in
    *" $image "*) load_image "$image" ;;
    *) others="$others $image" ;;
  esac
done

password=$(of_launch password)
if [ -n "$password" ]; then
  [ "$password" != "$(note weave-password)" ] || [ ! -e $weave_password ] || cmp -s "$secrets/weave-password" $weave_password ||
    die "the router has another password than the one in TF_VAR_weave_password: set the one that it has, or raise security.weavePasswordChanged"
  own file $weave_password
  put $weave_password root:root 0600 cat "$secrets/weave-password" || true
fi

# The router does not wait for what it does not need.
for image in $others; do load_image "$image"; done &
loading=$!
launched=yes
sh "$here/weave-launch.sh" "$@" turn=no || launched=no
wait $loading || exit 1
[ $launched = yes ] || exit 1
