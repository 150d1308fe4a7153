#!/bin/sh
# Weave Net's script and images. Source document: "Installing Weave".
# Arguments: images=REFERENCE,… (what the engine must have; - for none)
. "$(dirname "$0")/lib.sh"
images=''
take "images" "$@"

script=/usr/local/bin/weave
artifact weave
if [ -x $script ] && [ "$(hash_of $script)" = "$artifact_sha256" ]; then
  own file $script
  found "$script $artifact_version"
else
  own file $script
  fetch "$artifact_source" "$artifact_sha256" "$state/download/weave"
  chmod 0755 "$state/download/weave"
  chown root:root "$state/download/weave"
  mv -f "$state/download/weave" $script
  changed "$script ($artifact_version)"
fi

for image in $(printf %s "$images" | tr ',' ' '); do
  load_image "$image"
done
