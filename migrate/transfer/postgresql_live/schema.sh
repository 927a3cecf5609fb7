# Definitions, without rows: dumped from the source, those that rows need restored on the target, the rest printed.
# Runs beside the target as a job; files beside it: source, target (connection strings), owner, pgpass, ours (patterns).
export PGPASSFILE=./pgpass PGCLIENTENCODING=UTF8

pg_dump --format=custom --compress=0 --schema-only --exclude-schema=bascule --no-publications --no-subscriptions \
    --no-tablespaces --no-security-labels --file=definitions --dbname="$(cat source)" &&
pg_restore --list definitions > all &&
{ grep -Evf ours all > contents || [ $? -eq 1 ]; } &&
pg_restore --section=pre-data --use-list=contents --role="$(cat owner)" --exit-on-error --no-owner --no-privileges \
    --no-tablespaces --dbname="$(cat target)" definitions &&
# Verbosely, since each entry is told by its numbers then; what it says beside them is no complaint.
pg_restore --verbose --section=post-data --use-list=contents --no-owner --no-privileges --no-tablespaces \
    --file=- definitions 2> said
status=$?
rm -f pgpass
[ $status -eq 0 ] || cat said >&2 2>/dev/null
exit $status
