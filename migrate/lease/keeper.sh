#!/bin/sh
# The keeper of a freeze: runs on the frozen system's host, detached, as long as the freeze is a lease.
#
# Promise: when nobody has renewed the lease for its number of seconds, or the freeze is over its limit,
# renewed or not, it is lifted by this host alone, and tried again until it is. One file is the whole
# truth about the lease, and every change of it is one rename: armed -> committed (the move went through)
# or armed -> lifting -> lifted. Whoever renames first has decided; the other finds nothing to rename.

cd "$1" || exit 1
. ./clock
read -r seconds < seconds || exit 1

seen= since=$(now)
while :; do
    renewed=$(cat renewed)
    if [ "$renewed" != "$seen" ]; then
        seen=$renewed since=$(now)
    fi
    if [ -e armed ]; then
        if [ $(($(now) - since)) -ge "$seconds" ]; then
            echo "nobody renewed the lease for $seconds seconds" > reason
            mv armed lifting && continue
        fi
        if over; then
            echo "over the limit of $limit s" > reason
            mv armed lifting && continue
        fi
    elif [ -e lifting ]; then
        sh ./lift && exit 0
    else
        exit 0
    fi
    sleep 1
done
