"""
Bulk transfer of PostgreSQL: pg_dump and pg_restore in parallel, beside the target.

Promise: both tools run on the target's host as jobs that go on without this process; the target is
emptied before a restore begins, so a half copy is never added to; everything ends up owned by the
site's owner role, and the application's role may read and write rows, large objects included.
Passwords are in files that only the job's user reads, removed with the job.

Source: directory format without compression and two jobs is the fastest complete way measured on two
cores; pgcopydb is not used since it ended with success where rows were missing.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from migrate import remote
from migrate.databases import Database, Session, query, value
from migrate.errors import TransferError
from migrate.remote_jobs import Job
from migrate.step import Progress
from migrate.transfer.contract import Copied, Estimate, Task
from migrate.transfer.stages import Stages
from migrate.transfer.tools import require_success, without_extensions

HEADROOM_BYTES = 256 * 1024 * 1024
"""Left free on the target's disk for write-ahead log and logs."""
_STATE = "The target is closed to users and holds a half copy; legacy is as it was."

_DUMP = """
export PGPASSFILE=./pgpass PGCLIENTENCODING=UTF8
rm -rf data
pg_dump --format=directory --compress=0 --jobs={workers} --file=data --no-publications --no-subscriptions \\
    --no-tablespaces --no-security-labels --exclude-schema=bascule \\
    --dbname="$(cat source)" && pg_restore --list data
status=$?
rm -f pgpass
exit $status
"""

_RESTORE = """
export PGPASSFILE=./pgpass
pg_restore --dbname="$(cat target)" --role="$(cat owner)" --jobs={workers} --no-owner --no-privileges \\
    --no-tablespaces --use-list=contents {dump}/data
status=$?
rm -f pgpass
[ $status -ne 0 ] || rm -rf {dump}/data
exit $status
"""


class PostgresqlBulk:
    """Freeze, copy, open: for databases that are small enough, or cannot be replicated."""

    def estimate(self, task: Task) -> Estimate:
        """Measure size and disk; the dump lies beside the restored database while both exist."""
        size = _size(task.source)
        free = remote.free_bytes(task.target.through)
        return Estimate(
            bytes=size["database_bytes"],
            needs_free_bytes=size["database_bytes"] + size["data_bytes"] + HEADROOM_BYTES,
            free_bytes=free,
        )

    def copy(self, task: Task, progress: Progress) -> Copied:
        """Dump, restore, grant and analyse; what this attempt has finished already is not done again."""
        stage = Stages()
        size = _size(task.source)

        _, restore = self._jobs(task)
        seen = restore.look()
        attached = seen.serves(task.attempt)
        if not attached:
            stage("dump", lambda: self._dump(task, size, progress))
        stage("restore", lambda: self._restore(task, size["database_bytes"], progress, attached=attached))
        with task.target.opened(role=task.owner) as session:
            try:
                stage("grants", lambda: grant(session, task.application))
                stage("statistics", lambda: _analyse(session))
            except psycopg.Error as error:
                raise TransferError(
                    f"{task.target.name}: {error.diag.message_primary or error}",
                    state=_STATE,
                    next_step="fab run",
                ) from error
            arrived = _size_of(session)
        return Copied(
            name=task.name,
            mode="bulk",
            engine="postgresql",
            bytes=arrived["database_bytes"],
            tables=arrived["tables"],
            large_objects=arrived["large_objects"],
            seconds=stage.total_seconds,
            stages=stage.seconds,
        )

    def empty(self, task: Task) -> None:
        """End both jobs, and drop what the owner role owns in the target database."""
        self.forget_jobs(task)
        empty_database(task.target, task.owner)

    def forget_jobs(self, task: Task) -> None:
        """End both jobs, and remove what they left on the target's host; the copy stays."""
        for job in self._jobs(task):
            job.discard()

    def _jobs(self, task: Task) -> tuple[Job, Job]:
        """The jobs that dump and restore, on the target's host."""
        name = f"copy-{task.name}"
        return Job(task.target.through, f"{name}-dump"), Job(task.target.through, f"{name}-restore")

    def _check(self, task: Task, size: dict[str, Any]) -> None:
        """Refuse what could not end well, before anything is copied."""
        host = task.target.through.host
        version = remote.run(
            task.target.through, "pg_dump --version", raising=TransferError, doing="pg_dump --version"
        ).text
        major = int(re.sub(r"^.*\) (\d+).*$", r"\1", version, flags=re.S))
        if major < size["major"]:
            raise TransferError(
                f"{host}: pg_dump is version {major}, {task.source.name} is {size['major']}",
                state="Nothing was copied.",
                next_step=f"install PostgreSQL {size['major']}'s client tools, or newer ones, on {host}",
            )
        with task.source.opened() as source, task.target.opened() as target:
            wanted = dict(source.execute(query("transfer_extensions")).fetchall())
            present = dict(target.execute(query("transfer_extensions")).fetchall())
            rows = target.execute("SELECT name FROM pg_catalog.pg_available_extensions").fetchall()
        if missing := sorted(set(wanted) - set(present) - {name for (name,) in rows}):
            raise TransferError(
                f"{task.target.name} has no extension {', '.join(missing)}, which {task.source.name} uses",
                state="Nothing was copied.",
                next_step="install its package on the target's host, then fab run",
            )
        if not (needed := self.estimate(task)).fits:
            raise TransferError(
                f"{host} has {_mib(needed.free_bytes)} MiB free, the copy of {task.source.name} needs "
                f"{_mib(needed.needs_free_bytes)} MiB",
                state="Nothing was copied.",
                next_step=f"free {_mib(needed.needs_free_bytes - needed.free_bytes)} MiB there, then fab run",
            )

    def _dump(self, task: Task, size: dict[str, Any], progress: Progress) -> None:
        """Dump the source, empty the target and start the restore."""
        dump, restore = self._jobs(task)
        seen = dump.look(measure="ls data/toc.dat 2>/dev/null")
        # A restore that succeeds removes the data; one that was killed right then needs them again.
        usable = seen.state == "running" or (seen.state == "finished" and seen.measured != "")
        attached = usable and seen.spec == task.attempt
        if not attached:
            self._check(task, size)
            source = task.source.from_afar
            if seen.state != "absent":
                dump.discard()
            dump.start(
                spec=task.attempt,
                script=_DUMP.format(workers=task.workers),
                files={
                    "pgpass": source.pgpass,
                    "ca.pem": source.ca.encode(),
                    "source": source.conninfo(ca_file="ca.pem", application="bascule copy").encode(),
                },
            )
        data_bytes = size["data_bytes"]
        progress.start(f"{task.name}: dump{' (attached)' if attached else ''}", data_bytes, "bytes")
        ended = dump.wait(
            measure="du -sk data 2>/dev/null | cut -f1",
            tell=lambda kib: progress.advance_to(min(int(kib or 0) * 1024, data_bytes)),
        )
        with _forgetting(dump):
            require_success(
                f"pg_dump of {task.source.name}",
                ended,
                state="Nothing reached the target; legacy is as it was.",
                next_step="mend the cause, then fab run",
            )
        restore.discard()
        empty_database(task.target, task.owner)
        self._start_restore(task, contents=ended.log)

    def _start_restore(self, task: Task, contents: str) -> None:
        dump, restore = self._jobs(task)
        target = task.target.endpoint
        with task.target.opened() as session:
            present = {name for name, _ in session.execute(query("transfer_extensions")).fetchall()}
        restore.start(
            spec=task.attempt,
            script=_RESTORE.format(workers=task.workers, dump=f"../{dump.name}"),
            files={
                "pgpass": target.pgpass,
                "ca.pem": target.ca.encode(),
                "target": target.conninfo(ca_file="ca.pem", application="bascule copy").encode(),
                "owner": task.owner.encode(),
                "contents": without_extensions(contents, present).encode(),
            },
        )

    def _restore(self, task: Task, database_bytes: int, progress: Progress, *, attached: bool) -> None:
        """Wait for the restore, which is at work or done."""
        _, restore = self._jobs(task)
        progress.start(f"{task.name}: restore{' (attached)' if attached else ''}", database_bytes, "bytes")
        with task.target.opened() as session:

            def tell(_: str) -> None:
                size = value(session, "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())")
                progress.advance_to(min(int(size), database_bytes))

            ended = restore.wait(tell=tell)
        with _forgetting(restore):
            require_success(
                f"pg_restore into {task.target.name}",
                ended,
                state=_STATE,
                next_step="mend the cause, then fab run: it empties the target and restores again",
            )


