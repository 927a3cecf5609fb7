"""
The flow of changes: how it is, waiting for it, holding it up by hand.

Promise: looking changes nothing; a flow that is broken, a slot that is lost and a schema that changed
are said with their reason, before anything is frozen.
"""

from collections.abc import Iterable
from time import monotonic, sleep
from typing import TypeVar

from psycopg import sql

from migrate import throttle
from migrate.databases import Session, query, value
from migrate.errors import TransferError
from migrate.log_disk import log_disk
from migrate.step import Progress
from migrate.transfer.contract import Flow, Task
from migrate.transfer.postgresql_live import state, watch
from migrate.transfer.postgresql_live.drain import arrived, mark
from migrate.transfer.postgresql_live.health import health
from migrate.transfer.postgresql_live.jobs import copy_job
from migrate.transfer.postgresql_live.sessions import both_at_work, telling
from migrate.transfer.postgresql_live.stream import pause as pause_stream
from migrate.transfer.postgresql_live.stream import streams, subscribe

_Figure = TypeVar("_Figure", int, float)

NEAR_BYTES = 1024**2
"""Below this distance it is worth to measure how long a change takes."""
LOOK_SECONDS = 1.0


def flow(task: Task) -> Flow:
    """Look at the flow from source to target, and at how much more log of it the source can keep."""
    with both_at_work(task) as ((source,), (target,)):
        seen = _flow(task, source, target)
        if seen.state in ("absent", "copying"):
            return seen
        return seen.model_copy(update={"room_bytes": _room(task, source, seen.room_bytes)})


def _flow(task: Task, source: Session, target: Session) -> Flow:
    is_begun = state.is_begun(target, task)
    if is_begun and state.copied(target, task) is None:
        said = copy_job(task).look(measure=throttle.WHY_SLOWED).measured.strip()
        why = state.paused(target)
        return Flow(state="copying", says=said or (f"paused: {why}" if why else ""))
    seen = [health(stream, source, target) for stream in streams(task, source, target)]
    if not seen:
        return Flow(state="absent")
    broken = [one.says for one in seen if one.state in ("broken", "absent")]
    changed = watch.changes(source, target)
    if changed:
        broken.append(f"{task.source.name} was changed while it is moved:\n{watch.told(changed)}")
    waits = any(one.state == "paused" for one in seen)
    why = state.paused(target) if is_begun else ""
    return Flow(
        state="broken" if broken else "paused" if waits else "flowing",
        lag_bytes=_most(one.lag_bytes for one in seen),
        lag_seconds=_most(one.lag_seconds for one in seen),
        retained_bytes=_most(one.retained_bytes for one in seen),
        room_bytes=min((one.room_bytes for one in seen if one.room_bytes is not None), default=None),
        oldest_write_seconds=value(source, query("live_oldest_write")),
        says="; ".join(filter(None, broken)) or (f"paused: {why}" if why else ""),
    )


def _room(task: Task, source: Session, limit: int | None) -> int | None:
    """What the source can still keep for us: its own limit, or what its disk holds, whichever is less."""
    # Only some logins may know where the server's files lie.
    folder = value(source, "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory'")
    disk = log_disk(task.source.through, f"{folder}/pg_wal") if folder else None
    if disk is None:
        return limit
    return disk.free_bytes if limit is None else min(limit, disk.free_bytes)


def _most(figures: Iterable[_Figure | None]) -> _Figure | None:
    return max((figure for figure in figures if figure is not None), default=None)


def catch_up(task: Task, progress: Progress, *, within_seconds: float, timeout_seconds: float) -> Flow:
    """Wait until a change takes less than `within_seconds`, and no older transaction writes; see `Live`."""
    ends_at = monotonic() + timeout_seconds
    with both_at_work(task) as ((source,), (target,)):
        if state.is_begun(target, task):
            _gather_statistics(task, target, progress)
        progress.start(f"{task.name}: catching up", None, "bytes behind")
        while True:
            seen = _flow(task, source, target)
            if seen.state != "flowing":
                ends = f"from {task.source.name} to {task.target.name}"
                raise TransferError(
                    f"changes do not flow {ends}: {seen.says or seen.state}",
                    state="The source works as ever.",
                    next_step=_next_step(task, seen),
                )
            progress.advance_to(seen.lag_bytes or 0)
            left = ends_at - monotonic()
            oldest = seen.oldest_write_seconds or 0.0
            if (seen.lag_bytes or 0) <= NEAR_BYTES and left > 0:
                took = _takes(task, source, target, left)
                if took <= within_seconds and oldest <= within_seconds:
                    return _flow(task, source, target)
            if left <= 0:
                raise TransferError(
                    f"{task.target.name} did not catch up within {timeout_seconds:g} s: {seen.lag_bytes or 0}"
                    f" bytes behind, and the oldest open transaction that writes is {oldest:.0f} s old",
                    state="The source works as ever; changes go on flowing.",
                    next_step="wait for, or end, what writes so much or so long; then fab run",
                )
            sleep(min(LOOK_SECONDS, max(left, 0)))


def _gather_statistics(task: Task, target: Session, progress: Progress) -> None:
    """Gather those that are lacking still: they are not replicated, and the copy had better things to do."""
    lacking = target.execute(query("live_unanalysed")).fetchall()
    if not lacking:
        return
    progress.start(f"{task.name}: statistics", len(lacking), "tables")
    for done, name in enumerate(lacking, 1):
        with telling(task.target, f"gathering statistics of {'.'.join(name)}"):
            target.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(*name)))
        progress.advance_to(done)


def _takes(task: Task, source: Session, target: Session, timeout_seconds: float) -> float:
    """Seconds until what is committed on the source now is there on the target."""
    begun = monotonic()
    flows = streams(task, source, target)
    arrived(flows, source, target, mark(flows, source), timeout_seconds=timeout_seconds)
    return monotonic() - begun


def _next_step(task: Task, seen: Flow) -> str:
    if seen.state == "absent":
        return "fab run: it copies the database first"
    if seen.state == "paused":
        return f"fab resume --tenant {task.tenant}, then fab run"
    return "mend the cause, then fab run; where it cannot be mended, fab abandon and begin anew"


def pause(task: Task, why: str) -> None:
    """
    Have the copy, or the flow, wait until `resume`, whatever becomes of this process.

    Raises:
        TransferError: Nothing was begun that could wait.
    """
    with both_at_work(task) as ((source,), (target,)):
        if not state.is_begun(target, task):
            raise TransferError(
                f"nothing moves from {task.source.name} to {task.target.name}, so nothing can wait",
                next_step="fab status",
            )
        state.pause(target, " ".join(why.split()) or "by hand")
        throttle.pause(copy_job(task), state.paused(target))
        for stream in streams(task, source, target):
            pause_stream(stream, source, target)


def resume(task: Task) -> None:
    """Have it go on; nothing is done where nobody had it wait."""
    with both_at_work(task) as ((source,), (target,)):
        if not state.is_begun(target, task):
            return
        state.resume(target)
        throttle.resume(copy_job(task))
        if state.copied(target, task) is not None:
            for stream in streams(task, source, target):
                # The way to the source may be another by now, such as that of a host in another's place.
                subscribe(stream, source, target)
