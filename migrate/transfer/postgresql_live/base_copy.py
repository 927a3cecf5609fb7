"""
The base copy: all rows as they were at one moment, from server to server beside the target, in parallel.

Promise: read under the snapshot that the flow's slot begins at, so that copy and flow together miss nothing
and have nothing twice. It goes on when this process is killed. When a server or the job itself went away,
the snapshot is lost, yet what was done stays done: the rest is copied under a stream of its own.

Source: a slot with its exported snapshot, binary COPY with FREEZE, largest first, each table's indexes as
soon as its rows are there: measured against pg_dump and native subscription copy.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from migrate import throttle
from migrate.databases import Database, Session, query, value
from migrate.errors import ConnectionFailed, MigrationError, TransferError
from migrate.health import sessions_allowed
from migrate.remote_jobs import Ended
from migrate.step import Progress
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live import joining, state, tuning, watch
from migrate.transfer.postgresql_live.items import Plan, Work
from migrate.transfer.postgresql_live.jobs import connecting, copy_job, script
from migrate.transfer.postgresql_live.lanes import FLOWING
from migrate.transfer.postgresql_live.names import stem
from migrate.transfer.postgresql_live.stream import (
    Stream,
    Table,
    drop_publication,
    drop_subscription,
    new_stream,
    publish,
    streams,
)
from migrate.transfer.tools import require_success
from migrate.waiting import wait_until

WENT_AWAY = 75
"""Exit status of the job when a server or the snapshot went away."""
RETURN_SECONDS = 180.0
"""How long a server may take to come back."""
FRUITLESS = 3
"""So many jobs in a row may be cut off without having done anything, before that is no accident."""
_UNTUNED: Mapping[str, str] = MappingProxyType({})
_STATE = "The source works as ever; what was copied stays, and a repeat copies the rest."


def number_of(task: Task, stream: Stream) -> int:
    """Which stream it is, counted from 1."""
    return int(stream.name.removeprefix(stem(task)))


def carried(task: Task, plan: Plan, flows: Sequence[Stream]) -> dict[str, frozenset[Table]]:
    """By a stream's name, the tables whose rows were read under its snapshot."""
    with task.target.opened() as target:
        done = state.done(target)
    return {
        flow.name: frozenset((one.schema, one.name) for one in plan.flowing(done, number_of(task, flow)))
        for flow in flows
    }


def load(
    task: Task,
    plan: Plan,
    progress: Progress,
    *,
    tuned: Mapping[str, str],
    total: int,
    is_new: bool = False,
) -> tuple[Stream, ...]:
    """
    Copy everything that is not done yet; return the streams that carry its changes, not yet subscribed.

    Foreign keys are left out where rows were read under more than one snapshot: `add_keys` makes them once
    the streams are one (see `joining`).

    Args:
        total: Bytes that the target will have in the end, for the progress.
        is_new: Nothing was copied before, so there is no job to look for.

    Raises:
        TransferError: Something could not be copied, or a server stays away.
    """
    job = copy_job(task)
    seen = "absent" if is_new else job.look().state
    fruitless, last = 0, -1
    while True:
        if seen == "died":
            # With all that ran under it: the host was restarted, or somebody ended it.
            job.discard()
        is_attached = seen in ("running", "finished")
        if not is_attached:
            with task.source.opened() as source, task.target.opened() as target:
                watch.require_unchanged(task, source, target)
                now = len(state.done(target))
                fruitless, last = fruitless + 1 if now == last else 0, now
                kept = _former(task, plan, source, target)
                work, stream = _next(task, plan, target, kept)
                if work is None:
                    return kept
                _start(task, source, target, work, stream, tuned=tuned)
        progress.start(f"{task.name}: base copy{' (attached)' if is_attached else ''}", total, "bytes")
        ended = _wait(task, progress, total)
        job.discard()
        seen = "absent"
        _judge(task, ended, progress, may_repeat=fruitless < FRUITLESS)


def add_keys(task: Task, plan: Plan, progress: Progress) -> None:
    """
    Make the foreign keys that several snapshots put off, while changes wait.

    Raises:
        TransferError: The stream does not flow, or the source's own rows do not meet a key.
    """
    with task.source.opened() as source, task.target.opened() as target:
        if plan.work(state.done(target), 0, rows=False).is_empty:
            return
    with joining.at_one_moment(task, progress):
        with task.source.opened() as source, task.target.opened() as target:
            work = plan.work(state.done(target), 0, rows=False)
            _start(task, source, target, work, None)
        job = copy_job(task)
        try:
            ended = job.wait()
        finally:
            job.discard()
        _require(task, ended)


