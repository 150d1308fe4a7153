#!/bin/sh
# Weave Net's script and images. Guide: "Installing Weave". A router starts where none runs; one that runs learns of its
# peers, and is restarted by weave-launch.sh alone, when it is this host's turn.
# Arguments: images=REFERENCE,… (what the engine must have; - for none), and those of weave-launch.sh but turn
. "$(dirname "$0")/lib.sh"
. "$here/artifacts.sh"
. "$here/images.sh"
. "$here/weave.sh"
images=''
take "images" "$1"
shift

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

for image in $(printf %s "$images" | tr ',' ' '); do
  load_image "$image"
done

exec sh "$here/weave-launch.sh" "$@" turn=no
