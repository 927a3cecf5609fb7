# Sends one item's rows: reads them on the source under the snapshot, and ends as the reading ended.
# Who loads them commits only if that is 0: rows that stop coming look like the last one otherwise.
# The target's server may have started this (near=on), with whatever it has in its environment.
export PGPASSFILE="$PWD/pgpass" PGCLIENTENCODING=UTF8 PGOPTIONS=
# In larger pieces than psql's own 4 KiB, where the host can: each piece wakes two processes up.
larger=$(command -v stdbuf >/dev/null && echo "stdbuf -o64K")
# The largest table ends last, whatever else is done meanwhile: the rest takes the time that it leaves, also where the
# kernel gives each session of a server a share of its own.
if [ "$1" != "$(head -n 1 tables)" ]; then
    [ "$near" != on ] || echo 19 > /proc/self/autogroup
    larger="nice -n 19 $larger"
fi 2>/dev/null
$larger psql "$(cat source)" -XAtq -v ON_ERROR_STOP=1 -v bascule_snapshot="$(cat snapshot)" -f "$1.copy" &
pid=$!
echo "$pid" > "sending.$1"
[ ! -e slowed ] || kill -s STOP "$pid"
# Nobody is left who would end it, or let it go on, once the job lets go of its lock.
flock lock sh -c "kill $pid; kill -s CONT $pid" 9>&- > /dev/null 2>&1 &
guard=$!
wait "$pid"
status=$?
kill "$guard"
rm -f "sending.$1"
[ $status -ne 2 ] || touch lost
exit $status
