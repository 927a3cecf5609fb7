"""
Comparing some rows of a table: those of a range of its key, or those of given keys.

Promise: both sides are asked at once; first for one digest of all these rows, and only where that differs
for the digest of each.
"""

from collections.abc import Sequence

from psycopg import sql

from migrate.compare.digests import Digest, Hasher, digest
from migrate.compare.ledger import Chunk
from migrate.compare.pairs import Pair
from migrate.compare.relations import Key, Relation
from migrate.databases import Session

Differing = dict[Key, str]
"""How rows differ, by key: ``missing``, ``extra`` or ``changed``."""


def digests_of_range(
    pair: Pair, source: Relation, target: Relation, hasher: Hasher, chunk: Chunk
) -> list[Digest]:
    """Return the digest of a range on either side."""
    return list(
        pair.both(
            lambda session: digest(session, hasher.statement(source, where=_within(source, chunk))),
            lambda session: digest(session, hasher.statement(target, where=_within(target, chunk))),
        )
    )


def differing_in_range(
    pair: Pair, source: Relation, target: Relation, hasher: Hasher, chunk: Chunk
) -> Differing:
    """Return the rows of a range that differ."""
    left, right = pair.both(
        lambda session: _each(session, source, hasher, source.own_rows, _within(source, chunk)),
        lambda session: _each(session, target, hasher, target.own_rows, _within(target, chunk)),
    )
    return _differing(left, right)


def digests_of_keys(
    pair: Pair, source: Relation, target: Relation, hasher: Hasher, keys: Sequence[Key]
) -> tuple[Digest, Digest]:
    """Return the digest of the rows that have these keys, on either side."""
    return pair.both(
        lambda session: digest(session, hasher.statement(source, rows=source.rows_of(keys))),
        lambda session: digest(session, hasher.statement(target, rows=target.rows_of(keys))),
    )


def differing_of_keys(
    pair: Pair, source: Relation, target: Relation, hasher: Hasher, keys: Sequence[Key]
) -> Differing:
    """Return those of these rows that differ."""
    left, right = pair.both(
        lambda session: _each(session, source, hasher, source.rows_of(keys), sql.SQL("true")),
        lambda session: _each(session, target, hasher, target.rows_of(keys), sql.SQL("true")),
    )
    return _differing(left, right)


def digests_of_whole(pair: Pair, source: Relation, target: Relation, hasher: Hasher) -> tuple[Digest, Digest]:
    """Return the digest of a whole table on either side."""
    return pair.both(
        lambda session: digest(session, hasher.statement(source)),
        lambda session: digest(session, hasher.statement(target)),
    )


def _within(relation: Relation, chunk: Chunk) -> sql.Composable:
    lower = [relation.is_beyond(">", chunk.lower)] if chunk.lower is not None else []
    upper = [relation.is_beyond("<=", chunk.upper)] if chunk.upper is not None else []
    return sql.SQL(" AND ").join([*lower, *upper]) if lower or upper else sql.SQL("true")


def _each(
    session: Session, relation: Relation, hasher: Hasher, rows: sql.Composable, where: sql.Composable
) -> dict[Key, str]:
    statement = sql.SQL("SELECT {}, {} FROM {} WHERE {}").format(
        relation.keys, hasher.md5(relation), rows, where
    )
    return {tuple(key): found for key, found in session.execute(statement).fetchall()}


def _differing(source: dict[Key, str], target: dict[Key, str]) -> Differing:
    found: Differing = {}
    for key in sorted(source.keys() | target.keys()):
        if key not in target:
            found[key] = "missing"
        elif key not in source:
            found[key] = "extra"
        elif source[key] != target[key]:
            found[key] = "changed"
    return found
