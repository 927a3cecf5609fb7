# Sends one item's rows: reads them on the source under the snapshot, and ends as the reading ended.
# Who loads them commits only if that is 0: rows that stop coming look like the last one otherwise.
# In larger pieces than psql's own 4 KiB, where the host can: each piece wakes two processes up.
larger=$(command -v stdbuf >/dev/null && echo "stdbuf -o64K")
$larger psql "$(cat source)" -XAtq -v ON_ERROR_STOP=1 -v bascule_snapshot="$(cat snapshot)" -f "$1.copy" &
pid=$!
echo "$pid" > "sending.$1"
[ ! -e slowed ] || kill -s STOP "$pid"
wait "$pid"
status=$?
rm -f "sending.$1"
[ $status -ne 2 ] || touch lost
exit $status
