"""
Staged transfer of PostgreSQL: the restore of a dump that came in an archive.

Promise: only what arrived whole and verified is restored, beside the target, by a job that goes on without
this process; the target is emptied before it begins; everything ends up owned by the site's owner role.
The source is never asked, since there may be no way to it. The dump stays in its area on the site's host:
a repeat needs it again, and so does an archive that carries only what changed since.
"""

import re

import psycopg
from psycopg.rows import dict_row

from migrate import remote
from migrate.archive.area import Area, State
from migrate.archive.layout import Facts
from migrate.databases import Session, query, value
from migrate.errors import TransferError
from migrate.remote_jobs import Job
from migrate.step import Progress
from migrate.transfer.contract import Copied, Estimate, Task
from migrate.transfer.postgresql_bulk import HEADROOM_BYTES, empty_database
from migrate.transfer.stages import Stages
from migrate.transfer.tools import require_success, without_extensions

_STATE = "The target is closed to users and holds a half copy; legacy is as it was."

_RESTORE = """
export PGPASSFILE=./pgpass
pg_restore --dbname="$(cat target)" --role="$(cat owner)" --jobs={workers} --no-owner --no-privileges \\
    --no-tablespaces --use-list=contents ../../../{tree}
status=$?
rm -f pgpass
exit $status
"""


class PostgresqlStaged:
    """Carry, load, open: for databases that no network path leads from."""

    keeps_changes = False

    def estimate(self, task: Task) -> Estimate:
        """Measure the disk, and tell the source's size as it was when it was dumped."""
        _, facts = _arrived(task)
        free = remote.free_bytes(task.target.through)
        return Estimate(bytes=facts.bytes, needs_free_bytes=facts.bytes + HEADROOM_BYTES, free_bytes=free)

    def copy(self, task: Task, progress: Progress) -> Copied:
        """Restore what arrived, grant and analyse; a restore that this attempt began is attached to."""
        stage = Stages()

        arrived, facts = _arrived(task)
        restore, spec = _job(task), f"{task.attempt} {arrived.archive}"
        seen = restore.look()
        attached = seen.serves(spec)
        if not attached:
            self._check(task, facts)
            stage("emptying", lambda: self.empty(task))
            self._start(task, spec)
        stage("restore", lambda: self._wait(task, facts, progress, attached=attached))
        with task.target.opened(role=task.owner) as session:
            try:
                stage("grants", lambda: _grant(session, task.application))
                stage("statistics", lambda: _analyse(session))
                with session.cursor(row_factory=dict_row) as cursor:
                    (size,) = cursor.execute(query("transfer_source")).fetchall()
            except psycopg.Error as error:
                raise TransferError(
                    f"{task.target.name}: {error.diag.message_primary or error}",
                    state=_STATE,
                    next_step="fab run",
                ) from error
        return Copied(
            name=task.name,
            mode="staged",
            engine="postgresql",
            bytes=size["database_bytes"],
            tables=size["tables"],
            large_objects=size["large_objects"],
            seconds=stage.total_seconds,
            stages=stage.seconds,
        )

    def empty(self, task: Task) -> None:
        """End the restore, and drop what the owner role owns in the target; what arrived stays beside."""
        _job(task).discard()
        empty_database(task.target, task.owner)

    def _check(self, task: Task, facts: Facts) -> None:
        """Refuse what could not end well, before the target is emptied."""
        host = task.target.through
        version = remote.run(
            host, "pg_restore --version", raising=TransferError, doing="pg_restore --version"
        ).text
        major = int(re.sub(r"^.*\) (\d+).*$", r"\1", version, flags=re.S))
        if major < facts.major:
            raise TransferError(
                f"{host.host}: pg_restore is version {major}, the dump of {task.name} is of {facts.major}",
                state="Nothing was copied.",
                next_step=f"install PostgreSQL {facts.major}'s client tools, or newer ones, on {host.host}",
            )
        with task.target.opened() as session:
            rows = session.execute("SELECT name FROM pg_catalog.pg_available_extensions").fetchall()
        if missing := sorted(set(facts.extensions) - {name for (name,) in rows}):
            raise TransferError(
                f"{task.target.name} has no extension {', '.join(missing)}, which {task.name} uses",
                state="Nothing was copied.",
                next_step="install its package on the target's host, then fab run",
            )
        if not (needed := self.estimate(task)).fits:
            raise TransferError(
                needed.lacking(host.host, task.name),
                state="Nothing was copied.",
                next_step="free what is missing there, then fab run",
            )

    def _start(self, task: Task, spec: str) -> None:
        """Start the restore of everything but the extensions that the target has already."""
        tree, target = _area(task).tree, task.target.endpoint
        contents = remote.run(
            task.target.through, f"pg_restore --list {tree}", raising=TransferError, doing="pg_restore --list"
        )
        with task.target.opened() as session:
            present = {name for name, _ in session.execute(query("transfer_extensions")).fetchall()}
        _job(task).start(
            spec=spec,
            script=_RESTORE.format(workers=task.workers, tree=tree),
            files={
                "pgpass": target.pgpass,
                "ca.pem": target.ca.encode(),
                "target": target.conninfo(ca_file="ca.pem", application="bascule copy").encode(),
                "owner": task.owner.encode(),
                "contents": without_extensions(contents.stdout.decode(), present).encode(),
            },
        )

    def _wait(self, task: Task, facts: Facts, progress: Progress, *, attached: bool) -> None:
        restore = _job(task)
        progress.start(f"{task.name}: restore{' (attached)' if attached else ''}", facts.bytes, "bytes")
        with task.target.opened() as session:

            def tell(_: str) -> None:
                size = value(session, "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())")
                progress.advance_to(min(int(size), facts.bytes))

            ended = restore.wait(tell=tell)
        try:
            require_success(
                f"pg_restore into {task.target.name}",
                ended,
                state=_STATE,
                next_step="mend the cause, then fab run: it empties the target and restores again",
            )
        except TransferError:
            restore.discard()
            raise


def _area(task: Task) -> Area:
    return Area(task.target.through, task.tenant, "database", task.name)


def _job(task: Task) -> Job:
    """The job that restores, on the target's host."""
    return Job(task.target.through, f"staged-{task.name}")


def _arrived(task: Task) -> tuple[State, Facts]:
    state = _area(task).arrived()
    if state.facts is None:
        raise TransferError(f"what arrived of {task.name} is no dump of a database")
    return state, state.facts


def _grant(session: Session, application: str) -> None:
    """Let the application read and write rows, as after every way of moving."""
    session.execute("SELECT pg_catalog.set_config('bascule.application', %s, false)", (application,))
    with session.transaction():
        for _, statement in session.execute(query("transfer_grants")).fetchall():
            session.execute(statement)


def _analyse(session: Session) -> None:
    """Gather statistics; of tables that are not the owner's, PostgreSQL says so and goes on."""
    session.execute("ANALYZE")
