# The base copy: runs beside the target as a job; the rows go from server to server through this host.
#
# Files beside it: source, target (connection strings), pgpass, workers, send, and the lists of items in
# the order in which they are begun: tables, then definitions, keys and last. Every item <i> is <i>.sql for the target,
# which marks what it did; one with rows has <i>.copy for the source. slot.sql makes the slot whose snapshot all
# rows are read under; without it nothing is read. Ends with 75 when a server or the snapshot went away:
# what is marked stays done, the rest needs a new snapshot. A worker is one session: connecting once for each of
# hundreds of small tables would take longer than these.
umask 077
export PGPASSFILE="$PWD/pgpass" PGCLIENTENCODING=UTF8 PGOPTIONS=
rm -rf taken lost failed slowed slot snapshot hold asking said token sending.*
mkdir taken
holder= watcher= near=off fetching=

finish() {
    status=$?
    trap - EXIT TERM
    for pid in $watcher $(cat asking sending.* 2>/dev/null) $holder; do
        kill "$pid" 2>/dev/null
        kill -s CONT "$pid" 2>/dev/null
    done
    cat said >&2 2>/dev/null  # by senders that the server started
    [ ! -e untune.sql ] || psql "$(cat target)" -Xqo /dev/null -v ON_ERROR_STOP=1 -f untune.sql
    rm -f pgpass
    exit "$status"
}
trap finish EXIT
trap 'exit 143' TERM

# One connection holds the snapshot: it lasts until the next command on it, or its end.
hold() {
    mkfifo hold
    psql "$(cat source) replication=database" -XAtq -v ON_ERROR_STOP=1 < hold > holder.log 2>&1 &
    holder=$!
    exec 7> hold
    cat slot.sql >&7
    look_near 7>&-
    until [ -s slot ]; do
        kill -0 "$holder" 2>/dev/null || { cat holder.log >&2; touch lost; return 1; }
        sleep 0.05
    done
    cut -d'|' -f3 slot > snapshot
}

quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

# Whether the target's server runs on this host and as this user, who alone can read the token: then it starts
# the senders by itself, and rows come without a client and its TLS in between.
look_near() {
    fetching="cd $(quoted "$PWD") && PATH=$(quoted "$PATH") HOME=$(quoted "$HOME") near=on exec sh ./send"
    od -An -N16 -tx1 /dev/urandom > token
    cat > near.sql << 'END'
\set reader 'cat ' :token
CREATE TEMPORARY TABLE near (token text);
COPY pg_temp.near FROM PROGRAM :'reader';
SELECT token FROM pg_temp.near;
END
    seen=$(psql "$(cat target)" -XAtq -v ON_ERROR_STOP=1 -v token="$(quoted "$PWD/token")" -f near.sql 2>&1)
    [ "$seen" != "$(cat token)" ] || near=on
}

# One session takes items that nobody has, in the list's order, until there is none left or one failed.
work() {
    [ -s "$1" ] || return 0
    psql "$(cat target)" -Xqo /dev/null -v ON_ERROR_STOP=1 -v near=$near -v fetching="$fetching" \
        -v helpers="$(($(nproc) - 1))" -f "$1.all" 7>&- < /dev/null && [ ! -e failed ] && return
    [ $? -ne 2 ] || touch lost
    touch failed
    return 1
}

# What such a session does with a list of items. Where the server is on this host, no index is made by more processes
# than there are cores: what they cost more would be taken from the rows.
taking() {
    cat > "$1.all" << 'END'
\if :near
SELECT pg_catalog.set_config(name, least(setting::int, :helpers)::text, false)
  FROM pg_catalog.pg_settings WHERE name = 'max_parallel_maintenance_workers';
\endif
END
    while read -r item; do
        printf '\\set mine `[ ! -e failed ] && mkdir "taken/%s" 2>/dev/null && echo on || echo off`\n' "$item"
        printf '\\if :mine\n\\i %s.sql\n\\endif\n' "$item"
    done < "$1" >> "$1.all"
}

together() {
    n=0 pids=
    while [ "$n" -lt "$(cat workers)" ]; do
        work "$1" 7>&- &
        pids="$pids $!" n=$((n + 1))
    done
    for pid in $pids; do wait "$pid"; done
    [ ! -e failed ]
}

give_up() {
    # Without the snapshot's holder nothing more can be read under it, whatever the senders said. Only its next
    # command tells whether its connection still stands.
    if [ -n "$holder" ]; then
        trap '' PIPE
        echo 'IDENTIFY_SYSTEM \g alive' >&7 2>/dev/null
        exec 7>&-
        wait "$holder" || touch lost
        holder=
    fi
    [ -e lost ] && exit 75
    exit 1
}

for list in tables definitions keys last; do taking "$list"; done
if [ -e slot.sql ]; then
    sh ./throttle 7>&- &
    watcher=$!
    hold && together tables || give_up
    # The source need not remember what its rows were like any longer.
    kill "$watcher" "$(cat asking)" "$holder"
    rm -f slowed asking
    watcher= holder=
    exec 7>&-
fi
work definitions && together keys && work last || give_up
