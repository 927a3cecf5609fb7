"""
Turning a flow round: the way forward is paused, the way back armed and proved, before anybody writes.

Promise: never do both directions apply at once, since before PostgreSQL 16 a change would then run in
circles; the paused flow is kept, so turning back needs nothing but this module. What came back over a
flow is never sent forward again: a paused flow is resumed only while nothing but the proof went back,
and no other stream carries the proof. Each function may be killed anywhere and called again.

Source: vitess 16794 (the way back was broken when it was needed, so a real write proves it here),
14276 and 13218 (a failed undo removed the means of undoing).
"""

from datetime import UTC, datetime
from time import monotonic

import psycopg

from migrate.databases import Session
from migrate.errors import TransferError
from migrate.transfer.contract import Task, Turned
from migrate.transfer.postgresql_live import lanes
from migrate.transfer.postgresql_live.copying import set_identities
from migrate.transfer.postgresql_live.drain import arrived, flowing, mark
from migrate.transfer.postgresql_live.large_objects import bring_ahead
from migrate.transfer.postgresql_live.sessions import asked, both_at_work, statement, telling
from migrate.transfer.postgresql_live.stream import (
    Stream,
    drop_publication,
    drop_slot,
    drop_subscription,
    is_applied,
    new_stream,
    pause,
    publish,
    reserve,
    resume,
    subscribe,
)
from provisioning.errors import BasculeError


def prepare_turn(task: Task) -> None:
    """
    Make all of the way back that can be made while this flow is live: everything but its slot.

    The source's server logs in at the target's already, so a way that is barred shows here. Large objects
    are brought ahead, so that few are left to be compared in the freeze. Nothing flows back before `turn`.

    Raises:
        TransferError: The target cannot publish, the source lacks a table or column, or cannot log in.
    """
    with both_at_work(task) as ((source,), (target,)):
        forward = flowing(task, source, target)
        back = _back(task, forward)
        if is_applied(back, source):
            return  # it is turned already
        _prepare(task, source, target, back)
        if all(is_applied(stream, target) for stream in forward):
            bring_ahead(task, source, target)


def turn(task: Task, *, timeout_seconds: float) -> Turned:
    """
    Pause this flow; arm the one back, and prove it by a write on the target and its removal.

    Needs `drain` before. Only the slot is missing where `prepare_turn` was called.

    Raises:
        TransferError: The way back is not proved, with the server's reason: it is disarmed, and this
            flow goes on.
    """
    begun = monotonic()
    with both_at_work(task) as ((source,), (target,)):
        forward = flowing(task, source, target)
        back = _back(task, forward)
        try:
            if not is_applied(back, source):
                _arm(task, forward, back, source, target, timeout_seconds)
            proved_from = monotonic()
            _prove(back, source, target, timeout_seconds=timeout_seconds)
        except (BasculeError, psycopg.Error) as error:
            _disarm_and_raise(task, error)
        ended = monotonic()
    return Turned(
        proved_at=datetime.now(UTC),
        round_trip_seconds=round(ended - proved_from, 4),
        seconds=round(ended - begun, 4),
    )


def turn_back(task: Task) -> None:
    """
    Undo `turn`, also a half one, while nobody has written on the target yet: this flow goes on.

    The way back stops first, then the way forward goes on, and only then is the way back taken apart.

    Raises:
        TransferError: This flow cannot go on; nothing of either was removed then.
    """
    with both_at_work(task) as ((source,), (target,)):
        forward = flowing(task, source, target)
        back = _back(task, forward)
        pause(back, None, source)
        for stream in forward:
            if not asked(source, "stream_publisher", stream=stream.name)[0]["has_slot"]:
                raise TransferError(
                    f"{task.source.name}: slot {stream.name} is gone, so changes cannot go on flowing",
                    state=f"The way back stands still; nothing was removed. {task.source.name} has all rows.",
                    next_step="open the source again; then fab abandon, and begin the move anew",
                )
            subscribe(stream, source, target)
        drop_subscription(back, source)
        drop_publication(back, target)


