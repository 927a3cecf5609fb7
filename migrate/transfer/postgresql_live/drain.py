"""
Draining: the proof that a target has applied all that its fenced source ever committed.

Promise: the marker is written after the fence and applied in commit order, so what comes before it has
arrived when it has; the position is read after that, never before; and the target has flushed it.

Source: vitess 16563, where the end position was read while writes were still on their way; BASELINES, step 5.
"""

import secrets
from collections.abc import Sequence
from time import monotonic

from psycopg import sql

from migrate.databases import Session, value
from migrate.errors import TransferError
from migrate.transfer.contract import Drained, Task
from migrate.transfer.postgresql_live.health import RETRY_SECONDS, health
from migrate.transfer.postgresql_live.sessions import both_at_work, statement, telling
from migrate.transfer.postgresql_live.stream import Stream, streams
from migrate.waiting import wait_until

POLL_SECONDS = 0.002
_HEALTH_SECONDS = 1.0
"""How often a stream that is waited for is asked whether it is well."""


def drain(task: Task, *, timeout_seconds: float) -> Drained:
    """
    Wait until the target has applied everything that is committed on the source, which is fenced.

    Raises:
        TransferError: There is no flow, it is broken, or it is late; says by how many bytes.
    """
    begun = monotonic()
    with both_at_work(task) as ((source,), (target,)):
        flows = flowing(task, source, target)
        token = mark(flows, source)
        arrived(flows, source, target, token, timeout_seconds=timeout_seconds)
        with telling(task.source, "reading the position"):
            source_position = str(value(source, "SELECT pg_catalog.pg_current_wal_lsn()"))
        target_position = flush(task, target)
    return Drained(
        source_position=source_position,
        target_position=target_position,
        seconds=round(monotonic() - begun, 4),
    )


def flowing(task: Task, source: Session, target: Session) -> tuple[Stream, ...]:
    """
    Return the streams of a task.

    Raises:
        TransferError: There is none.
    """
    if found := streams(task, source, target):
        return found
    raise TransferError(
        f"nothing flows from {task.source.name} to {task.target.name}",
        next_step="fab run: it copies the database first",
    )


def mark(flows: Sequence[Stream], publisher: Session) -> str:
    """Write one token into the marker of each stream, in one transaction; older tokens go."""
    token = secrets.token_hex(16)
    one = sql.SQL("DELETE FROM {marker}; INSERT INTO {marker} (token) VALUES ({token})")
    text = sql.SQL("; ").join(
        one.format(marker=sql.Identifier(*stream.marker), token=sql.Literal(token)) for stream in flows
    )
    with telling(flows[0].publisher, "writing a marker"):
        publisher.execute(text)  # several statements at once are one transaction
    return token


def arrived(
    flows: Sequence[Stream],
    publisher: Session,
    subscriber: Session,
    token: str | None,
    *,
    timeout_seconds: float,
) -> None:
    """
    Wait until each stream's marker holds `token` on the subscriber; None: until it holds nothing.

    Raises:
        TransferError: A stream is broken (with its reason), or late (with its distance).
    """
    rows = sql.SQL(" UNION ALL ").join(statement("SELECT token FROM {}", stream.marker) for stream in flows)
    wanted = [(token,)] * len(flows) if token else []
    ends_at, looks_at = monotonic() + timeout_seconds, monotonic() + _HEALTH_SECONDS

    def is_there() -> bool:
        nonlocal looks_at
        with telling(flows[0].subscriber, "looking for the marker"):
            if subscriber.execute(rows).fetchall() == wanted:
                return True
        if monotonic() >= looks_at:
            _refuse_broken(flows, publisher, subscriber, patience_seconds=max(0.0, ends_at - monotonic()))
            looks_at = monotonic() + _HEALTH_SECONDS
        return False

    if wait_until(is_there, deadline_seconds=ends_at - monotonic(), pace_seconds=POLL_SECONDS):
        return
    _refuse_broken(flows, publisher, subscriber, patience_seconds=0)
    lags = [health(stream, publisher, subscriber, patience_seconds=0).lag_bytes or 0 for stream in flows]
    raise TransferError(
        f"{flows[0].subscriber.name} did not apply everything within {timeout_seconds:g} s: it is "
        f"{max(lags):,} bytes of log behind {flows[0].publisher.name}".replace(",", " "),
        next_step="see what holds it up (a long transaction, a table without a key), then fab run",
    )


def _refuse_broken(
    flows: Sequence[Stream], publisher: Session, subscriber: Session, *, patience_seconds: float
) -> None:
    for stream in flows:
        seen = health(stream, publisher, subscriber, patience_seconds=min(patience_seconds, RETRY_SECONDS))
        if seen.state != "flowing":
            raise TransferError(
                f"{stream.name} does not flow: {seen.says or 'it is ' + seen.state}", next_step="fab status"
            )


def flush(task: Task, target: Session) -> str:
    """
    Make what the target applied survive its crash; return its position.

    Changes are applied with asynchronous commits. As long as the source's slot is there, they would be
    sent again; before it goes, they must be on the disk.
    """
    with telling(task.target, "flushing its log"):
        # A transaction of its own, committed synchronously: all log before its commit is flushed with it.
        target.execute("SELECT pg_catalog.pg_logical_emit_message(true, 'bascule', 'flush')")
        return str(value(target, "SELECT pg_catalog.pg_current_wal_flush_lsn()"))
