"""
A live move whose base copy came in an archive: its rows into the target, then what legacy kept since.

Promise: only what arrived whole and verified is restored, beside the target, by a job that outlives this
process; every table's rows are counted against what the source's server sent. Before that the source is
asked whether its log still has all that changed since, and whether its schema is as it was dumped.
"""

from dataclasses import replace

from migrate import remote
from migrate.archive.area import Area
from migrate.archive.layout import Facts, Reserved
from migrate.errors import TransferError
from migrate.mariadb.columns import tables
from migrate.mariadb.definitions import compared
from migrate.mariadb.replication import flow_name, prepare, seen
from migrate.mariadb.session import MariaDatabase, mariadb_of
from migrate.mariadb.stream import start_unpacking, wait
from migrate.step import Progress
from migrate.transfer.contract import Copied, Estimate, Task
from migrate.transfer.mariadb_live import MariadbLive, catalog
from migrate.transfer.mariadb_live.base import HEADROOM_BYTES, begin, job, lane, require_same, sink
from migrate.transfer.mariadb_live.checks import require_fit
from migrate.transfer.mariadb_staged.dumped import FILE, Dumped
from migrate.transfer.mariadb_staged.dumper import held_since
from migrate.transfer.stages import Stages

_STATE = "The target is closed to users and holds a half copy; legacy is as it was."


class MariadbStagedLive(MariadbLive):
    """Carry, load, let flow: where a path exists by the time of the switch."""

    keeps_changes = True

    def estimate(self, task: Task) -> Estimate:
        """Measure the disk, and tell the source's size as it was when it was dumped."""
        return _estimate(task, arrived_bytes(task))

    def copy(self, task: Task, progress: Progress) -> Copied:
        """Restore what arrived, unless that was done, and let the changes since flow."""
        stage = Stages()

        source, target = mariadb_of(task.source), mariadb_of(task.target)
        with target.opened() as there:
            is_begun = seen(there, flow_name(task.tenant, task.name)) is not None
        if not is_begun:
            archive, facts, reserved = _arrived(task)
            dumped = _dumped(task)
            # Before hours are spent on restoring what could not go on.
            stage("checks", lambda: _require_going_on(task, source, facts, reserved))
            stage("restore", lambda: _restore(task, target, archive, facts, dumped, progress))
            stage("joining", lambda: _join(task, source, target, facts, reserved, dumped))
            job(task).discard()
        with target.opened() as there:
            found = tables(there).values()
        return Copied(
            name=task.name,
            mode="staged-live",
            engine="mariadb",
            bytes=sum(table.bytes + table.index_bytes for table in found),
            tables=len(found),
            large_objects=0,
            seconds=stage.total_seconds,
            stages=stage.seconds,
        )


def restore(task: Task, progress: Progress) -> Dumped:
    """
    Restore the rows of what arrived into the target, and let nothing flow; return what else was dumped.

    Raises:
        TransferError: Nothing arrived whole, or a row is missing.
    """
    archive, facts, _ = _arrived(task)
    dumped = _dumped(task)
    _restore(task, mariadb_of(task.target), archive, facts, dumped, progress)
    job(task).discard()
    return dumped


def arrived_bytes(task: Task) -> int:
    """The size of the source's database when what arrived was dumped."""
    return _arrived(task)[1].bytes


def _estimate(task: Task, size: int) -> Estimate:
    free = remote.free_bytes(task.target.through)
    return Estimate(bytes=size, needs_free_bytes=2 * size + HEADROOM_BYTES, free_bytes=free)


def _restore(
    task: Task,
    target: MariaDatabase,
    archive: str,
    facts: Facts,
    dumped: Dumped,
    progress: Progress,
) -> None:
    working, spec = job(task), f"{task.attempt} {archive}"
    attached = working.look().serves(spec)
    if not attached:
        if not (needed := _estimate(task, facts.bytes)).fits:
            raise TransferError(
                needed.lacking(task.target.through.host, task.name),
                state="Nothing was copied.",
                next_step="free that much there, then fab run",
            )
        working.discard()
        with target.opened() as session:
            prepare(session)
            catalog.clear(session)
            catalog.make(session, (one for one in dumped.objects if one.kind in catalog.DATA), task.owner)
    with target.opened() as session:
        found = tables(session)
    rows = [facts.rows[called] for called in dumped.tables]
    lanes = [
        lane(replace(found[called], bytes=count))  # an empty table's own bytes tell nothing
        for called, count in zip(dumped.tables, rows, strict=True)
    ]
    if not attached:
        folder = f"../../../{_area(task).tree}"
        start_unpacking(working, spec=spec, folder=folder, rows=rows, lanes=lanes, sink=sink(target, lanes))
    progress.start(f"{task.name}: restore{' (attached)' if attached else ''}", sum(rows), "rows")
    try:
        wait(working, lanes, progress, state=_STATE)
    except TransferError:
        working.discard()
        raise


def _area(task: Task) -> Area:
    return Area(task.target.through, task.tenant, "database", task.name)


def _arrived(task: Task) -> tuple[str, Facts, Reserved]:
    arrived = _area(task).arrived()
    if arrived.facts is None or arrived.reserved is None:
        raise TransferError(
            f"archive {arrived.archive} was made without --live, so legacy kept nothing of what changed",
            state="Nothing was changed.",
            next_step="make an archive with --live, and load it",
        )
    return arrived.archive, arrived.facts, arrived.reserved


def _dumped(task: Task) -> Dumped:
    text = remote.read_file(task.target.through, f"{_area(task).tree}/{FILE}")
    return Dumped.model_validate_json(text)


def _require_going_on(task: Task, source: MariaDatabase, facts: Facts, reserved: Reserved) -> None:
    """
    Refuse what could not flow from where the dump ended.

    Raises:
        TransferError: A server is not fit, legacy's log is not whole since, or its schema changed.
    """
    require_fit(task)
    with source.opened() as session:
        if not held_since(session, facts).is_whole:
            raise TransferError(
                f"{source.name}: its log has no longer all that changed since {facts.position or 'the dump'}",
                state="Nothing flows; the site is as it was.",
                next_step="load the newest archive that was made with --live, or make one",
            )
        before = {(kind, called): text for kind, called, text in reserved.definitions}
        require_same(before, compared(session), "since the archive was made")


def _join(
    task: Task, source: MariaDatabase, target: MariaDatabase, facts: Facts, reserved: Reserved, dumped: Dumped
) -> None:
    _require_going_on(task, source, facts, reserved)
    with source.opened() as session:
        prepare(session)
        found = tables(session)
    begin(task, source, target, dumped.by_name, found, facts.position)