def _former(task: Task, plan: Plan, source: Session, target: Session) -> tuple[Stream, ...]:
    """
    Have each stream that is there carry the tables that came under its snapshot; drop empty ones.

    Once all rows are there, tables may have passed from one to another already, and stay where they are.
    """
    done = state.done(target)
    kept: list[Stream] = []
    for stream in streams(task, source, target):
        flowing = plan.flowing(done, number_of(task, stream))
        # With no table at all, the first stream still has a marker to prove a drain by.
        if not flowing and (plan.remaining(done) or kept):
            drop_subscription(stream, target)
            drop_publication(stream, source)
            continue
        if not plan.remaining(done):
            kept.append(stream)
            continue
        narrowed = replace(stream, tables=tuple(sorted((one.schema, one.name) for one in flowing)))
        if narrowed.tables != stream.tables:
            publish(narrowed, source, target)
        kept.append(narrowed)
    return tuple(kept)


def _next(
    task: Task, plan: Plan, target: Session, kept: tuple[Stream, ...]
) -> tuple[Work | None, Stream | None]:
    """What the next job does, and the stream whose slot it makes, if it reads rows; None when all is done."""
    done = state.done(target)
    number = max((number_of(task, stream) for stream in kept), default=0) + 1
    remaining = plan.remaining(done)
    snapshots = plan.snapshots(done) | ({number} if remaining else set())
    work = plan.work(done, number, keys=len(snapshots) <= 1)
    if work.is_empty:
        return None, None
    if not work.rows:
        return work, None
    flowing = [(one.schema, one.name) for one in remaining if one.lane in FLOWING]
    return work, new_stream(task, flowing, number)


def _start(
    task: Task,
    source: Session,
    target: Session,
    work: Work,
    stream: Stream | None,
    *,
    tuned: Mapping[str, str] = _UNTUNED,
) -> None:
    """Start the job; publication and role stand before the slot, whose snapshot all rows are read under."""
    contents = {name: text.encode() for name, text in work.files.items()}
    contents |= {"workers": f"{task.workers}\n".encode(), "send": script("send.sh").encode()}
    if stream is not None:
        publish(stream, source, target)
        slot = sql.SQL("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput EXPORT_SNAPSHOT \\g slot\n")
        contents["slot.sql"] = slot.format(sql.Identifier(stream.name)).as_bytes(None)
        asking = {"ask": script("ask.sh").encode(), "health.sql": query("live_health")}
        sessions = task.throttle.sessions_at_most(sessions_allowed(source))
        contents |= throttle.files(task.throttle, sessions, asking, state.paused(target))
    if tuned:
        tuning.tune(target, tuned)
        undoing = [statement.as_string(target) for statement in tuning.undoing(target)]
        contents["untune.sql"] = ";\n".join([*undoing, ""]).encode()
    copy_job(task).start(
        spec=stream.name if stream else "definitions",
        script=script("base_copy.sh"),
        files={**connecting(task), **contents},
    )


def _wait(task: Task, progress: Progress, total: int) -> Ended | None:
    """Wait for the job's end, telling size and what slows it; None when it died without a word."""
    waits = throttle.Told(task.name, progress)

    def tell(measured: str) -> None:
        waits(measured)
        # A server that is away is for the job to find out.
        with suppress(ConnectionFailed, psycopg.Error), task.target.opened() as session:
            size = value(session, "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())")
            progress.advance_to(min(int(size), total))

    job = copy_job(task)
    try:
        return job.wait(measure=throttle.WHY_SLOWED, tell=tell)
    except ConnectionFailed:
        raise
    except MigrationError:
        return None


def _judge(task: Task, ended: Ended | None, progress: Progress, *, may_repeat: bool) -> None:
    """
    Accept a job's end, or that servers went away and are back.

    Raises:
        TransferError: It failed otherwise, or they stay away, or too many have come to nothing.
    """
    if ended is not None and (ended.status != WENT_AWAY or not may_repeat):
        _require(task, ended)
        return
    if not may_repeat:
        raise TransferError(
            f"the base copy of {task.source.name} was ended from outside {FRUITLESS + 1} times",
            state=_STATE,
            next_step="see what ends processes on the site's host (its kernel's log), then fab run",
        )
    said = ended.errors.strip().splitlines()[:1] if ended is not None else ["it was ended from outside"]
    progress.say(f"{task.name}: the copy was cut off ({''.join(said)}); what is done stays, the rest follows")
    for database in (task.source, task.target):
        if not wait_until(lambda: _answers(database), deadline_seconds=RETURN_SECONDS, pace_seconds=0.5):  # noqa: B023 - called before the next turn
            raise TransferError(
                f"{database.name} does not answer for {RETURN_SECONDS:.0f} s",
                state=_STATE,
                next_step="start it, then fab run",
            )


def _answers(database: Database) -> bool:
    with suppress(ConnectionFailed), database.opened() as session:
        return not value(session, "SELECT pg_catalog.pg_is_in_recovery()")
    return False


def _require(task: Task, ended: Ended) -> None:
    require_success(
        f"the base copy of {task.source.name}", ended, state=_STATE, next_step="mend the cause, then fab run"
    )


def size(database: Session) -> dict[str, Any]:
    """What a move of a database has to carry, as transfer_source.sql says."""
    with database.cursor(row_factory=dict_row) as cursor:
        (row,) = cursor.execute(query("transfer_source")).fetchall()
    return row
