"""
Narrowing a difference down: which rows of a table differ.

Promise: memory stays bounded, since both sides are read in key order and merged, however large the table.
"""

import itertools
from collections.abc import Iterator

from psycopg import sql

from migrate.compare.digests import Hasher
from migrate.compare.relations import Key, Relation
from migrate.compare.values import differing_values, rows_by_digest, rows_by_key
from migrate.compare.verdict import RowDifference
from migrate.databases import Session

SHOWN = 20
"""Rows named for a table; its counts tell how many there may be."""
_BATCH_ROWS = 5000

Keyed = tuple[bytes, Key, str]
"""What a row is sorted by, its key (or, without one, its digest), and its digest."""


def differing_rows(
    source: Session, target: Session, relation: Relation, hasher: Hasher, shown: int = SHOWN
) -> tuple[RowDifference, ...]:
    """Return the first rows that differ, with their values, in the order of their keys as text."""
    found = differing_keys(source, target, relation, hasher, shown)
    return with_values(source, target, relation, hasher, found)


def differing_keys(
    source: Session, target: Session, relation: Relation, hasher: Hasher, most: int
) -> dict[Key, str]:
    """Return the keys of the first rows that differ, and how: ``missing``, ``extra`` or ``changed``."""
    found = _merge(_rows(source, relation, hasher), _rows(target, relation, hasher))
    return dict(itertools.islice(found, most))


def with_values(
    source: Session, target: Session, relation: Relation, hasher: Hasher, found: dict[Key, str]
) -> tuple[RowDifference, ...]:
    """Return the same with what differs in them, as both sides have it now."""
    if not found:
        return ()
    if relation.key:
        left, right = (rows_by_key(session, relation, list(found)) for session in (source, target))
    else:
        digests = [key[0] for key in found]
        left, right = (
            rows_by_digest(session, relation, hasher.md5(relation), digests) for session in (source, target)
        )
    return tuple(
        RowDifference.model_validate(
            {
                "key": f"({','.join(key)})" if relation.key else key[0],
                "kind": kind,
                # Without a key, a row that stands once more on one side stands on both.
                "values": differing_values(
                    left.get(key) if kind != "extra" else None, right.get(key) if kind != "missing" else None
                ),
            }
        )
        for key, kind in found.items()
    )


def _rows(session: Session, relation: Relation, hasher: Hasher) -> Iterator[Keyed]:
    """Yield every row in the order of its key's bytes in UTF-8, which any two servers share."""
    digest = hasher.md5(relation)
    key = relation.keys if relation.key else sql.SQL("ARRAY[{}]").format(digest)
    statement = sql.SQL(
        "SELECT convert_to(k::text, 'UTF8') AS o, k, d FROM (SELECT {} AS k, {} AS d FROM {}) AS keyed"
        " ORDER BY o, d"
    )
    # A cursor lives in a transaction; where the caller has none, it is held over.
    with session.cursor(name="bascule_narrow", withhold=True) as cursor:
        cursor.itersize = _BATCH_ROWS
        cursor.execute(statement.format(key, digest, relation.own_rows))
        for order, found, shown in cursor:
            yield order, tuple(found), shown


def _merge(source: Iterator[Keyed], target: Iterator[Keyed]) -> Iterator[tuple[Key, str]]:
    left, right = next(source, None), next(target, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None  # noqa: S101 - one of the two is left, and it is this one
            yield left[1], "missing"
            left = next(source, None)
        elif left is None or right[0] < left[0]:
            yield right[1], "extra"
            right = next(target, None)
        else:
            if left[2] != right[2]:
                yield left[1], "changed"
            left, right = next(source, None), next(target, None)
