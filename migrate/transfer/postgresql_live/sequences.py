"""
Sequences: replication carries none of them, so each is set to where its twin stands.

Promise: exactly as on the source, also one that was never drawn from (the next number is its start, not
the one after it); only those that differ are touched, in one statement.

Source: vitess 13685, 15295, 19225: sequences forgotten, wrong on empty tables, or set by hand; 17871: slow
inside the freeze.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from psycopg import sql

from migrate.databases import Session, query
from migrate.errors import TransferError
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live.names import SCHEMA
from migrate.transfer.postgresql_live.sessions import telling

Name = tuple[str, str]
_Item = TypeVar("_Item")
_AT_ONCE = 500
"""Sequences a statement; each takes a lock until it ends."""


def bring_sequences(task: Task, source: Session, target: Session) -> int:
    """
    Set the target's sequences as the source's; return how many the source has.

    Raises:
        TransferError: One side has a sequence that the other has not.
    """
    with telling(task.source, "reading sequences"):
        there = positions(source)
    with telling(task.target, "reading sequences"):
        here = positions(target)
    if alone := sorted(there.keys() ^ here.keys()):
        faults = "; ".join(
            f"{schema}.{name} is only in {(task.source if (schema, name) in there else task.target).name}"
            for schema, name in alone
        )
        raise TransferError(
            f"sequences cannot be set: {faults}", next_step="make both sides' definitions alike, then fab run"
        )
    changed = [(name, place) for name, place in there.items() if here[name] != place]
    with telling(task.target, "setting sequences"):
        for part in _parts(changed):
            target.execute(
                sql.SQL("SELECT ") + sql.SQL(", ").join(_setting(name, place) for name, place in part)
            )
    return len(there)


def positions(session: Session) -> dict[Name, tuple[int, bool]]:
    """Return every sequence's last value, and whether it was drawn."""
    names: list[Name] = [
        (schema, name) for schema, name in session.execute(query("compare_sequences")) if schema != SCHEMA
    ]
    found: dict[Name, tuple[int, bool]] = {}
    for part in _parts(names):
        one = sql.SQL("SELECT {}, {}, last_value, is_called FROM {}")
        rows = sql.SQL(" UNION ALL ").join(
            one.format(sql.Literal(name[0]), sql.Literal(name[1]), sql.Identifier(*name)) for name in part
        )
        found |= {(row[0], row[1]): (row[2], row[3]) for row in session.execute(rows)}
    return found


def _setting(name: Name, place: tuple[int, bool]) -> sql.Composed:
    quoted = sql.Identifier(*name).as_string(None)
    return sql.SQL("pg_catalog.setval({}::pg_catalog.regclass, {}, {})").format(
        sql.Literal(quoted), sql.Literal(place[0]), sql.Literal(place[1])
    )


def _parts(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
