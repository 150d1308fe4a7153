#!/bin/sh
# Everything that this host is going to install is on its disk, with the right checksum, before any host is changed.
# Arguments: images=REFERENCE,… (what the engine must have)
. "$(dirname "$0")/lib.sh"
images=''
take "images" "$@"

count=0
# want SOURCE SHA256
want() {
  case $1 in
    docker://*) return ;; # the engine pulls it by its digest when there is an engine
  esac
  fetch "$1" "$2"
  count=$((count + 1))
}
want_packages() {
  wanted_packages=$(missing_packages "$1")
  [ -n "$wanted_packages" ] || return 0
  while read -r _ _ sha256 source; do want "$source" "$sha256"; done <<END
$wanted_packages
END
}

command -v dockerd >/dev/null || want_packages docker-engine
if ! consul_installed && ! consul_prepared; then
  want "$artifact_source" "$artifact_sha256"
  command -v unzip >/dev/null || want_packages unzip
fi
weave_installed || want "$artifact_source" "$artifact_sha256"
for image in $(printf %s "$images" | tr ',' ' '); do
  image_loaded "$image" || want "$artifact_source" "$artifact_sha256"
done

if [ $count = 0 ]; then
  found "nothing to fetch: what is locked is installed"
else
  changed "$state/download ($count artifacts, checksums are right)"
fi