@contextmanager
def _forgetting(job: Job) -> Iterator[None]:
    """Remove a job that failed: a repeat does its work anew instead of reading the same failure again."""
    try:
        yield
    except TransferError:
        job.discard()
        raise


def empty_database(target: Database, owner: str) -> None:
    """
    Drop everything that `owner` owns in a database, large objects too; extensions stay.

    Raises:
        TransferError: Something could not be dropped.
    """
    with target.opened(role=owner) as session:
        try:
            for _ in range(2):  # what a first pass frees, such as a type that a cast needed, the second finds
                for _, statement in session.execute(query("transfer_leftovers")).fetchall():
                    session.execute(statement)
        except psycopg.Error as error:
            raise TransferError(
                f"{target.name} could not be emptied: {error.diag.message_primary or error}",
                state=_STATE,
                next_step="drop it by hand as that role, then fab run",
            ) from error


def grant(session: Session, application: str) -> None:
    """Give the application's role its rights on everything that the session's role owns."""
    session.execute("SELECT pg_catalog.set_config('bascule.application', %s, false)", (application,))
    _run_all(session, "transfer_grants")


def _run_all(session: Session, name: str) -> None:
    """Run the statements that a query makes, in one transaction."""
    with session.transaction():
        for _, statement in session.execute(query(name)).fetchall():
            session.execute(statement)


def _analyse(session: Session) -> None:
    """Gather statistics of all tables: a restored database has none, and plans badly until it has."""
    rows = session.execute(
        "SELECT schemaname, tablename FROM pg_catalog.pg_tables WHERE tableowner = current_user "
        "UNION ALL SELECT schemaname, matviewname FROM pg_catalog.pg_matviews "
        "WHERE matviewowner = current_user AND ispopulated"
    ).fetchall()
    for schema, table in rows:
        session.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(schema, table)))


def _size(database: Database) -> dict[str, Any]:
    with database.opened() as session:
        return _size_of(session)


def _size_of(session: Session) -> dict[str, Any]:
    with session.cursor(row_factory=dict_row) as cursor:
        (row,) = cursor.execute(query("transfer_source")).fetchall()
    return row


def _mib(count: int) -> str:
    return f"{max(count, 0) / 1024 / 1024:.0f}"
