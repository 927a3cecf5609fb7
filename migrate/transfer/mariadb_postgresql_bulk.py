"""
Bulk transfer of a MariaDB database into PostgreSQL: tables, rows as one stream, then keys and indexes.

The rows go straight from one server into the other, as a job beside the target that goes on without
this process; the text that PostgreSQL reads is made by the source's own server, value by value.

Promise: the target is emptied before a copy begins; a copy counts only when every row of every table
was found on the target by content, whatever any program's exit status said; what has no like in
PostgreSQL is told, each thing by name.

Source: pgloader ends with success though whole tables stayed empty (one date 0000-00-00, one TIME over
24 hours, one BIT), shortens FLOAT and cannot log in by ed25519; its casts, where they kept all values,
are in `migrate.mariadb.casts`.
"""

import psycopg

from migrate import remote
from migrate.compare import mariadb_postgresql
from migrate.databases import Session, query, value
from migrate.errors import TransferError
from migrate.mariadb.casts import identifier
from migrate.mariadb.postgresql import Plan, plan, qualified
from migrate.mariadb.session import MariaDatabase, mariadb_of
from migrate.mariadb.stream import Lane, Sink, start, wait
from migrate.remote_jobs import Job
from migrate.step import Progress
from migrate.transfer.contract import Copied, Estimate, Task
from migrate.transfer.postgresql_bulk import HEADROOM_BYTES, empty_database
from migrate.transfer.stages import Stages

_STATE = "The target is closed to users and holds a half copy; legacy is as it was."

_SINK = """
PGPASSFILE=./pgpass PGCLIENTENCODING=UTF8 PGOPTIONS="$(cat options)" \\
    exec psql -X -q -v ON_ERROR_STOP=1 -d "$(cat target)" -c "$(cat lane-$1)"
"""


