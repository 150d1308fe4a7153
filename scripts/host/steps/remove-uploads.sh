#!/bin/sh
# What the operator's machine has sent goes when it has hung up: Terraform empties its own script, which lies there too,
# when that has ended. Runs as the login user, on a host that has just been uninstalled: without lib.sh.
set -eu
. "$(dirname "$0")/names.sh"

# The connection is the parent of its session's first process. This script's own parent may be a login shell, which ends
# before the connection does.
session=$(cut -d ' ' -f 6 "/proc/$$/stat")
connection=$(cut -d ' ' -f 4 "/proc/$session/stat")

# The end of the connection must not end who waits for it.
trap '' HUP
# shellcheck disable=SC2016
setsid sh -c 'while kill -0 "$1" 2>/dev/null; do sleep 0.2; done; rm -rf "$2" "$2"-*' \
  sh "$connection" "$uploads" </dev/null >/dev/null 2>&1 &
