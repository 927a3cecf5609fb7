"""
Narrowing a difference down: which rows of a table differ.

Promise: memory stays bounded, since both sides are read in key order and merged; what is kept of a
row is its key (or, without a key, its digest), never its content.
"""

import itertools
from collections.abc import Iterator

from psycopg import sql

from migrate.compare.digests import Relation
from migrate.compare.verdict import RowDifference
from migrate.databases import Session

SHOWN = 20
"""Rows named for a table; its counts tell how many there may be."""
_BATCH_ROWS = 5000

Keyed = tuple[str, str]
"""A row's key as text, and its digest."""


def differing_rows(
    source: Session, target: Session, relation: Relation, shown: int = SHOWN
) -> tuple[RowDifference, ...]:
    """Return the first rows that differ, in the order of their keys as text."""
    found = _merge(_rows(source, relation), _rows(target, relation))
    return tuple(itertools.islice(found, shown))


def _rows(session: Session, relation: Relation) -> Iterator[Keyed]:
    """Yield key and digest of every row in key order; the order of bytes, which both servers share."""
    key = (
        sql.SQL("ROW({})::text").format(sql.SQL(", ").join(map(sql.Identifier, relation.key)))
        if relation.key
        else sql.SQL("md5({})").format(relation.row)
    )
    statement = sql.SQL(
        'SELECT k, d FROM (SELECT {key} AS k, md5({row}) AS d FROM {rows}) AS keyed ORDER BY k COLLATE "C", d'
    )
    with session.cursor(name="bascule_narrow") as cursor:
        cursor.itersize = _BATCH_ROWS
        cursor.execute(statement.format(key=key, row=relation.row, rows=relation.own_rows))
        yield from cursor


def _merge(source: Iterator[Keyed], target: Iterator[Keyed]) -> Iterator[RowDifference]:
    left, right = next(source, None), next(target, None)
    while left is not None or right is not None:
        if right is None or (left is not None and _before(left, right)):
            assert left is not None  # noqa: S101 - one of the two is left, and it is this one
            yield RowDifference(key=left[0], kind="missing")
            left = next(source, None)
        elif left is None or _before(right, left):
            yield RowDifference(key=right[0], kind="extra")
            right = next(target, None)
        else:
            if left[1] != right[1]:
                yield RowDifference(key=left[0], kind="changed")
            left, right = next(source, None), next(target, None)


def _before(one: Keyed, other: Keyed) -> bool:
    return one[0].encode() < other[0].encode()
