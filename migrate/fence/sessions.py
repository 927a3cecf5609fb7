"""
Ending the sessions of a PostgreSQL database that began before its fence.

Promise: a transaction that is open at the freeze may end by itself for a while; when `clear` returns, no
session lives that began before it was called, not even one that was only just starting. Bascule's own
sessions are left alone (``freeze_sessions.sql`` says which).
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
    flagged_at = rows(session, "freeze_clock")[0]["epoch"]
    begun, ended = monotonic(), Ended()
    while True:
        passed = monotonic() - begun
        older = [one for one in rows(session, "freeze_sessions") if one["started_epoch"] <= flagged_at]
        kept = [one for one in older if passed < grace_seconds and _is_open_since(one, flagged_at)]
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
    since = rows(session, "freeze_clock")[0]["epoch"]
    starting = {row["holder"] for row in rows(session, "freeze_starting")}
    begun, ended = monotonic(), Ended()
    while True:
        # Read in this order: a session that stops starting is in the list of sessions by then.
        if starting:
            starting &= {row["holder"] for row in rows(session, "freeze_starting")}
        older = [one for one in rows(session, "freeze_sessions") if one["started_epoch"] <= since]
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


def _is_open_since(one: dict[str, Any], moment: float) -> bool:
    return one["begun_epoch"] is not None and one["begun_epoch"] <= moment


def _sessions(session: Session) -> list[dict[str, Any]]:
    return rows(session, "freeze_sessions")


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
