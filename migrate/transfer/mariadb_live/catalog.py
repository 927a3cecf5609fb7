"""
One side's objects: made as the other side has them, removed, its events put to sleep and woken.

Promise: nothing of it is written to the binary log, so the other side does not do it as well. An event
is awake on one side only; its definer and what it was made under stay as they are.
"""

from collections.abc import Iterable

from migrate.errors import TransferError
from migrate.mariadb.definitions import ASLEEP, Made, definitions
from migrate.mariadb.replication import unlogged
from migrate.mariadb.session import PINNED, MariaSession, ServerRefused, literal, name

DATA = ("sequence", "table")
_PASSES = 5
"""Views may be made of views, in any order of names."""


def make(session: MariaSession, objects: Iterable[Made], owner: str) -> None:
    """
    Make objects.

    Args:
        owner: Definer of those that have one; empty keeps each its own.

    Raises:
        TransferError: One cannot be made; names it, and what the server said.
    """
    waiting = list(objects)
    with unlogged(session):
        session.run("SET SESSION foreign_key_checks = 0")
        for turn in range(_PASSES):
            waiting = [
                made for made in waiting if not _made(session, made, owner, is_last=turn == _PASSES - 1)
            ]
        session.run("SET SESSION foreign_key_checks = 1, character_set_client = utf8mb4")
        session.run("SET NAMES utf8mb4")
        session.run(PINNED)


def _made(session: MariaSession, made: Made, owner: str, *, is_last: bool) -> bool:
    user, _, host = made.definer.rpartition("@")
    definer = f"{literal(owner)}@'%'" if owner else f"{literal(user)}@{literal(host)}"
    try:
        for statement in made.statements(definer):
            session.run(statement)
    except ServerRefused as error:
        if not is_last:
            return False
        raise TransferError(
            f"{made.kind} {made.name} cannot be made: {error.what}",
            state="The target is closed to users; the source was only read.",
            next_step="correct it on the source, then fab run",
        ) from None
    return True


def clear(session: MariaSession) -> None:
    """Drop everything in the session's database; the database itself and the rights in it stay."""
    with unlogged(session):
        session.run("SET SESSION foreign_key_checks = 0")
        # Triggers go with their tables.
        for kind, called in reversed(list(definitions(session))):
            if kind != "trigger":
                session.run(f"DROP {kind.upper()} IF EXISTS {name(called)}")
        session.run("SET SESSION foreign_key_checks = 1")


def put_events_to_sleep(session: MariaSession) -> None:
    """Disable every enabled event, in the way that tells them from those that a person disabled."""
    _alter_events(session, "ENABLE", ASLEEP)


def wake_events(session: MariaSession) -> None:
    """Enable what was put to sleep."""
    _alter_events(session, ASLEEP, "ENABLE")


def _alter_events(session: MariaSession, before: str, after: str) -> None:
    found = [made for made in definitions(session, "event").values() if made.state == before]
    if not found:
        return
    with unlogged(session):
        for made in found:
            user, _, host = made.definer.rpartition("@")
            # ALTER EVENT takes definer and mode of whoever calls it, unless told.
            session.run(f"SET SESSION sql_mode = {literal(made.sql_mode)}")
            session.run(f"ALTER DEFINER = {literal(user)}@{literal(host)} EVENT {name(made.name)} {after}")
        session.run(PINNED)
