#!/bin/sh
# The deploy has come to its end: this host is free for another one.
. "$(dirname "$0")/lib.sh"

let_go
changed "hold of this host (released)"
