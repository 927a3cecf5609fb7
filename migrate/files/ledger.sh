#!/bin/sh
# A tree's ledger: every name with its facts and, for files, its SHA-256.
#
# Usage: sh ledger STATE TREE live|frozen [files at once] [NAMES]     paths absolute; NAMES is a file in STATE
# Writes STATE/now, one line a name, sorted; prints how many files were read. A line holds, parted by spaces:
#     name//link kind mode size mtime group digest uid gid key
# In names and links \b is a backslash, \n a line end, \s a space, \t a tab. "-" stands where a fact means nothing: the
# times of folders, the modes of links. group names the first of the names that share one inode.
#
# Promise: reads the tree only. A file is read again unless its key, which is device, inode, links, ctime, mtime
# and size, is one that was read before: whatever changes content also moves ctime, which nobody can set back.
# Killed, it goes on from the parts that were read. live: what vanishes meanwhile is left out; frozen: an error.
# With NAMES, encoded and sorted, only these are looked at again, gone ones too; all else stays as the ledger has it.
set -u
export LC_ALL=C
umask 077
part_bytes=67108864 part_files=500

encode() { sed -z 's/\\/\\b/g; s/\n/\\n/g; s/\t/\\t/g; s/ /\\s/'"$1"'g' | tr '\0' '\n'; }
decode() { tr '\n' '\0' | sed -z 's/\\s/ /g; s/\\t/\t/g; s/\\n/\n/g; s/\\b/\\/g; s|^|./|'; }

# Harmless while the tree is at work: what `find` or `sha256sum` no longer finds, or only its folder's successor.
vanished='\(No such file or\|Not a\) directory$'

if [ "$1" = part ]; then
    # One part: lines of "name key" become lines of "key digest". Every name is read or was told as gone.
    part=$2 tree=$3
    sort -o "$part" "$part" && cut -d' ' -f1 "$part" | decode > "$part.names" || exit 2
    (cd "$tree" && exec xargs -0 sha256sum -z --) < "$part.names" > "$part.raw" 2> "$part.errors"
    encode '' < "$part.raw" | sed 's|^\(.\{64\}\)\\s\\s\./\(.*\)$|\2 \1|' | sort > "$part.read" || exit 2
    told=$(($(grep -c "$vanished" "$part.errors") + $(wc -l < "$part.read")))
    [ "$told" -eq "$(wc -l < "$part")" ] || { cat "$part.errors" >&2; exit 1; }
    join -t' ' -o 1.2,2.2 "$part" "$part.read" > "$part.new" || exit 2
    [ "$(wc -l < "$part.new")" -eq "$(wc -l < "$part.read")" ] && mv "$part.new" "$part.done"
    exit
fi

ledger=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
state=$1 tree=$2 how=$3 workers=${4:-2} names=${5:-}
mkdir -p "$state/parts" && cd "$state" && : >> cache || exit 2
exec 7> ledger.lock
flock 7

# What an earlier run had read when it was killed is not read again.
cat cache parts/kept-*.done 2> /dev/null | sort -u -k1,1 > cache.new && mv cache.new cache || exit 2
rm -rf parts && mkdir parts || exit 2

# A page that is mapped and already dirty changes without moving ctime; written out, its next change does.
[ "$how" = frozen ] || sync -f "$tree" 2> /dev/null

# Two writes in one tick of the clock share a ctime: what changed so lately is read again the next time too.
settled=$(($(date +%s) - 2))

facts='%D:%i:%n:%C@:%T@:%s %y %m %U %G'
if [ -n "$names" ]; then
    decode < "$names" > asked || exit 2
    (cd "$tree" && xargs -0 -r sh -c 'form=$1; shift; exec find "$@" -maxdepth 0 -printf "$form"' - "$facts %p//%l\0") \
        < asked 2> errors | sed -z 's|^\(\([^ ]* \)\{5\}\)\./|\1|' > raw
    ! grep -qv "$vanished" errors
else
    (cd "$tree" && exec find . -mindepth 1 -printf "$facts %P//%l\0") > raw 2> errors
fi
status=$?
if [ "$status" -ne 0 ] && { [ "$how" = frozen ] || [ "$status" -ne 1 ] || grep -qv "$vanished" errors; }; then
    head -n 20 errors >&2
    exit 1
fi
encode 6 < raw > found && : > files && : > others && : > odd || exit 2
awk '$2 == "f" {print > "files"; next}
     $2 == "d" || $2 == "l" {sub(/ /, " - "); print > "others"; next}
     {print $6 > "odd"}' found || exit 2
if [ -s odd ]; then
    sed 's|//.*||; s|$| is neither file nor link nor folder|; 20q' odd >&2
    exit 1
fi

sort -o files files && join -t' ' cache files > known && join -t' ' -v2 cache files > unread || exit 2
awk -v settled="$settled" -v most_bytes=$part_bytes -v most_files=$part_files '
    $1 == last {next}  # another name of the same inode
    {
        last = $1; split($1, k, ":"); name = $6; sub("//$", "", name)
        kind = k[4] < settled ? "kept" : "late"
        if (!(kind in part) || (bytes[kind] += k[6]) > most_bytes || ++count[kind] > most_files) {
            if (kind in part) close(part[kind])
            part[kind] = "parts/" kind "-" ++n; bytes[kind] = k[6]; count[kind] = 1
        }
        print name, $1 > part[kind]
    }' unread || exit 2
if [ -s unread ]; then
    find parts -type f | xargs -P "$workers" -n 1 sh -c 'exec sh "$0" part "$2" "$1"' "$ledger" "$tree" || exit 1
    cat parts/*.errors > errors
    [ "$how" = live ] || [ ! -s errors ] || { head -n 20 errors >&2; exit 1; }
fi

cat parts/*.done 2> /dev/null | sort > digests
{ cat known others; join -t' ' digests unread; } | awk '
    {split($1, k, ":"); split(k[5], t, ".")}
    $3 == "f" {print $7, $3, $4, k[6], t[1], "-", $2, $5, $6, $1}
    $3 == "d" {print $7, $3, $4, "- - - -", $5, $6, $1}
    $3 == "l" {print $7, $3, "- - - - -", $5, $6, $1}' | sort > now.new || exit 2
if awk '$2 == "f" {split($10, k, ":"); if (k[3] > 1) {found = 1; exit}} END {exit !found}' now.new; then
    awk '
        {id = ""; if ($2 == "f") {split($10, k, ":"); if (k[3] > 1) id = k[1] ":" k[2]}}
        NR == FNR {if (id) {names[id]++; if (!(id in first)) {first[id] = $1; sub("//$", "", first[id])}}; next}
        id && names[id] > 1 {$6 = first[id]}
        {print}' now.new now.new > now.grouped && mv now.grouped now.new || exit 2
fi
if [ -n "$names" ]; then
    awk 'FILENAME == ARGV[1] {again[$1]; next} {name = $1; sub("//.*", "", name)} !(name in again)' "$names" now |
        sort -m - now.new > now.whole && mv now.whole now.new || exit 2
    cut -d' ' -f1,2 cache > known || exit 2
fi
{ cut -d' ' -f1,2 known; cat parts/kept-*.done 2> /dev/null; } | sort -u -k1,1 > cache.new || exit 2
mv cache.new cache && mv now.new now && cat parts/*.done 2> /dev/null | wc -l
rm -rf parts asked raw found files others odd known unread digests
