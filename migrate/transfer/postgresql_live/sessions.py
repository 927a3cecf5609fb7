"""
Sessions for the live transfer: on both sides at once, able to write behind the fence, and discreet.

Promise: what a server says when it refuses is told as a `TransferError`, in the server's first line
alone, never with the statement that it refused.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from migrate.databases import Database, Session, query
from migrate.errors import TransferError
from migrate.transfer.contract import Task

_DISCREET = {
    "log_statement": "none",
    "log_duration": "off",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
    "track_activities": "off",
    # Extensions that keep or log statements; where they are not loaded, the setting means nothing.
    "pg_stat_statements.track": "none",
    "pg_stat_statements.track_utility": "off",
    "pgaudit.log": "none",
}
_AT_WORK = "SET default_transaction_read_only = off; SET synchronous_commit = on; SET lock_timeout = '10s'"
_AS_BEFORE = "".join(f"RESET {name}; " for name in _DISCREET if "." not in name)


@contextmanager
def at_work(database: Database, count: int = 1) -> Iterator[list[Session]]:
    """Open sessions that may write where everybody else is fenced off; what is committed there is flushed."""
    with database.opened_many(count) as sessions:
        for session in sessions:
            # A kept session's prepared statements may be gone from the server when it is lent again.
            session.prepare_threshold = None
            session.execute(_AT_WORK)
        with _telling_broken({database.name: sessions}):
            yield sessions


@contextmanager
def both_at_work(task: Task, count: int = 1) -> Iterator[tuple[list[Session], list[Session]]]:
    """Open `count` sessions on either side, source first; the two sides are opened at the same time."""
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        sides = [stack.enter_context(_Opening(pool, side, count)) for side in (task.source, task.target)]
        source, target = (side.wait() for side in sides)
        with _telling_broken({task.source.name: source, task.target.name: target}):
            yield source, target


@contextmanager
def _telling_broken(sides: dict[str, list[Session]]) -> Iterator[None]:
    """Raise what nobody told more closely, such as a server that went away, as a `TransferError`."""
    try:
        yield
    except psycopg.Error as error:
        broken = [name for name, sessions in sides.items() if any(session.closed for session in sessions)]
        raise TransferError(
            f"{' and '.join(broken or sides)}: {_said(error)}", next_step="fab run: each part may be repeated"
        ) from None


def _said(error: psycopg.Error) -> str:
    """What the server said, in one line."""
    return error.diag.message_primary or str(error).strip().splitlines()[0]


class _Opening:
    """One side that is being opened in a thread; its end closes it, opened or not."""

    def __init__(self, pool: ThreadPoolExecutor, database: Database, count: int) -> None:
        self._context = at_work(database, count)
        self._future = pool.submit(self._context.__enter__)

    def wait(self) -> list[Session]:
        return self._future.result()

    def __enter__(self) -> "_Opening":
        return self

    def __exit__(self, *raised: object) -> None:
        if self._future.exception() is None:
            self._context.__exit__(None, None, None)


@contextmanager
def discreetly(session: Session) -> Iterator[None]:
    """
    Keep statements from the server's log, its statistics and its list of activities for a moment.

    Only a superuser may: what anybody else runs must not hold a secret.
    """
    if session.execute("SELECT current_setting('is_superuser')").fetchone() != ("on",):
        yield
        return
    names = sql.SQL(", ").join(
        sql.SQL("pg_catalog.set_config({}, {}, false)").format(name, value)
        for name, value in _DISCREET.items()
    )
    session.execute(sql.SQL("SELECT ") + names)
    try:
        yield
    finally:
        with suppress(psycopg.Error):
            session.execute(_AS_BEFORE)


@contextmanager
def telling(database: Database, doing: str, *, state: str = "", next_step: str = "") -> Iterator[None]:
    """
    Raise what the server refuses as a `TransferError`, without the statement.

    Args:
        doing: What was being done there, such as ``making slot x``.
    """
    try:
        yield
    except psycopg.Error as error:
        # Neither the cause nor its text goes along: a refused statement may hold a connection string.
        raise TransferError(
            f"{database.name}: {doing}: {_said(error)}",
            state=state,
            next_step=next_step or "mend the cause, then fab run",
        ) from None


def asked(session: Session, name: str, **settings: str) -> list[dict[str, Any]]:
    """
    Return the rows of ``migrate/sql/<name>.sql``.

    Args:
        settings: What the query reads as ``bascule.<setting>``.
    """
    for setting, given in settings.items():
        session.execute("SELECT pg_catalog.set_config(%s, %s, false)", (f"bascule.{setting}", given))
    with session.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name)).fetchall()


def statement(text: str, *names: str | Sequence[str]) -> sql.Composed:
    """Put identifiers, quoted, in the places that ``{}`` marks; a sequence is a qualified one."""
    parts = [sql.Identifier(name) if isinstance(name, str) else sql.Identifier(*name) for name in names]
    return sql.SQL(text).format(*parts)
