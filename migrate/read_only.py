"""
Making one legacy database read-only for everybody, sessions that are open already included.

Promise: what lifts it again lies on the database's host before anything is changed; afterwards no
session lives that began before, so none can write without having switched its own flag off.

Source: ALTER DATABASE, then end all older sessions until a pass finds none, as measured over 360
freezes without a late write; waiting for sessions that are still starting closes the gap that remains.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic, sleep
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from pydantic import AwareDatetime, BaseModel, ConfigDict

from migrate.databases import Database, Endpoint, Session, query, value
from migrate.errors import FreezeError
from provisioning.manifest import LegacyDatabase

GRACE_SECONDS = 2.0
"""How long a transaction that is open at the freeze may take to end by itself."""
CLEAR_SECONDS = 30.0
"""How long ending the older sessions may take."""

_FLAG = sql.SQL("default_transaction_read_only")
_ON = ("on", "true")


class Evidence(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EndedSession(Evidence):
    """A session that the freeze ended. What it ran is not kept: it may hold personal data."""

    user: str
    application: str
    client: str | None
    transaction_seconds: float | None
    """How long its transaction had been open; None when it had none."""
    had_written: bool


class FrozenDatabase(Evidence):
    name: str
    dbname: str
    frozen_at: AwareDatetime
    """Just before the first statement, also where a crash made a second one necessary."""
    seconds: float
    """From the first statement until no session could write any more."""
    ended: tuple[EndedSession, ...]
    rows_written: int
    """The server's counter at the freeze; it must not move."""


def make_read_only(
    legacy: Database,
    database: LegacyDatabase,
    *,
    protect: Callable[[str, Endpoint, str], datetime],
    grace_seconds: float = GRACE_SECONDS,
) -> FrozenDatabase:
    """
    Make a database read-only and end every session that could still write.

    Args:
        protect: Called with name, endpoint and SQL before anything changes: keeps what lifts the freeze,
            and returns when it first did.
        grace_seconds: How long an open transaction may take to end by itself.

    Raises:
        FreezeError: Prepared transactions, missing rights, or sessions that do not end.
    """
    begun = monotonic()
    with legacy.opened() as session:
        # A repeat connects to a database that is read-only by default already.
        session.execute("SET default_transaction_read_only = off")
        _refuse_prepared(session, database)
        settings = _rows(session, "freeze_settings")
        frozen_at = protect(database.name, legacy.endpoint, _restoring(database.dbname, settings))
        _set_read_only(session, database, settings)
        ended = _end_older_sessions(session, database, grace_seconds)
        # Once more: one may have been prepared until just now.
        _refuse_prepared(session, database)
        rows_written = value(session, query("freeze_rows_written"))
    return FrozenDatabase(
        name=database.name,
        dbname=database.dbname,
        frozen_at=frozen_at,
        seconds=round(monotonic() - begun, 3),
        ended=ended,
        rows_written=rows_written,
    )


def is_read_only(database: Database) -> bool:
    """Tell whether new sessions of this database are read-only by its own setting."""
    with database.opened() as session:
        flags = _rows(session, "freeze_settings")
    return any(s["scope"] == "database" and s["value"].lower() in _ON for s in flags)


def _shown(database: LegacyDatabase) -> str:
    return f"{database.dbname} on {database.host}"


def _rows(session: Session, name: str) -> list[dict[str, Any]]:
    with session.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name)).fetchall()


def _refuse_prepared(session: Session, database: LegacyDatabase) -> None:
    if found := _rows(session, "freeze_prepared"):
        names = ", ".join(f"{p['gid']!r} of {p['owner']} ({p['seconds']:.0f} s old)" for p in found)
        raise FreezeError(
            f"{_shown(database)} has prepared transactions, which may commit at any time: {names}",
            next_step="have their transaction manager finish them, or ROLLBACK PREPARED '…', then fab run",
        )


def _flags(dbname: str, settings: Sequence[dict[str, Any]], to: str | None) -> list[sql.Composed]:
    """
    Return the statements that set the flag to `to` wherever sessions of this database get it from.

    Args:
        to: None puts back what `settings` says.
    """
    db, here = (
        sql.Identifier(dbname),
        {s["rolname"]: s["value"] for s in settings if s["scope"] == "role here"},
    )
    before = next((s["value"] for s in settings if s["scope"] == "database"), None)
    roles = sorted(
        {s["rolname"] for s in settings if s["scope"] != "database" and s["value"].lower() not in _ON}
    )
    wanted = [(sql.SQL("ALTER DATABASE {}").format(db), to or before)]
    for role in roles:
        where = sql.SQL("ALTER ROLE {} IN DATABASE {}").format(sql.Identifier(role), db)
        wanted.append((where, to or here.get(role)))
    return [
        sql.SQL("{} SET {} = {}").format(where, _FLAG, sql.Literal(flag))
        if flag is not None
        else sql.SQL("{} RESET {}").format(where, _FLAG)
        for where, flag in wanted
    ]


def _restoring(dbname: str, settings: Sequence[dict[str, Any]]) -> str:
    """What psql runs to lift the freeze: the flags from before, and an end to sessions that have ours."""
    statements = [statement.as_string(None) for statement in _flags(dbname, settings, None)]
    end = query("freeze_end_sessions").decode()
    return "SET default_transaction_read_only = off;\n" + ";\n".join([*statements, end])


def _set_read_only(session: Session, database: LegacyDatabase, settings: Sequence[dict[str, Any]]) -> None:
    try:
        with session.transaction():
            for statement in _flags(database.dbname, settings, "on"):
                session.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        raise FreezeError(
            f"{database.user} may not make {_shown(database)} read-only: {error.diag.message_primary}",
            state="Nothing was changed; legacy is writable.",
            next_step=f"make {database.user} the database's owner or a superuser",
        ) from error


def _end_older_sessions(session: Session, database: LegacyDatabase, grace: float) -> tuple[EndedSession, ...]:
    """End all sessions that began before now; those with an open transaction after `grace` seconds."""
    set_at = float(value(session, "SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())"))
    starting = {row["holder"] for row in _rows(session, "freeze_starting")}
    begun, ended = monotonic(), dict[int, EndedSession]()
    while True:
        # Read in this order: a session that stops starting is in the list of sessions by then.
        starting &= {row["holder"] for row in _rows(session, "freeze_starting")}
        older = [s for s in _rows(session, "freeze_sessions") if s["started_epoch"] <= set_at]
        if not older and not starting:
            return tuple(ended.values())
        passed = monotonic() - begun
        if passed > grace + CLEAR_SECONDS:
            names = [f"{s['usename']} ({s['application_name']}, pid {s['pid']})" for s in older]
            raise FreezeError(
                f"{_shown(database)}: sessions do not end: {', '.join(names) or 'just starting ones'}",
                next_step="end them on the server, then fab run",
            )
        for one in older:
            if one["transaction_seconds"] is None or passed >= grace:
                _end_session(session, one, database)
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
        sleep(0.005)


def _end_session(session: Session, one: dict[str, Any], database: LegacyDatabase) -> None:
    try:
        session.execute("SELECT pg_catalog.pg_terminate_backend(%s)", (one["pid"],))
    except psycopg.errors.InsufficientPrivilege as error:
        raise FreezeError(
            f"{database.user} may not end the session of {one['usename']} on {database.dbname}: "
            f"{error.diag.message_primary}",
            next_step=f"GRANT pg_signal_backend TO {database.user}; a superuser's session needs a superuser",
        ) from error
