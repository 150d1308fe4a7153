#!/bin/sh
# Removes from the host what this project put there, newest first, and nothing else. Run by `destroy`.
# It may be cut off anywhere and run again: the record goes last, and what is done twice does no harm.
. "$(dirname "$0")/lib.sh"
. "$here/packages.sh"
. "$here/engine.sh"
. "$here/images.sh"
. "$here/weave.sh"
. "$here/swarm.sh"
. "$here/uninstall-containers.sh"
. "$here/uninstall-engine.sh"
. "$here/uninstall-rules.sh"
. "$here/uninstall-packages.sh"
. "$here/uninstall-files.sh"

if [ ! -e "$state" ]; then
  found "nothing of multicast-swarm on this host"
  let_go
  exit 0
fi

# values KIND: what was recorded of that kind, newest first.
values() { sed -n "s|^$1 ||p" "$state/created" 2>/dev/null | tac; }

# listed: the lines of standard input in one, as "a, b, c".
listed() { tr '\n' ' ' | sed 's/ *$//; s/ /, /g'; }

need_engine
remove_containers
remove_weave
remove_units
remove_images

# Which packages can go: asked now, while the engine can still tell.
unhold_packages
choose_packages

remove_files
remove_directories
give_back_directories
remove_users

# The engine was needed until here.
stop_engine
remove_packages
empty_roots
remove_groups
remove_shared_directories
rest_engine

# Without the record, a run that is cut off here has no more to do than to remove the rest of its folder.
rm -f "$state/created"
rm -rf "$state"
let_go
if [ $engine = stays ]; then
  changed "$state (removed): of multicast-swarm, Docker Engine is left, for others"
elif [ -n "$images_left" ]; then
  changed "$state (removed): of multicast-swarm, these images are left, for containers of others:$images_left"
else
  changed "$state (removed): nothing of multicast-swarm is left"
fi
