#!/bin/sh
# One pass over the names that differ, run on the host that receives.
#
# Usage: sh pass delta|last|look LINE STATE TREE owners|no-owners [rsync options]     absolute paths
# delta: both sides may be at work, what changes meanwhile comes with the next pass.
# last:  the sender is frozen; ends with both sides alike, names and contents.
# look:  the same comparison without copying anything.
# Says at the end: counts, then what still differs, "<" as the sender has it, ">" as the receiver has it.
#
# Promise: only names that differ are copied or removed. What differs is told by content: a change that size and
# time hide is copied too, and so is one of attributes only, which ctime tells. Nothing is removed that the
# sender's ledger holds; a ledger that did not arrive whole is not used.
set -u
export LC_ALL=C
umask 077
act=$1 line=$2 state=$3 tree=$4 owners=$5
shift 5
[ "$act" = delta ] && how=live || how=frozen
mkdir -p "$state" "$tree" && cd "$state" || exit 2
exec 8> lock
flock 8

names() { cut -d' ' -f1 | sed 's|//.*||'; }
decode() { tr '\n' '\0' | sed -z 's/\\s/ /g; s/\\t/\t/g; s/\\n/\n/g; s/\\b/\\/g; s|^|./|'; }
ours() { sh "$line/ledger" "$state" "$tree" "$how" 2 "$@" > read-here; }

# What this pass wrote or removed; the whole tree where that is much, was done by half, or where there are hard
# links, whose groups are told of all names. Before the freeze too: what was too new to be trusted is read then.
ours_again() {
    sort -u chosen folders gone > again || return
    if [ "$act" = last ] && [ $partly = 0 ] && [ "$(wc -l < again)" -le 5000 ] && awk '$6 != "-" {exit 1}' now theirs; then
        ours again
    else
        ours
    fi
}

theirs() {
    held=-
    [ ! -s theirs ] || held=$(sha256sum < theirs)
    sh "$line/rsh" sender "listing ${held%% *} $how" > reply || return
    read -r shape digest read_there < reply || return
    sed 1d reply > body
    case $shape in
        all) mv body theirs.new ;;
        changes)
            sed -n 's/^- //p' body | comm -23 theirs - > kept
            sed -n 's/^+ //p' body | sort -m kept - > theirs.new
            ;;
    esac
    [ "$(sha256sum < theirs.new)" = "$digest  -" ] || { echo "the ledger did not arrive whole" >&2; return 1; }
    mv theirs.new theirs
}

# Owners count only where the receiver's user may give files away; keys never do.
[ "$owners" = owners ] && fields=1-9 || fields=1-7
compare() {
    cut -d' ' -f$fields theirs > a && cut -d' ' -f$fields now > b || return
    comm -23 a b > only-there
    # Half a file of a pass that was broken off serves the next one; at the end nothing of the kind may be left.
    [ "$how" = live ] && set -- '\(^\|/\)\.bascule-partial/' || set -- '^$'
    comm -13 a b | sed "\\@$1@d" > only-here
}

# Names to copy: what differs, what changed since it was last copied, and the folders that hold any of these.
choose() {
    {
        names < only-there
        if [ -e copied ]; then
            comm -13 copied theirs | names
        elif [ -s since ]; then
            awk -v since="$(cat since)" '{split($NF, k, ":")} k[4] >= since' theirs | names
        fi
    } | sort -u > chosen
    names < theirs | sort > known
    names < only-here | sort -u | comm -23 - known > gone
    cat chosen gone | sed -n 's|/[^/]*$||p' | sort -u | comm -12 - known > folders
    sort -u chosen folders > want
}

remove() {
    [ -s gone ] || return 0
    [ "$(id -u)" = 0 ] || sed -n 's|/[^/]*$||p' gone | sort -u | decode | (cd "$tree" && xargs -0 chmod u+w --) ||
        return
    # Children first.
    sort -r gone | decode | (cd "$tree" && xargs -0 rm -df --)
}

copy() {
    [ -s want ] || return 0
    sh "$line/rsh" sender want < want || return
    [ "$how" = frozen ] || set -- --ignore-missing-args "$@"
    rsync -lptgoHSI --from0 --files-from=:want --no-implied-dirs --partial-dir=.bascule-partial "$@" \
        -e "sh $line/rsh" sender:./ "$tree/"
    status=$?
    # 23: a part of it failed, which may be no more than an attribute that this file system cannot hold: whoever
    # started this pass reads what was said. 24: files vanished, as they do under a source at work.
    case $status in 23) partly=23 ;; 24) [ "$how" = live ] || partly=24 ;; 0) ;; *) return $status ;; esac
}

removed=0 copied=0 read_again=0 partly=0
ours &
theirs || { wait; exit 1; }
wait $! && read_again=$(cat read-here) || exit 1
read_first=$read_there
compare || exit 1
round=0
while [ "$act" != look ] && [ $round -lt 2 ]; do
    choose || exit 1
    copied=$((copied + $(wc -l < chosen))) removed=$((removed + $(wc -l < gone)))
    remove && copy "$@" || exit
    [ $partly != 0 ] || { cp theirs copied.new && mv copied.new copied && rm -f since; } || exit 1
    ours_again && read_again=$((read_again + $(cat read-here))) && compare || exit 1
    [ "$how" = frozen ] && [ $partly = 0 ] && { [ -s only-there ] || [ -s only-here ]; } || break
    round=$((round + 1))
done

awk '{n[$2]++} $2 == "f" {bytes += $4} END {printf "%d %d %.0f", n["f"] + n["l"], n["d"], bytes}' theirs
echo " $copied $removed $read_first $read_again $(cat only-there only-here | names | sort -u | wc -l)"
head -n 100 only-there | sed 's/^/< /'
head -n 100 only-here | sed 's/^/> /'
exit $partly
