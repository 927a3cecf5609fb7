#!/bin/sh
# The base pass: everything there is, in parts at the same time; then the folders that several parts wrote into.
#
# Usage: sh base LINE INTO PARTS LARGE live|exact [rsync options]     LINE and INTO are absolute paths; LARGE
# names the parts that have large files, such as 01.
# Promise: goes on from what an earlier one has moved. Large files are written in place, so that half of one is
# kept whatever ends this; until its time is set, which happens last, nothing takes it for whole. live: what the
# sender no longer has stays for the next pass. exact: one sweep compares every content and removes the rest.
set -u
line=$1 into=$2 parts=$3 large=$4 how=$5
shift 5
umask 077
mkdir -p "$into" || exit 1
worst=0
# 24: some files vanished; 23: a part failed, which is worse; anything else ended an rsync before its end.
worse() {
    case $worst/$1 in */0 | 23/24) ;; 0/* | 24/* | 23/*) worst=$1 ;; esac
}
pull() {
    out=$1 by=$2
    shift 2
    rsync -lptgo "$@" --info=progress2 -e "sh $line/rsh apart $by" sender:./ "$into/" > "$out"
}
part() {
    n=$1
    shift
    set -- --from0 --no-implied-dirs --ignore-missing-args "$@"
    pull "out-$n" "by-$n" -r "$@" "--files-from=:part-$n" || worse $?
    case $large in
        *"$n"*) pull "out-large-$n" "by-$n" --inplace "$@" "--files-from=:large-$n" || worse $? ;;
    esac
    return $worst
}
pids='' n=0
while [ "$n" -lt "$parts" ]; do
    part "$n" "$@" &
    pids="$pids $!" n=$((n + 1))
done
for pid in $pids; do
    wait "$pid" || worse $?
done
case $worst in 0 | 23 | 24) ;; *) exit $worst ;; esac
if [ "$how" = exact ]; then
    pull out-sweep by-0 -rc --delete "$@" || worse $?
else
    pull out-folders by-0 -d --from0 --no-implied-dirs --ignore-missing-args "$@" --files-from=:folders || worse $?
fi
exit $worst
