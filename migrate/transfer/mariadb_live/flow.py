"""
How changes flow from a task's source to its target, and waiting until they have caught up.

Promise: `look` changes nothing. A flow whose filter went with a restart of the target is paused by
`catch_up`, given its filter again, and goes on where it stood.
"""

import secrets
import time
from pathlib import PurePosixPath
from typing import Literal

from migrate import throttle
from migrate.errors import MigrationError, TransferError
from migrate.log_disk import log_disk
from migrate.mariadb.columns import tables
from migrate.mariadb.definitions import compared
from migrate.mariadb.replication import (
    Seen,
    flow_name,
    has_applied,
    log_ahead,
    put_marker,
    resume,
    seen,
    stop,
    take_marker,
)
from migrate.mariadb.session import MariaSession, mariadb_of, query
from migrate.step import Progress
from migrate.transfer.contract import Flow, Task
from migrate.transfer.mariadb_live.base import job, require_same

_PACE_SECONDS = 0.5


def look(task: Task) -> Flow:
    """Return how the flow stands; the source may be out of reach, then its part is unknown."""
    with mariadb_of(task.target).opened() as there:
        now = seen(there, flow_name(task.tenant, task.name))
    if now is None:
        copying = job(task).look(measure=throttle.WHY_SLOWED)
        if copying.state != "running":
            return Flow(state="absent")
        return Flow(state="copying", says=copying.measured.strip())
    lag_bytes: int | None = None
    retained: int | None = None
    oldest: float | None = None
    room: int | None = None
    try:
        with mariadb_of(task.source).opened() as here:
            lag_bytes, retained = log_ahead(here, now)
            oldest = oldest_write_seconds(here)
            log = str(here.value("SELECT @@log_bin_basename"))
        disk = log_disk(task.source.through, str(PurePosixPath(log).parent))
        room = disk.free_bytes if disk else None
    except MigrationError:
        pass  # it does not answer: what the target says of the flow is told all the same
    return Flow(
        state=_state(now),
        lag_bytes=lag_bytes,
        lag_seconds=now.lag_seconds,
        retained_bytes=retained,
        room_bytes=room,
        oldest_write_seconds=oldest,
        says=_says(now),
    )


def oldest_write_seconds(session: MariaSession) -> float | None:
    """Age of the oldest transaction that has written; None without one."""
    ages = [float(row["seconds"]) for row in session.run(query("open_writes")) if row["has_written"]]
    return max(ages, default=None)


def catch_up(task: Task, progress: Progress, *, within_seconds: float, timeout_seconds: float) -> Flow:
    """
    Wait until a change gets through within `within_seconds`, and no open transaction is older than that.

    Raises:
        TransferError: Not within `timeout_seconds`, the flow broke, or the schemas differ.
    """
    source, target = mariadb_of(task.source), mariadb_of(task.target)
    flow, deadline = flow_name(task.tenant, task.name), time.monotonic() + timeout_seconds
    progress.start(f"{task.name}: catching up", None, "bytes")
    with source.opened() as here, target.opened() as there:
        _heal(here, there, flow, target.endpoint.dbname)
        while True:
            now = require_flow(there, flow, task)
            behind, _ = log_ahead(here, now)
            progress.advance_to(float(behind or 0))
            oldest = oldest_write_seconds(here)
            if (oldest is None or oldest <= within_seconds) and _gets_through(here, there, within_seconds):
                break
            if time.monotonic() > deadline:
                raise TransferError(
                    f"{target.name} has not caught up within {timeout_seconds:.0f} s: it is {behind or 0}"
                    " bytes of log behind; the oldest open transaction on the source is"
                    f" {oldest or 0:.0f} s old",
                    state="Users are on the source; the flow goes on.",
                    next_step="wait for a quieter hour, or end that transaction, then fab run",
                )
            time.sleep(_PACE_SECONDS)
        require_same(compared(here), compared(there), "on one side only")
    return look(task)


def pause(task: Task, why: str) -> None:
    """
    Have the copy, or the flow, wait where it stands.

    Raises:
        TransferError: Nothing moves that could wait.
    """
    flow = flow_name(task.tenant, task.name)
    copying = job(task)
    seen_copying = copying.look(measure=throttle.YIELDS)
    is_copying = seen_copying.state == "running" and bool(seen_copying.measured.strip())
    if is_copying:
        throttle.pause(copying, " ".join(why.split()) or "by hand")
    with mariadb_of(task.target).opened() as there:
        # The copy may have come to its end just now.
        if seen(there, flow) is not None:
            stop(there, flow)
        elif not is_copying:
            raise TransferError(
                f"{task.name}: nothing that could wait moves to {task.target.name}",
                state="The source works as ever.",
                next_step="fab status",
            )


def go_on(task: Task) -> None:
    """Have it go on; nothing is done where nobody had it wait."""
    throttle.resume(job(task))
    flow = flow_name(task.tenant, task.name)
    with mariadb_of(task.target).opened() as there:
        now = seen(there, flow)
        if now is None or not now.is_paused:
            return
        with mariadb_of(task.source).opened() as here:
            resume(there, flow, task.target.endpoint.dbname, left_out(here))


def require_flow(there: MariaSession, flow: str, task: Task) -> Seen:
    """
    Return how a flow stands that ought to be at work.

    Raises:
        TransferError: It is absent, paused or broken.
    """
    now = seen(there, flow)
    if now is not None and now.is_applying:
        return now
    says = "there is none" if now is None else _says(now) or "it is paused"
    raise TransferError(
        f"{task.name}: changes do not flow to {task.target.name}: {says}",
        state="Users are on the source.",
        next_step="mend the cause, then fab run; fab abandon gives the copy up",
    )


def left_out(session: MariaSession) -> list[str]:
    """Tables that the flow leaves out: they know no transactions, so no copy of them is of one moment."""
    return [table.name for table in tables(session).values() if not table.is_transactional]


def _heal(here: MariaSession, there: MariaSession, flow: str, dbname: str) -> None:
    now = seen(there, flow)
    if now is not None and not now.has_filter:
        resume(there, flow, dbname, left_out(here))


def _gets_through(here: MariaSession, there: MariaSession, within_seconds: float) -> bool:
    tag = f"catch-up {secrets.token_hex(4)}"
    position = put_marker(here, tag)
    try:
        return has_applied(there, position, timeout_seconds=within_seconds)
    finally:
        take_marker(here, tag)


def _state(now: Seen) -> Literal["broken", "paused", "flowing"]:
    if now.error or not now.has_filter:
        return "broken"
    return "paused" if now.is_paused else "flowing"


def _says(now: Seen) -> str:
    if now.error:
        return now.error
    if not now.has_filter:
        return "the target's server was restarted, and the flow's filter went with it; fab run puts it back"
    return (
        "" if now.is_connected or now.is_paused else "the source does not answer; it is asked again and again"
    )
