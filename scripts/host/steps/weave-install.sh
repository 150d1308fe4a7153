#!/bin/sh
# Weave Net's script and images. Guide: "Installing Weave".
# Arguments: images=REFERENCE,… (what the engine must have; - for none)
. "$(dirname "$0")/lib.sh"
images=''
take "images" "$@"

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
