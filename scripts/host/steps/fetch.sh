#!/bin/sh
# Everything that this host is going to install is on its disk, with the right checksum, before any host is changed.
# Arguments: images=REFERENCE,… (what the engine must have)
. "$(dirname "$0")/lib.sh"
. "$here/artifacts.sh"
. "$here/packages.sh"
. "$here/engine.sh"
. "$here/images.sh"
. "$here/consul.sh"
. "$here/weave.sh"
images=''
take "images" "$@"

count=0
wanted=''
# want SOURCE SHA256
want() {
  wanted="$wanted$1 $2
"
  count=$((count + 1))
}
want_packages() {
  wanted_packages=$(missing_packages "$1")
  [ -n "$wanted_packages" ] || return 0
  while read -r _ _ sha256 source; do want "$source" "$sha256"; done <<END
$wanted_packages
END
}
# want_image NAME:TAG: what comes from a registry is pulled by its digest, and gets its name in a later step.
want_image() {
  case $artifact_source in
    docker://*) ;;
    *)
      want "$artifact_source" "$artifact_sha256"
      return
      ;;
  esac
  if docker version >/dev/null 2>&1; then
    pull_image "${artifact_source#docker://}@sha256:$artifact_sha256"
    count=$((count + 1))
  else
    found "no engine yet that could pull $1 from its registry; that is done when there is one"
  fi
}

if engine_missing; then want_packages docker-engine; fi
if ! consul_installed && ! consul_prepared; then
  want "$artifact_source" "$artifact_sha256"
  command -v unzip >/dev/null || want_packages unzip
fi
# Locked only for firewall.managed.
[ -z "$(artifacts package:nftables:)" ] || command -v nft >/dev/null || want_packages nftables
weave_installed || want "$artifact_source" "$artifact_sha256"
for image in $(printf %s "$images" | tr ',' ' '); do
  image_loaded "$image" || image_kept "$image" || want_image "$image"
done

# Four side by side: a mirror may count how many a host opens. Each that fails says why.
fetches=''
for lane in 0 1 2 3; do
  printf %s "$wanted" | awk -v lane=$lane '!seen[$0]++ && ++n % 4 == lane' |
    while read -r source sha256; do fetch "$source" "$sha256" </dev/null; done &
  fetches="$fetches $!"
done
for one in $fetches; do wait "$one" || failed=yes; done
[ -z "${failed:-}" ] || exit 1

if [ $count = 0 ]; then
  found "nothing to fetch: what is locked is installed"
else
  changed "$state/download ($count artifacts, checksums are right)"
fi
