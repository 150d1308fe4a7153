#!/bin/sh
# A host is held by one deploy at a time: takes it for the one that runs this, or says which other has it.
# Run with names.sh in front of it before anything is sent to the host, and by every step. release.sh lets go, so do
# uninstall.sh and scripts/recover, and a reboot.
# Environment: deploy_by=WHO (the same whenever it is run again) deploy_from=ADDRESS… (sshd's SSH_CLIENT)
# shellcheck disable=SC2154
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
# shellcheck source=scripts/host/steps/names.sh
[ -n "${hold:-}" ] || . "$(dirname "$0")/names.sh"

# Whole when it appears, and only if there is none.
trap 'rm -f "$hold.$$"' EXIT
printf '%s\n' "$deploy_by" "$(date -u '+%Y-%m-%d %H:%M:%S UTC')" "${deploy_from%% *}" >"$hold.$$"
until ln "$hold.$$" "$hold" 2>/dev/null; do
  holder=$(sed -n 1p "$hold" 2>/dev/null || true)
  [ "$holder" != "$deploy_by" ] || break
  # It may have let go in this moment.
  [ -n "$holder" ] || continue
  printf '%s hold: ERROR: another deploy has this host: %s, from %s, since %s. Wait until it has ended. If it was broken off, deploy there again, or run scripts/recover here and deploy\n' \
    "$(uname -n)" "$holder" "$(sed -n 3p "$hold")" "$(sed -n 2p "$hold")" >&2
  exit 1
done
