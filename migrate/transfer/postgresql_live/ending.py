"""
Ending flows: one for good after its opposite took over, or all of a move, to the last trace.

Promise: a flow goes only when its opposite is in force, and when what it brought is on the target's disk.
Where a side is out of reach, the other side's part goes nevertheless, and what is left is told by name.
Everything may be repeated.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from migrate.databases import Database, Session, query, value
from migrate.errors import ConnectionFailed, TransferError
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live.catalogue import (
    IDENTITY,
    Catalogue,
    as_found,
    differences,
    remembered,
)
from migrate.transfer.postgresql_live.copying import LOCK_SECONDS
from migrate.transfer.postgresql_live.drain import flush
from migrate.transfer.postgresql_live.health import health
from migrate.transfer.postgresql_live.names import SCHEMA, stem
from migrate.transfer.postgresql_live.sessions import asked, at_work, statement, telling
from migrate.transfer.postgresql_live.stream import (
    Stream,
    drop_publication,
    drop_subscription,
    streams,
)
from migrate.waiting import wait_until

FENCE = ("default_transaction_read_only", "bascule.fence")
"""The freeze's own settings: whoever set them takes them back and proves that, at another time than this."""


def let_go(task: Task) -> None:
    """
    Remove this flow for good; its opposite is in force.

    Raises:
        TransferError: The opposite does not flow, so this one is kept; or one side is out of reach.
    """
    with _if_reached(task.source) as source, _if_reached(task.target) as target:
        if source and target:
            opposite = streams(task.turned(), target, source)
            states = [health(stream, target, source) for stream in opposite]
            if not states or any(seen.state != "flowing" for seen in states):
                says = "; ".join(seen.says or f"it is {seen.state}" for seen in states) or "there is none"
                raise TransferError(
                    f"the flow from {task.target.name} back to {task.source.name} is not in force: {says}",
                    state=f"The paused one from {task.source.name} is kept.",
                    next_step="fab status",
                )
            flush(task, target)
        if left := _take_apart(task, source, target):
            raise TransferError(
                "\n".join(left),
                state="What is on the other side is removed.",
                next_step="when it can be reached again, the same command once more: it removes the rest",
            )


def end(task: Task, before: Catalogue | None = None) -> tuple[str, ...]:
    """
    Remove every trace of a move from both sides: flows both ways, roles, markers, replica identities.

    Args:
        before: The source as it was found, where it was kept elsewhere too; else what `remember` kept.

    Returns:
        What either side still has that was not there at the start, each with its side; empty when it
        is as it was found. What is left on a side that cannot be reached is told too, by name. The
        freeze's flag is not: the freeze proves that itself.
    """
    with _if_reached(task.source) as source, _if_reached(task.target) as target:
        if target:
            before = remembered(target) or before
        left = _take_apart(task, source, target, also=task.turned())
        sides = [(task.source, source), (task.target, target)]
        for database, session in sides:
            if session:
                _restore_identities(database, session, before or {})
        if source and before:
            left += [f"{task.source.name}: {line}" for line in _changed(before, as_found(source))]
        # The target's goes last: what was remembered lies there.
        for database, session in sides:
            if session:
                _drop_schema(database, session)
                left += [
                    f"{database.name}: {row['kind']} {row['name']} is there"
                    for row in asked(session, "turn_traces")
                ]
        return tuple(left)


def _changed(before: Catalogue, now: Catalogue) -> list[str]:
    """What is otherwise than before, but for the freeze: while it is in force, rights are with it."""
    fenced = any(name.endswith(FENCE[1]) for name in now.get("setting", {}))

    def is_the_freezes(line: str) -> bool:
        named = line.split(": was ")[0]
        return (named.startswith("setting ") and named.endswith(FENCE)) or (
            fenced and named.startswith("grants ")
        )

    return [line for line in differences(before, now) if not is_the_freezes(line)]


@contextmanager
def _if_reached(database: Database) -> Iterator[Session | None]:
    """A session, or None where the database is out of reach."""
    opening = at_work(database)
    try:
        (session,) = opening.__enter__()
    except ConnectionFailed:
        yield None
        return
    try:
        yield session
    finally:
        opening.__exit__(None, None, None)


def _take_apart(
    task: Task, source: Session | None, target: Session | None, *, also: Task | None = None
) -> list[str]:
    """
    Remove the streams of a task, and of its opposite; subscriptions first, so that nobody reads any more.

    Returns:
        What is left on a side that is out of reach, by name.
    """
    found = [
        stream for one in (task, *([also] if also else [])) for stream in _streams(one, task, source, target)
    ]
    for stream in found:
        if subscriber := (target if stream.subscriber == task.target else source):
            drop_subscription(stream, subscriber)
    for stream in found:
        if publisher := (source if stream.publisher == task.source else target):
            drop_publication(stream, publisher)
    sides = ((task.source, source), (task.target, target))
    return [
        f"{side.name} cannot be reached; still there: {_left(side, found)}"
        for side, session in sides
        if session is None
    ]


def _streams(one: Task, task: Task, source: Session | None, target: Session | None) -> tuple[Stream, ...]:
    """The streams of a task, read from whichever side can be reached."""
    forward = one.source == task.source
    publisher, subscriber = (source, target) if forward else (target, source)
    if publisher and subscriber:
        return streams(one, publisher, subscriber)
    rows = asked(side, "stream_names", stem=stem(one)) if (side := publisher or subscriber) else []
    return tuple(Stream(name, one.source, one.target) for name in sorted({row["name"] for row in rows}))


def _left(side: Database, found: Sequence[Stream]) -> str:
    parts = [
        f"slot, publication and role {stream.name}"
        if stream.publisher == side
        else f"subscription {stream.name}"
        for stream in found
    ]
    return ", ".join([*parts, f"schema {SCHEMA}"])


def _restore_identities(database: Database, session: Session, before: Catalogue) -> None:
    """Let each table name its changed rows as it did before; both sides began alike."""
    now = {row["name"]: row["value"] for row in asked(session, "turn_identities")} if before else {}
    for table, identity in before.get(IDENTITY, {}).items():
        if table in now and now[table] != identity:
            # Both come from the server's own catalogue, quoted by it.
            _alter(database, session, f"ALTER TABLE {table} REPLICA IDENTITY {identity}".encode())


def _alter(database: Database, session: Session, text: bytes) -> None:
    """Change a table that others use; whoever wants it meanwhile waits no longer than a second."""

    def is_done() -> bool:
        try:
            with session.transaction():
                session.execute("SET LOCAL lock_timeout = '1s'")
                session.execute(text)
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    with telling(database, "restoring replica identities"):
        if not wait_until(is_done, deadline_seconds=LOCK_SECONDS, pace_seconds=1):
            raise TransferError(
                f"{database.name}: {text.decode()} waits for a lock for more than {LOCK_SECONDS:.0f} s",
                next_step="end the transaction that holds it (pg_locks), then the same command once more",
            )


def _drop_schema(database: Database, session: Session) -> None:
    with telling(database, f"removing schema {SCHEMA}"), session.transaction():
        kept = "SELECT pg_catalog.obj_description(pg_catalog.to_regnamespace(%s), 'pg_namespace')"
        if str(value(session, kept, SCHEMA) or "").startswith("{"):
            # A fence whose undoing lies in there, of who is no superuser: it does not outlast that.
            session.execute(query("freeze_lift"))
        session.execute("SET LOCAL client_min_messages = warning")
        session.execute(statement("DROP SCHEMA IF EXISTS {} CASCADE", SCHEMA))
