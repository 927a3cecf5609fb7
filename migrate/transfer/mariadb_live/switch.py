"""
The switch: drain, settle, turn the flow round; and what undoes or ends it.

Promise: all of it takes a task either way round, so that going live and rolling back are one thing. A
way back that is not proved by a real write and its removal is not armed. `end` leaves both servers as
they were found, and says what it could not take away.
"""

import secrets
from datetime import UTC, datetime
from time import monotonic

from migrate.errors import TransferError
from migrate.mariadb.columns import Table, tables
from migrate.mariadb.definitions import definitions
from migrate.mariadb.replication import (
    arm,
    ca_file,
    flow_name,
    has_applied,
    has_marker,
    prepare,
    put_marker,
    remove,
    resume,
    seen,
    stop,
    take_marker,
    traces,
    unlogged,
)
from migrate.mariadb.session import MariaDatabase, MariaSession, mariadb_of, name
from migrate.mariadb.stream import run
from migrate.transfer.contract import Drained, Settled, Task, Turned
from migrate.transfer.mariadb_live import base, catalog
from migrate.transfer.mariadb_live.flow import left_out, require_flow

_ANEW_SECONDS = 3600.0
"""The hard limit of a frozen section is far below it, and ends it otherwise."""
_FROZEN = "Nobody writes on the source; the target is closed."


def make_ready(task: Task) -> None:
    """Make on the source what the flow back needs there and nobody has to be stopped for."""
    with mariadb_of(task.source).opened() as here:
        prepare(here)
        ca_file(here, mariadb_of(task.target).endpoint.ca)


def drain(task: Task, *, timeout_seconds: float) -> Drained:
    """
    Write a marker on the fenced source and wait for it on the target.

    Raises:
        TransferError: It did not come in time; says how far the target is.
    """
    begun, flow = monotonic(), flow_name(task.tenant, task.name)
    tag = f"drain {secrets.token_hex(4)}"
    with mariadb_of(task.source).opened() as here, mariadb_of(task.target).opened() as there:
        require_flow(there, flow, task)
        gtid = put_marker(here, tag)
        arrived = has_applied(there, gtid, timeout_seconds=timeout_seconds)
        position = str(there.value("SELECT @@GLOBAL.gtid_slave_pos"))
        if not (arrived and has_marker(there, tag)):
            require_flow(there, flow, task)
            raise TransferError(
                f"{task.target.name} has not applied {gtid} within {timeout_seconds:.0f} s: it is at "
                f"{position}",
                state=_FROZEN,
                next_step="fab run, which waits until it has caught up before it freezes again",
            )
        source_position = str(here.value("SELECT @@GLOBAL.gtid_binlog_pos"))
        take_marker(here, tag)
    return Drained(
        source_position=source_position, target_position=position, seconds=round(monotonic() - begun, 3)
    )


def settle(task: Task) -> Settled:
    """Move sequences and AUTO_INCREMENT on, and copy anew the tables that know no transactions."""
    begun = monotonic()
    source, target = mariadb_of(task.source), mariadb_of(task.target)
    with source.opened() as here, target.opened() as there:
        anew = [table for table in tables(here).values() if not table.is_transactional]
        if anew:
            _copy_anew(task, here, there, anew)
        moved = base.carry_numbers(here, there)
    return Settled(
        sequences=moved,
        large_objects=0,
        refreshed=tuple(sorted(table.name for table in anew)),
        seconds=round(monotonic() - begun, 3),
    )


def turn(task: Task, *, timeout_seconds: float) -> Turned:
    """
    Pause the flow, begin the one back at the target's position, and prove it.

    Raises:
        TransferError: The way back is not proved; everything is as before `turn`.
    """
    begun, flow = monotonic(), flow_name(task.tenant, task.name)
    source, target = mariadb_of(task.source), mariadb_of(task.target)
    try:
        with source.opened() as here, target.opened() as there:
            stop(there, flow)
            prepare(here)
            catalog.put_events_to_sleep(here)
            position = str(there.value("SELECT @@GLOBAL.gtid_binlog_pos"))
            out = left_out(there)
            arm(flow, target, there, source, here, position=position, without_tables=out)
            round_trip = _prove(task, there, here, timeout_seconds)
    except BaseException:
        turn_back(task)
        raise
    return Turned(
        proved_at=datetime.now(UTC),
        round_trip_seconds=round(round_trip, 3),
        seconds=round(monotonic() - begun, 3),
    )


