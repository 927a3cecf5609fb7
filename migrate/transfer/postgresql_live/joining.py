"""
Joining: the streams of a base copy that was cut off become one.

Promise: afterwards one stream carries every table, so the target is at each moment what the source was at
one moment: keys can be checked, and one drain proves all. Nothing is skipped and nothing comes twice,
wherever this ends and is begun again.

How: publications are read as they were when a change was written. So a table that passes from one publication
to another in one transaction, while nobody writes it, has every change in exactly one of the two streams. The
last stream is not subscribed to until those before it have brought all that is theirs.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg

from migrate.databases import Session
from migrate.errors import TransferError
from migrate.step import Progress
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live import state
from migrate.transfer.postgresql_live.drain import arrived, flowing, flush, mark
from migrate.transfer.postgresql_live.sessions import asked, both_at_work, statement, telling
from migrate.transfer.postgresql_live.stream import (
    Stream,
    Table,
    drop_publication,
    drop_subscription,
    pause,
    subscribe,
)
from migrate.waiting import wait_until

LOCK_SECONDS = 60.0
"""How long to go on asking for a lock that lets nobody else wait for more than a second."""
APPLIES_SECONDS = 86_400.0
"""How long applying may take; a stream that is broken is told within seconds whatever this is."""
PAUSED_PACE_SECONDS = 1.0


def join(
    task: Task, flows: Sequence[Stream], carried: Mapping[str, frozenset[Table]], progress: Progress
) -> None:
    """
    Subscribe to the streams of a base copy, and make several one; waits while a person has the move wait.

    Args:
        flows: By number; the last may carry tables of those before it already.
        carried: By a stream's name, the tables whose rows were read under its snapshot.

    Raises:
        TransferError: A table stays locked, or a stream is broken; a repeat goes on from there.
    """
    *former, last = flows
    with both_at_work(task) as ((source,), (target,)):
        done = state.done(target)
        left = [stream for stream in former if _item(stream) not in done]
        if left:
            _wait_while_paused(task, target, progress)
            progress.say(f"{task.name}: the copy's {len(flows)} streams become one")
            _give_all(task, left, last, carried, source, target)
        for stream in former:
            drop_subscription(stream, target)
            drop_publication(stream, source)
        subscribe(last, source, target, enabled=not state.paused(target))


def _give_all(
    task: Task,
    givers: Sequence[Stream],
    taker: Stream,
    carried: Mapping[str, frozenset[Table]],
    source: Session,
    target: Session,
) -> None:
    """Have `taker` carry every table, and the others bring all that is theirs."""
    for stream in givers:
        _require_whole(stream, carried[stream.name], target)
        # Before tables pass over: it applies those tables that its publication has when it is made.
        subscribe(stream, source, target)
    for stream in givers:
        for table in stream.tables:
            _hand_over(table, stream, taker, source)
    # Written after the last table passed over: what comes later is no longer theirs.
    arrived(givers, source, target, mark(givers, source), timeout_seconds=APPLIES_SECONDS)
    flush(task, target)
    for stream in givers:
        state.mark(target, _item(stream), 0)


def _item(stream: Stream) -> str:
    """What notes that a stream has brought all that is its own, and may go."""
    return f"joined {stream.name}"


@contextmanager
def at_one_moment(task: Task, progress: Progress) -> Iterator[None]:
    """
    Let the one stream pass all that others brought, and stand still: the target is of one moment.

    Nothing is applied, so whoever locks tables meets nobody who writes several of them in another order.
    Where what is done meanwhile fails, it stands still until a repeat.

    Raises:
        TransferError: There is no stream, or it is broken.
    """
    with both_at_work(task) as ((source,), (target,)):
        _wait_while_paused(task, target, progress)
        flows = flowing(task, source, target)
        for stream in flows:
            subscribe(stream, source, target)
        arrived(flows, source, target, mark(flows, source), timeout_seconds=APPLIES_SECONDS)
        for stream in flows:
            pause(stream, source, target)
    yield
    with both_at_work(task) as ((source,), (target,)):
        for stream in flows:
            subscribe(stream, source, target, enabled=not state.paused(target))


def _wait_while_paused(task: Task, target: Session, progress: Progress) -> None:
    if why := state.paused(target):
        progress.say(f"{task.name}: the copy waits: paused: {why}")
        while not wait_until(
            lambda: not state.paused(target),
            deadline_seconds=APPLIES_SECONDS,
            pace_seconds=PAUSED_PACE_SECONDS,
        ):
            pass
        progress.say(f"{task.name}: the copy goes on")


def _require_whole(stream: Stream, carried: frozenset[Table], target: Session) -> None:
    """Refuse to subscribe anew to a stream that has given tables away: it would leave out their changes."""
    if asked(target, "stream_subscriber", stream=stream.name) or frozenset(stream.tables) == carried:
        return
    raise TransferError(
        f"{stream.subscriber.name}: subscription {stream.name} is gone; somebody removed it, and changes "
        "that only it would bring are lost",
        state="The source works as ever; what was copied cannot be completed.",
        next_step="fab abandon, and begin anew",
    )


def _hand_over(table: Table, giver: Stream, taker: Stream, publisher: Session) -> None:
    """Let a table's changes come by another stream from a moment on in which nobody has it half written."""

    def is_done() -> bool:
        try:
            # Whoever wants the table meanwhile queues behind this: never for longer than this.
            with publisher.transaction():
                publisher.execute("SET LOCAL lock_timeout = '1s'")
                publisher.execute(statement("LOCK TABLE ONLY {} IN SHARE ROW EXCLUSIVE MODE", table))
                publisher.execute(statement("ALTER PUBLICATION {} ADD TABLE ONLY {}", taker.name, table))
                publisher.execute(statement("ALTER PUBLICATION {} DROP TABLE ONLY {}", giver.name, table))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            return False
        return True

    shown = ".".join(table)
    with telling(giver.publisher, f"handing {shown} from {giver.name} to {taker.name}"):
        if not wait_until(is_done, deadline_seconds=LOCK_SECONDS, pace_seconds=1):
            raise TransferError(
                f"{giver.publisher.name}: {shown} is locked for more than {LOCK_SECONDS:.0f} s, so its "
                "changes could not be brought into one stream",
                state="The source works as ever; what was copied stays, and a repeat goes on.",
                next_step="end the transaction that holds it (pg_locks), then fab run",
            )
