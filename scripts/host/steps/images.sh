# Images, and the host's own copies of them. Sourced after lib.sh; what loads needs artifacts.sh.
# shellcheck shell=sh disable=SC2154

# image_facts NAME:TAG: sets image_noted to what load_image has put under that reference, which is noted in $image_note, and
# image_copy to the host's own copy of that.
image_facts() {
  image_file=$(printf %s "$1" | tr '/:' '__')
  image_note=image-$image_file
  image_noted=$(note "$image_note")
  image_copy=$state/images/$image_file.tar
}

# ask_engine NAME:TAG: sets image_id to what the engine has under that reference, if anything.
ask_engine() { image_id=$(docker image inspect -f '{{.Id}}' "$1" 2>/dev/null || true); }

# images_unchanged NAME:TAG…: true when the engine has all of these as load_image has put them there.
images_unchanged() {
  images_have=$(docker image inspect -f '{{.Id}}' "$@" 2>/dev/null) || return 1
  [ "$images_have" = "$(for image_name; do
    image_facts "$image_name"
    echo "${image_noted#* }"
  done)" ]
}

# image_loaded NAME:TAG: true when the engine has the locked image under that reference; sets what image_facts sets.
image_loaded() {
  artifact "image:$1"
  image_facts "$1"
  # The engine need not be asked for what was never put there.
  [ "${image_noted%% *}" = "$artifact_sha256" ] || return 1
  ask_engine "$1"
  [ -n "$image_id" ] && [ "$image_noted" = "$artifact_sha256 $image_id" ]
}

# image_kept NAME:TAG: true when the host's own copy is of the locked image, so that nothing has to be fetched for it.
image_kept() {
  artifact "image:$1"
  image_facts "$1"
  [ -f "$image_copy" ] && [ "${image_noted%% *}" = "$artifact_sha256" ]
}

# pull_image REFERENCE@DIGEST: the engine has it, without a tag. A registry may be slow, or count how often it is asked.
# One that wants a login gets root's own, from where docker login has put it.
pull_image() {
  ! docker image inspect "$1" >/dev/null 2>&1 || return 0
  record image "$1"
  for pull_pause in 2 10 30 0; do
    pull_said=$(HOME=~root timeout 1800 docker pull -q "$1" 2>&1) && return
    case $pull_said in
      *[Uu]nauthorized* | *"no basic auth credentials"* | *" access denied"* | *"denied: "*)
        die "cannot pull $1: $pull_said; if the registry wants a login, docker login ${1%%/*} as root on this host"
        ;;
    esac
    sleep "$pull_pause"
  done
  die "cannot pull $1: $pull_said"
}

# load_image NAME:TAG: the engine has the locked image under that reference, and the host a copy for restore_image.
load_image() {
  if image_loaded "$1"; then
    found "image $1"
    save_image "$1"
    return
  fi
  ask_engine "$1"
  [ -z "$image_id" ] || recorded image "$1" ||
    die "the image $1 is on this host already, but was not put there by multicast-swarm; remove it (docker image rm $1) and run deploy again"
  record image "$1"
  if [ "${image_noted%% *}" = "$artifact_sha256" ] && restore_image "$1"; then
    rm -f "$state/download/$artifact_sha256"
    return
  fi
  # It may be of another image.
  rm -f "$image_copy"
  # The one that has the name until now is left without.
  [ -z "$image_id" ] || record image "$image_id"
  fetched=
  case $artifact_source in
    docker://*)
      image_pull=${artifact_source#docker://}@sha256:$artifact_sha256
      pull_image "$image_pull"
      docker tag "$image_pull" "$1"
      save_image "$1"
      ;;
    *)
      fetch "$artifact_source" "$artifact_sha256"
      docker load -q -i "$fetched" >/dev/null || die "the engine refuses $artifact_source"
      ;;
  esac
  ask_engine "$1"
  [ -n "$image_id" ] || die "$artifact_source does not hold an image named $1"
  note "$image_note" "$artifact_sha256 $image_id"
  # Not before: without the note, the next run would take the copy for another image's.
  [ -z "$fetched" ] || {
    mkdir -p "$state/images"
    mv -f "$fetched" "$image_copy"
  }
  changed "image $1 (loaded)"
}

# save_image NAME:TAG: the host's own copy, where there is none, is made of what the engine has.
save_image() {
  image_facts "$1"
  [ ! -f "$image_copy" ] || return 0
  mkdir -p "$state/images"
  if docker save -o "$image_copy.new" "$1" 2>/dev/null; then
    mv -f "$image_copy.new" "$image_copy"
    changed "$image_copy (for when the engine has lost the image)"
  else
    # The cluster works without it.
    rm -f "$image_copy.new"
    found "no room for $image_copy: an image that a prune takes comes back with a deploy only"
  fi
}

# restore_image NAME:TAG: what a prune took of what load_image has put there is loaded again from the host's own copy;
# false when the engine has not got it then.
restore_image() {
  image_facts "$1"
  ask_engine "$1"
  [ -z "$image_id" ] || [ "$image_id" != "${image_noted#* }" ] || return 0
  { [ -f "$image_copy" ] && docker load -q -i "$image_copy" >/dev/null; } || return 1
  ask_engine "$1"
  [ -n "$image_id" ] || return 1
  note "$image_note" "${image_noted%% *} $image_id"
  changed "image $1 (loaded again from $image_copy)"
}

# drop_image NAME:TAG: takes back what load_image has put there; false when the engine still needs it.
drop_image() {
  image_facts "$1"
  ask_engine "$1"
  [ -z "$image_id" ] || docker image rm "$1" >/dev/null 2>&1 || return 1
  rm -f "$image_copy" "${state:?}/$image_note"
  [ -z "$image_id" ] || changed "image $1 (removed)"
}
