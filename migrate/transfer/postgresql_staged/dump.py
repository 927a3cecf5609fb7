"""
The dump that an archive carries: pg_dump in directory format, as a job on the legacy host itself.

Promise: it goes on without this process, and a writer that comes back finds the same dump: its files do not
change while they are put into chunks. Files of tables that did not change are the same in the next dump,
byte for byte, so that a later archive need not carry them again. Passwords are in files that only the
job's user reads; clear data never leave that folder but into the cipher, and go when the archive is done.
"""

from psycopg import sql

from migrate import remote
from migrate.archive.dumps import STATE, job, made, require_room
from migrate.archive.layout import Facts
from migrate.databases import Database, query
from migrate.errors import TransferError
from migrate.step import Progress
from migrate.transfer.postgresql_live.sessions import at_work
from migrate.transfer.postgresql_live.stream import Stream, drop_slot
from migrate.transfer.tools import require_success

# Compressed at the least cost: what is carried shall be small, and gzip's output tells nothing of the hour.
_DUMP = """
export PGPASSFILE=./pgpass PGCLIENTENCODING=UTF8
rm -rf data
rm -rf hold slot
snapshot=
if [ -e slot.sql ]; then
    # One connection makes the slot and holds its snapshot, until the dump is done.
    mkfifo hold
    psql "$(cat source) replication=database" -XAtq -v ON_ERROR_STOP=1 < hold > holder.log 2>&1 &
    holder=$!
    exec 7> hold
    cat slot.sql >&7
    until [ -s slot ]; do
        kill -0 "$holder" 2>/dev/null || {{ cat holder.log >&2; rm -f pgpass; exit 1; }}
        sleep 0.05
    done
    snapshot="--snapshot=$(cut -d'|' -f3 slot)"
fi
psql -XqAt --dbname="$(cat source)" --set=ON_ERROR_STOP=1 --file=facts.sql > facts 7>&- &&
pg_dump $snapshot --format=directory --compress=1 --jobs={workers} --file=data --no-publications \\
    --no-subscriptions --no-tablespaces --no-security-labels --exclude-schema=bascule \\
    --dbname="$(cat source)" 7>&-
status=$?
rm -f pgpass
exit $status
"""


def dump(
    name: str,
    database: Database,
    archive: str,
    progress: Progress,
    *,
    workers: int = 2,
    stream: Stream | None = None,
) -> Facts:
    """
    Dump a database for an archive, unless that was done; return what it was then.

    Args:
        stream: Make its slot anew, and dump what the slot begins with. Its publication is there.

    Raises:
        TransferError: Too little room on the legacy host, or pg_dump did not dump all of it.
    """
    work = job(name, database)
    attached = made(name, database, archive)
    if not attached:
        with database.opened() as session:
            row = session.execute(query("staged_facts")).fetchone()
        before = Facts.model_validate(row[0] if row else None)
        require_room(database, before.data_bytes)
        work.discard()
        files = {}
        if stream is not None:
            with at_work(database) as (publisher,):
                drop_slot(stream, publisher)
            slot = sql.SQL("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput EXPORT_SNAPSHOT \\g slot\n")
            files["slot.sql"] = slot.format(sql.Identifier(stream.name)).as_bytes(None)
        work.start(
            spec=archive,
            script=_DUMP.format(workers=workers),
            files={
                "pgpass": database.endpoint.pgpass,
                "ca.pem": database.endpoint.ca.encode(),
                "source": database.endpoint.conninfo(ca_file="ca.pem", application="bascule copy").encode(),
                "facts.sql": query("staged_facts"),
                **files,
            },
        )
    progress.start(f"{name}: dump{' (attached)' if attached else ''}", None, "bytes")
    ended = work.wait(
        measure="du -sk data 2>/dev/null | cut -f1",
        tell=lambda kib: progress.advance_to(int(kib or 0) * 1024),
    )
    try:
        require_success(
            f"pg_dump of {database.name}",
            ended,
            state=STATE,
            next_step="mend the cause, then the same command again",
        )
    except TransferError:
        work.discard()
        raise
    said = remote.run(
        database.through,
        f"cd {work.folder} && cat facts && if [ -e slot ]; then cut -d'|' -f2 slot; fi",
        raising=TransferError,
        doing="reading what was dumped",
    )
    found, *position = said.text.split("\n")
    facts = Facts.model_validate_json(found)
    return facts.model_copy(update={"position": position[0]}) if position else facts
