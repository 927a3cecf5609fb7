"""
A live move whose base copy came in an archive: restore it, then let flow what legacy kept since.

Promise: changes begin exactly where the dump ended, or nothing flows; a schema that changed meanwhile is told
with both definitions. From the moment of joining on it is a live move like any other: what is
noted on the site is what a live copy notes.
"""

import json
from time import monotonic

from migrate.archive.area import Area
from migrate.archive.layout import Facts, Reserved
from migrate.databases import Session
from migrate.errors import TransferError
from migrate.step import Progress
from migrate.transfer.contract import Copied, Estimate, Task
from migrate.transfer.postgresql_live import PostgresqlLive, state, watch
from migrate.transfer.postgresql_live.catalogue import remembered
from migrate.transfer.postgresql_live.names import SCHEMA
from migrate.transfer.postgresql_live.sessions import asked, both_at_work, statement, telling
from migrate.transfer.postgresql_live.stream import publish, subscribe
from migrate.transfer.postgresql_staged import PostgresqlStaged
from migrate.transfer.postgresql_staged.reserving import require_kept, stream_of


class PostgresqlStagedLive(PostgresqlLive):
    """Carry, load, let flow: where a path exists by the time of the switch."""

    keeps_changes = True

    def __init__(self) -> None:
        super().__init__()
        self._staged = PostgresqlStaged()

    def estimate(self, task: Task) -> Estimate:
        return self._staged.estimate(task)

    def copy(self, task: Task, progress: Progress) -> Copied:
        """Restore what arrived, unless that was done, and let the changes since flow."""
        begun = monotonic()
        with both_at_work(task) as ((_,), (target,)):
            if state.is_begun(target, task) and (copied := state.copied(target, task)):
                return copied
        facts, reserved = _reserved(task)
        # Before hours are spent on restoring what could not go on.
        with both_at_work(task) as ((source,), _):
            require_kept(task, reserved, facts.position, source)
        restored = self._staged.copy(task, progress)
        progress.start(f"{task.name}: joining the flow", None, "changes")
        copied = restored.model_copy(
            update={"mode": "staged-live", "lanes": reserved.lanes, "seconds": round(monotonic() - begun, 3)}
        )
        _join(task, facts, reserved, copied)
        return copied

    def empty(self, task: Task) -> None:
        """Remove every trace on both sides, and what was restored; what arrived cannot flow again."""
        super().empty(task)
        self._staged.empty(task)


def _reserved(task: Task) -> tuple[Facts, Reserved]:
    arrived = Area(task.target.through, task.tenant, "database", task.name).arrived()
    if arrived.facts is None or arrived.reserved is None:
        raise TransferError(
            f"archive {arrived.archive} was made without --live, so legacy kept nothing of what changed",
            state="Nothing was changed.",
            next_step="write delta: bulk under the database's transfer; or make an archive with --live",
        )
    return arrived.facts, arrived.reserved


def _join(task: Task, facts: Facts, reserved: Reserved, copied: Copied) -> None:
    """Note on the site what a live copy would have noted, and subscribe. May be repeated."""
    stream = stream_of(task, reserved)
    with both_at_work(task) as ((source,), (target,)):
        if not asked(target, "stream_subscriber", stream=stream.name):
            require_kept(task, reserved, facts.position, source)
        state.prepare(target)
        _keep_catalogue(task, target, reserved)
        watch.remember(target, "source", {(kind, name): text for kind, name, text in reserved.definitions})
        state.begin(target, task)
        state.keep_entries(target, task, ())
        watch.require_unchanged(task, source, target)
        watch.remember(target, "site", watch.now(target))
        publish(stream, source, target)
        subscribe(stream, source, target)
        state.keep_copied(target, task, copied)


def _keep_catalogue(task: Task, target: Session, reserved: Reserved) -> None:
    """Keep how legacy was found where the end of a live move looks for it."""
    if remembered(target) is not None:
        return
    table = (SCHEMA, "as_found")
    with telling(task.target, "keeping the source's catalogue"), target.transaction():
        target.execute(
            statement(
                "CREATE TABLE {} (only_one bool PRIMARY KEY CHECK (only_one),"
                " taken_at timestamptz NOT NULL DEFAULT pg_catalog.now(), catalogue jsonb NOT NULL)",
                table,
            )
        )
        target.execute(
            statement("INSERT INTO {} (only_one, catalogue) VALUES (true, %s)", table),
            (json.dumps(reserved.catalogue),),
        )
