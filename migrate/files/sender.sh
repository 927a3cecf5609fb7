#!/bin/sh
# What the temporary SSH server lets its one key do: read one tree by rsync, and its ledger. Nothing else.
#
# Promise: the tree is only read. Every word of a request is on the lists below; the tree is fixed by the host,
# not by the request, and so is what may be asked for by name: only lists that the operator laid down here,
# or names that this host's own ledger holds. So no request leaves the tree, not even through a link in it.
# The files tree and state beside this script hold the absolute paths of the tree and of its ledger.

refuse() {
    echo "this key only fetches one tree with rsync, not: $SSH_ORIGINAL_COMMAND" >&2
    exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
tree=$(cat "$here/tree") state=$(cat "$here/state") request=$SSH_ORIGINAL_COMMAND
export LC_ALL=C
umask 077

printf '%s' "$request" | grep -q '[^A-Za-z0-9 ./,=_-]' && refuse
[ "$(printf '%s' "$request" | wc -l)" -eq 0 ] || refuse
set -f

# What the ledger says now: the changes from the one that the asker holds, or all of it.
listing() {
    read_again=$(sh "$here/ledger" "$state" "$tree" "$2") && cd "$state" || exit 1
    digest=$(sha256sum < now)
    if [ -s sent ] && [ "$(sha256sum < sent)" = "$1  -" ]; then
        echo "changes ${digest%% *} $read_again"
        comm -23 sent now | sed 's/^/- /'
        comm -13 sent now | sed 's/^/+ /'
    else
        echo "all ${digest%% *} $read_again"
        cat now
    fi
    # A copy, not a move: killed in between, the next asker's digest matches neither, and it gets all.
    cp now sent.new && mv sent.new sent
}

# Lay down the names that the next rsync may ask for: lines as in the ledger.
want() {
    cd "$state" || exit 1
    sort -u > wanted
    cut -d' ' -f1 now | sed 's|//.*||' | sort > known
    [ -z "$(comm -23 wanted known | head -n 1)" ] || { echo "the ledger does not hold every name" >&2; exit 1; }
    tr '\n' '\0' < wanted | sed -z 's/\\s/ /g; s/\\t/\t/g; s/\\n/\n/g; s/\\b/\\/g; s|^|./|' > "$here/want"
    rm -f wanted known
}

send() {
    words='' list=''
    for word; do
        case $list$word in
            next*)
                case $word in want | folders | part-[0-9] | large-[0-9]) ;; *) refuse ;; esac
                word=$here/$word list=''
                ;;
            --files-from) list=next ;;
            . | ./ | --numeric-ids | --from0 | --no-implied-dirs | --ignore-missing-args | --inplace) ;;
            --bwlimit=[0-9]*) case ${word#--bwlimit=} in *[!0-9]*) refuse ;; esac ;;
            --*) refuse ;;
            -*)
                # What stands behind "e." is what the client's version can do. Before it: no -s, which would
                # take more words from stdin, and nothing that follows links out of the tree.
                letters=${word#-}
                case ${letters%%e.*} in *[!lptgodrcRWHAXIS]*) refuse ;; esac
                ;;
            *) refuse ;;
        esac
        words="$words $word"
    done
    [ -z "$list" ] || refuse
    cd "$tree" || exit 1
    # shellcheck disable=SC2086 # split on purpose: every word was looked at
    exec rsync --server --sender $words
}

case $request in
    "rsync --server --sender "*)
        # shellcheck disable=SC2086 # split on purpose, without globbing
        send ${request#rsync --server --sender }
        ;;
    "listing "*)
        held=${request#listing } how=${request##* }
        held=${held% "$how"}
        case $how in live | frozen) ;; *) refuse ;; esac
        case $held in *[!0-9a-f-]*) refuse ;; esac
        listing "$held" "$how"
        ;;
    want) want ;;
    *) refuse ;;
esac