def turn_back(task: Task) -> None:
    """Forget the flow back and let this one go on; done twice, the second time changes nothing."""
    flow = flow_name(task.tenant, task.name)
    source, target = mariadb_of(task.source), mariadb_of(task.target)
    with source.opened() as here, target.opened() as there:
        stop(here, flow, for_good=True)
        _drop_account(there, flow)
        catalog.wake_events(here)
        now = seen(there, flow)
        if now is not None and now.is_paused:
            resume(there, flow, target.endpoint.dbname, left_out(here))


def let_go(task: Task) -> None:
    """
    Remove this flow, whose opposite is in force, and wake the target's events: it is at work now.

    Raises:
        TransferError: The opposite does not flow; this one is kept.
    """
    flow = flow_name(task.tenant, task.name)
    with mariadb_of(task.source).opened() as here, mariadb_of(task.target).opened() as there:
        require_flow(here, flow, task.turned())
        stop(there, flow, for_good=True)
        _drop_account(here, flow)
        catalog.wake_events(there)


def end(task: Task) -> tuple[str, ...]:
    """Remove the flow both ways, accounts, markers and certificates; return what is left of them."""
    flow = flow_name(task.tenant, task.name)
    left = []
    base.job(task).discard()
    sides = (mariadb_of(task.source), mariadb_of(task.target))
    awake = _awake_side(*sides, flow)
    for side in sides:
        with side.opened() as session:
            remove(session, flow)
            if side is awake:
                catalog.wake_events(session)
            left += [f"{side.name}: {trace}" for trace in traces(session, flow)]
    return tuple(left)


def _awake_side(source: MariaDatabase, target: MariaDatabase, flow: str) -> MariaDatabase | None:
    """The side that is no replica: where users are, and where events belong. None without any flow."""
    with source.opened() as here, target.opened() as there:
        if seen(here, flow) is not None:
            return target
        return source if seen(there, flow) is not None else None


def _prove(task: Task, origin: MariaSession, replica: MariaSession, timeout_seconds: float) -> float:
    """Write on the target and see it on the source, take it away and see it go; return the seconds."""
    begun, tag = monotonic(), f"proof {secrets.token_hex(4)}"
    for act, is_there in ((put_marker, True), (take_marker, False)):
        gtid = act(origin, tag)
        left = max(timeout_seconds - (monotonic() - begun), 0.1)
        if not has_applied(replica, gtid, timeout_seconds=left) or has_marker(replica, tag) != is_there:
            now = seen(replica, flow_name(task.tenant, task.name))
            raise TransferError(
                f"the way back to {task.source.name} is not proved: "
                f"{(now.error if now else '') or 'what was written on the target did not come'}",
                state=_FROZEN,
                next_step="mend the cause, then fab run; or sign a waiver of the way back",
            )
    return monotonic() - begun


def _drop_account(session: MariaSession, flow: str) -> None:
    with unlogged(session):
        session.run(f"DROP USER IF EXISTS {flow}@'%'")


def _copy_anew(task: Task, here: MariaSession, there: MariaSession, anew: list[Table]) -> None:
    """Fill tables from the fenced source, without what their triggers would make of the rows."""
    own = definitions(there, "trigger")
    with unlogged(there):
        there.run("SET SESSION foreign_key_checks = 0")
        for _, called in own:
            there.run(f"DROP TRIGGER IF EXISTS {name(called)}")
        for table in anew:
            there.run(f"DELETE FROM {name(table.name)}")  # noqa: S608 - quoted
        there.run("SET SESSION foreign_key_checks = 1")
    lanes = [base.lane(table) for table in anew]
    try:
        run(
            task.target.through,
            f".bascule/anew-{task.name}",
            source=mariadb_of(task.source),
            lanes=lanes,
            sink=base.sink(mariadb_of(task.target), lanes),
            timeout_seconds=_ANEW_SECONDS,
        )
    finally:
        catalog.make(there, own.values(), "")
        # Of an earlier settling that was killed right here.
        of_source = definitions(here, "trigger")
        lost = {key: made for key, made in of_source.items() if key not in own}
        catalog.make(there, lost.values(), task.owner)
