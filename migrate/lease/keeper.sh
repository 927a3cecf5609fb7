#!/bin/sh
# The keeper of a freeze: runs on a legacy host, detached, as long as the freeze is a lease.
#
# Promise: when nobody has renewed the lease for its number of seconds, the freeze is lifted by this
# host alone, and tried again until it is. One file is the whole truth about the lease, and every
# change of it is one rename: armed -> committed (the move went through) or armed -> lifting -> lifted.
# Whoever renames first has decided; the other finds nothing to rename.

cd "$1" || exit 1
read -r seconds < seconds || exit 1

# Counted by the machine's uptime: setting a clock neither lengthens nor ends a lease.
now() {
    if read -r up _ < /proc/uptime; then echo "${up%%.*}"; else date +%s; fi
}

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
    elif [ -e lifting ]; then
        sh ./lift && exit 0
    else
        exit 0
    fi
    sleep 1
done