def _back(task: Task, forward: tuple[Stream, ...]) -> Stream:
    """The opposite of some streams: one that carries the tables of all."""
    return new_stream(task.turned(), [table for stream in forward for table in stream.tables])


def _arm(
    task: Task,
    forward: tuple[Stream, ...],
    back: Stream,
    source: Session,
    target: Session,
    timeout_seconds: float,
) -> None:
    """Stop the way forward and start the way back, from this very moment on."""
    for stream in forward:
        pause(stream, source, target)
    # A slot that is left from before holds what this flow brought since: it would all be sent back.
    drop_slot(back, target)
    if not asked(source, "stream_subscriber", stream=back.name):
        _prepare(task, source, target, back)
    target.execute(f"SET statement_timeout = {max(1, round(timeout_seconds * 1000))}")
    reserve(back, target)  # waits for transactions that are open on the target and have written
    target.execute("SET statement_timeout = 0")
    resume(back, source)


def _prove(back: Stream, source: Session, target: Session, *, timeout_seconds: float) -> None:
    """A real write on the target must arrive on the source, and its removal too."""
    ends_at = monotonic() + timeout_seconds
    token = mark([back], target)
    arrived([back], target, source, token, timeout_seconds=timeout_seconds)
    with telling(back.publisher, "removing the marker"):
        target.execute(statement("DELETE FROM {}", back.marker))
    arrived([back], target, source, None, timeout_seconds=max(0.0, ends_at - monotonic()))


def _disarm_and_raise(task: Task, error: BasculeError | psycopg.Error) -> None:
    said = error.what if isinstance(error, BasculeError) else str(error).strip().splitlines()[0]
    try:
        turn_back(task)
    except BasculeError as undoing:
        state = f"The way back is not proved, and taking it back failed too: {undoing.what}"
    else:
        state = f"The way back is not armed; changes flow on from {task.source.name} to {task.target.name}."
    raise TransferError(
        f"the way back from {task.target.name} to {task.source.name} is not proved: {said}",
        state=state,
        next_step="mend the cause, then fab run; without a way back only a signed waiver opens the door",
    ) from None


def _prepare(task: Task, source: Session, target: Session, back: Stream) -> None:
    if asked(target, "stream_publisher", stream=back.name)[0]["has_slot"]:
        # The flow from before the last turn, which was not let go of: it stands at an old position.
        drop_subscription(back, source)
        drop_publication(back, target)
    _require_room(task, target)
    _require_columns(task, source, target, back)
    # Tables without a key name changed rows in full, else an update of a published one is refused.
    published = [r for r in lanes.read(target) if (r.schema, r.name) in set(back.tables)]
    set_identities(task.target, target, published)
    publish(back, target, source)
    subscribe(back, target, source, enabled=False)


def _require_room(task: Task, target: Session) -> None:
    (room,) = asked(target, "turn_room")
    lacks = [
        *(["wal_level = logical"] if room["wal_level"] != "logical" else []),
        *(["a free slot (max_replication_slots)"] if room["free_slots"] < 1 else []),
        *(["a free sender (max_wal_senders)"] if room["free_senders"] < 1 else []),
    ]
    if lacks:
        raise TransferError(
            f"{task.target.name} cannot send changes back; it lacks {', '.join(lacks)}",
            state="Nothing was changed.",
            next_step="set these in its configuration and restart it, then fab run",
        )


def _require_columns(task: Task, source: Session, target: Session, back: Stream) -> None:
    """Refuse where a change from the target would find no place on the source."""
    wanted = set(back.tables)
    here, there = ({tuple(row.values()) for row in asked(side, "turn_columns")} for side in (target, source))
    lacking = sorted(c for c in here - there if (c[0], c[1]) in wanted)
    if lacking:
        names = ", ".join(".".join(column) for column in lacking[:10])
        raise TransferError(
            f"{task.source.name} lacks what {task.target.name} has, so changes cannot flow back: {names}",
            next_step="make both alike, then fab run",
        )
