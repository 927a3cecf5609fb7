"""
Ending the sessions of a PostgreSQL database that began before its fence.

Promise: a transaction that is open at the freeze may end by itself for a while; when `clear` returns, no
session lives that began before it was called, not even one that was only just starting. What is older is
told by who was there, never by the server's clock, which somebody may set back. Bascule's own sessions are
left alone (``freeze_sessions.sql`` says which).
"""

from time import monotonic, sleep
from typing import Any

import psycopg
from psycopg.rows import dict_row

from migrate.databases import Database, Session, query
from migrate.errors import FreezeError
from migrate.fence.contract import EndedSession

CLEAR_SECONDS = 30.0
"""How long ending the older sessions may take."""

_PACE_SECONDS = 0.003

Ended = dict[int, EndedSession]
"""By the process id of the server's backend."""


def rows(session: Session, name: str) -> list[dict[str, Any]]:
    """What a query of ``migrate/sql`` gives."""
    with session.cursor(row_factory=dict_row) as cursor:
        # Never prepared: a session that is lent out again and again forgets on the server what was.
        return cursor.execute(query(name), prepare=False).fetchall()


def let_finish(session: Session, database: Database, grace_seconds: float) -> Ended:
    """
    Wait until no transaction is open that began before now; end all others that can begin no new ones.

    Idle sessions are ended at once, and so is one that begins another transaction; a transaction that is
    still open after `grace_seconds` is ended.
    """
    there = rows(session, "freeze_sessions")
    sessions = {_identity(one) for one in there}
    transactions = {_transaction(one) for one in there if one["begun_epoch"] is not None}
    begun, ended = monotonic(), Ended()
    while True:
        passed = monotonic() - begun
        older = [one for one in rows(session, "freeze_sessions") if _identity(one) in sessions]
        kept = [one for one in older if passed < grace_seconds and _transaction(one) in transactions]
        for one in older:
            if one not in kept:
                _end(session, one, database, ended)
        if not kept:
            return ended
        sleep(_PACE_SECONDS)


def clear(session: Session, database: Database) -> Ended:
    """
    End all sessions that began before now, and return when they are gone.

    Raises:
        FreezeError: They do not go, or may not be ended.
    """
    # Read in this order: a session that stops starting is in the list of sessions by then.
    first = rows(session, "freeze_starting")
    starting, started = {row["holder"] for row in first}, {row["pid"] for row in first}
    sessions = {_identity(one) for one in rows(session, "freeze_sessions")}
    begun, ended = monotonic(), Ended()
    while True:
        if starting:
            starting &= {row["holder"] for row in rows(session, "freeze_starting")}
        there = rows(session, "freeze_sessions")
        older = [one for one in there if _identity(one) in sessions or one["pid"] in started]
        if not older and not starting:
            return ended
        if monotonic() - begun > CLEAR_SECONDS:
            names = [f"{s['usename']} ({s['application_name']}, pid {s['pid']})" for s in older]
            raise FreezeError(
                f"{database.name}: sessions do not end: {', '.join(names) or 'just starting ones'}",
                next_step="end them on the server, then fab run",
            )
        for one in older:
            _end(session, one, database, ended)
        sleep(_PACE_SECONDS)


def _identity(one: dict[str, Any]) -> tuple[int, float]:
    """Of a session, also where the server gives a process id out again."""
    return one["pid"], one["started_epoch"]


def _transaction(one: dict[str, Any]) -> tuple[int, float, float | None]:
    return *_identity(one), one["begun_epoch"]


def _end(session: Session, one: dict[str, Any], database: Database, ended: Ended) -> None:
    try:
        session.execute("SELECT pg_catalog.pg_terminate_backend(%s)", (one["pid"],), prepare=False)
    except psycopg.errors.InsufficientPrivilege as error:
        user = database.endpoint.user
        raise FreezeError(
            f"{user} may not end the session of {one['usename']} on {database.endpoint.dbname}: "
            f"{error.diag.message_primary}",
            next_step=f"GRANT pg_signal_backend TO {user}; a superuser's session needs a superuser",
        ) from error
    ended.setdefault(
        one["pid"],
        EndedSession(
            user=one["usename"] or "",
            application=one["application_name"] or "",
            client=one["client"],
            transaction_seconds=one["transaction_seconds"],
            had_written=one["has_written"],
        ),
    )
