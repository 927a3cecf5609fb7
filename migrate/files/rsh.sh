#!/bin/sh
# The way to the sender, for rsync and for the passes: `sh rsh sender rsync --server ...`
#
# Promise: one connection serves a whole pass and stays open for the next; `apart NAME` opens another, for
# transfers at the same time, which serves those of the name that follow soon. It keeps no lock of its caller,
# since a connection outlives it.
ulimit -c 0
case $1 in apart)
    name=$2
    shift 2
    set -- -o "ControlPath=$name" -o ControlPersist=5 "$@"
    ;;
esac
cd "$(dirname "$0")" && exec ssh -F config "$@" 8>&- 9>&-