class MariadbPostgresqlBulk:
    """Freeze, copy, open: from MariaDB into PostgreSQL."""

    def estimate(self, task: Task) -> Estimate:
        """Measure size and disk; nothing lies between the two servers."""
        with mariadb_of(task.source).opened() as session:
            found = plan(session).tables
        size = sum(table.bytes + table.index_bytes for table in found)
        free = remote.free_bytes(task.target.through)
        return Estimate(bytes=size, needs_free_bytes=2 * size + HEADROOM_BYTES, free_bytes=free)

    def copy(self, task: Task, progress: Progress) -> Copied:
        """Make the tables, stream the rows, make keys and indexes, and prove every row."""
        stage = Stages()

        source = mariadb_of(task.source)
        with source.opened() as session:
            wanted = plan(session)
        for line in wanted.not_carried:
            progress.say(f"{task.name}: not carried over: {line}")
        stage("rows", lambda: self._rows(task, source, wanted, progress))
        stage("keys", lambda: self._finish(task, wanted))
        stage("proof", lambda: self._prove(task, source, progress))
        with task.target.opened() as target:
            size = value(target, "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())")
        return Copied(
            name=task.name,
            mode="bulk",
            engine="mariadb",
            bytes=int(size),
            tables=len(wanted.tables),
            large_objects=0,
            seconds=stage.total_seconds,
            stages=stage.seconds,
        )

    def empty(self, task: Task) -> None:
        """End the job, and drop what the owner role owns in the target database."""
        self._job(task).discard()
        _empty(task)

    def _job(self, task: Task) -> Job:
        return Job(task.target.through, f"copy-{task.name}-rows")

    def _rows(self, task: Task, source: MariaDatabase, wanted: Plan, progress: Progress) -> None:
        job = self._job(task)
        seen = job.look()
        attached = seen.serves(task.attempt)
        lanes = _lanes(wanted)
        if not attached:
            if not (needed := self.estimate(task)).fits:
                raise TransferError(
                    needed.lacking(task.target.through.host, f"the copy of {source.name}"),
                    state="Nothing was copied.",
                    next_step="free that much there, then fab run",
                )
            job.discard()
            _empty(task)
            with task.target.opened(role=task.owner) as target:
                _run_all(target, wanted.create, task)
            start(job, spec=task.attempt, source=source, lanes=lanes, sink=_sink(task))
        size = sum(table.bytes for table in wanted.tables)
        progress.start(f"{task.name}: rows{' (attached)' if attached else ''}", size, "bytes")
        try:
            wait(job, lanes, progress, state=_STATE)
        except TransferError:
            # A repeat does its work anew instead of reading the same failure again.
            job.discard()
            raise

    def _finish(self, task: Task, wanted: Plan) -> None:
        """Make what is not made yet: keys, indexes, next numbers, grants, statistics."""
        with task.target.opened(role=task.owner) as target:
            made = {row[0] for row in target.execute(query("mariadb_made")).fetchall()}
            _run_all(target, [one.statement for one in wanted.finish if one.name not in made], task)
            _run_all(target, wanted.next_numbers, task)
            target.execute(
                "SELECT pg_catalog.set_config('bascule.application', %s, false)", (task.application,)
            )
            grants = [row[1] for row in target.execute(query("transfer_grants")).fetchall()]
            _run_all(target, [*grants, *(f"ANALYZE {qualified(t.name)}" for t in wanted.tables)], task)

    def _prove(self, task: Task, source: MariaDatabase, progress: Progress) -> None:
        """
        Find every row of the source on the target.

        Raises:
            TransferError: Some are missing, too many or otherwise; names the tables.
        """
        progress.start(f"{task.name}: proof", None, "tables")
        found = mariadb_postgresql.compare(task.name, source, task.target, target_role=task.owner)
        if found.agrees:
            return
        self._job(task).discard()  # a repeat copies anew
        lines = [
            f"{table.name}: source {table.source_rows} rows, target {table.target_rows}"
            + (f", {len(table.differing)} or more differ" if table.differing else "")
            for table in found.differing_tables
        ]
        lines += [f"{d.kind} {d.name}: source {d.source}, target {d.target}" for d in found.differences]
        raise TransferError(
            f"{task.target.name} does not hold what {source.name} holds:\n  " + "\n  ".join(lines[:20]),
            state=_STATE,
            next_step="freeze the source if it is written to, then fab run: it begins the copy anew",
        )


def _lanes(wanted: Plan) -> list[Lane]:
    lanes = []
    for table in wanted.tables:
        of = wanted.casts[table.name]
        columns = ", ".join(identifier(one.column.name) for one in of)
        statement = f"COPY {qualified(table.name)} ({columns}) FROM STDIN"
        lanes.append(Lane(table, tuple(one.copied for one in of), statement))
    return lanes


def _sink(task: Task) -> Sink:
    end = task.target.endpoint
    return Sink(
        script=_SINK,
        files={
            "pgpass": end.pgpass,
            "target.pem": end.ca.encode(),
            "target": end.conninfo(ca_file="target.pem", application="bascule copy").encode(),
            "options": f"-c role={task.owner or 'none'}".encode(),
        },
        needs="psql",
    )


def _empty(task: Task) -> None:
    """Drop everything that the owner role has; tables first, since their sequences go with them."""
    with task.target.opened(role=task.owner) as target:
        found = target.execute(
            "SELECT tablename FROM pg_catalog.pg_tables"
            " WHERE schemaname = 'public' AND tableowner = current_user"
        ).fetchall()
        _run_all(target, [f"DROP TABLE {qualified(table)} CASCADE" for (table,) in found], task)
    empty_database(task.target, task.owner)


def _run_all(session: Session, statements: "list[str] | tuple[str, ...]", task: Task) -> None:
    """Run statements in one transaction."""
    try:
        with session.transaction():
            for statement in statements:
                session.execute(statement.encode())  # of quoted names; bytes take no parameters
    except psycopg.Error as error:
        # Its detail would quote a row.
        raise TransferError(
            f"{task.target.name}: {error.diag.message_primary or type(error).__name__}",
            state=_STATE,
            next_step="correct it on the source, then fab run",
        ) from None
