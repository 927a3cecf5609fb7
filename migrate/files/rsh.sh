#!/bin/sh
# The way to the sender, for rsync and for the passes: `sh rsh sender rsync --server ...`
#
# Promise: one connection serves a whole pass and stays open for the next; `alone` opens one of its own, for
# transfers at the same time. It keeps no lock of its caller, since the shared one outlives it.
ulimit -c 0
case $1 in alone) shift; set -- -o ControlPath=none "$@" ;; esac
cd "$(dirname "$0")" && exec ssh -F config "$@" 8>&- 9>&-
