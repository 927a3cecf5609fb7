#!/bin/sh
# What the temporary SSH server on a legacy host lets its one key do: send one tree by rsync, nothing else.
#
# Promise: reads only. Every word of the request is on the list below, so none can name another folder,
# remove a file or run a command; the tree is fixed by the host, not by the request.

refuse() {
    echo "this key only fetches one tree with rsync, not: $SSH_ORIGINAL_COMMAND" >&2
    exit 1
}

tree=$1
request=$SSH_ORIGINAL_COMMAND
case $request in
    "rsync --server --sender "*) ;;
    *) refuse ;;
esac
printf '%s' "$request" | LC_ALL=C grep -q '[^A-Za-z0-9 ./,=_-]' && refuse
[ "$(printf '%s' "$request" | wc -l)" -eq 0 ] || refuse

set -f
for word in ${request#rsync --server --sender }; do
    case $word in
        . | ./ | --numeric-ids | --files-from=- | --from0 | --no-implied-dirs) ;;
        --*) refuse ;;
        -*)
            # What stands behind "e." is what the client's version can do. Before it: no -s, which would take
            # more words from stdin, and nothing that follows links out of the tree.
            letters=${word#-}
            case ${letters%%e.*} in *[!lptgorcRW]*) refuse ;; esac
            ;;
        *) refuse ;;
    esac
done
cd "$tree" || exit 1
# shellcheck disable=SC2086 # split on purpose: every word was looked at
exec $request
