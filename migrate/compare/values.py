"""
Both values of what differs, as evidence that a person can judge.

Promise: only values that differ are kept, of the rows that are shown; a value in a column whose name speaks
of a secret is masked, a long one cut around the first difference. At most a million characters of a value
are read.
"""

import re
from collections.abc import Sequence

from psycopg import sql

from migrate.compare.relations import Key, Relation
from migrate.compare.verdict import ValueDifference
from migrate.databases import Session

MASKED = "(masked)"
_SECRET = re.compile(
    r"pass(word|wort|wd|phrase)|pwd|kennwort|secret|geheim|token|credential|api_?key|private_?key|salt|hash|otp",
    re.IGNORECASE,
)
_READ_CHARACTERS = 1_000_000
_SHOWN_CHARACTERS = 80
_COLUMNS = 30

Row = dict[str, str | None]
"""A row's values as text, by column."""


def rows_by_key(session: Session, relation: Relation, keys: Sequence[Key]) -> dict[Key, Row]:
    """Read the rows that have one of these keys; those that are not there are left out."""
    return _read(session, relation, relation.keys, relation.rows_of(keys), sql.SQL("true"))


def rows_by_digest(
    session: Session, relation: Relation, md5: sql.Composed, digests: Sequence[str]
) -> dict[Key, Row]:
    """Read one row for each of these digests, of a table without a key; reads the whole table."""
    wanted = sql.SQL("{} = ANY ({}::text[])").format(md5, sql.Literal(list(digests)))
    key = sql.SQL("ARRAY[{}]").format(md5)
    return _read(session, relation, key, relation.own_rows, wanted)


def differing_values(source: Row | None, target: Row | None) -> tuple[ValueDifference, ...]:
    """Return the values that differ, masked and cut; all of a row that only one side has."""
    left, right = source or {}, target or {}
    columns = [
        name for name in {**left, **right} if source is None or target is None or left[name] != right[name]
    ]
    return tuple(_difference(name, left.get(name), right.get(name)) for name in columns[:_COLUMNS])


def _difference(column: str, source: str | None, target: str | None) -> ValueDifference:
    if _SECRET.search(column):
        return ValueDifference(
            column=column,
            source=None if source is None else MASKED,
            target=None if target is None else MASKED,
        )
    start = _first_difference(source or "", target or "")
    return ValueDifference(column=column, source=_cut(source, start), target=_cut(target, start))


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _cut(value: str | None, around: int) -> str | None:
    """What stands around a place, with how long the whole is."""
    if value is None or len(value) <= _SHOWN_CHARACTERS:
        return value
    start = max(0, around - _SHOWN_CHARACTERS // 2)
    piece = value[start : start + _SHOWN_CHARACTERS]
    before, after = "…" if start else "", "…" if start + _SHOWN_CHARACTERS < len(value) else ""
    return f"{before}{piece}{after} ({len(value)} characters)"


def _read(
    session: Session,
    relation: Relation,
    key: sql.Composable,
    rows: sql.Composable,
    where: sql.Composable,
) -> dict[Key, Row]:
    # concat() prints as the type does, but makes an empty text of NULL.
    one = sql.SQL("CASE WHEN num_nulls({0}) = 0 THEN left(concat({0}), {1}) END")
    values = [one.format(sql.Identifier("t", name), _READ_CHARACTERS) for name in relation.columns]
    statement = sql.SQL("SELECT {}, ARRAY[{}]::text[] FROM {} WHERE {}").format(
        key, sql.SQL(", ").join(values), rows, where
    )
    return {
        tuple(found): dict(zip(relation.columns, shown, strict=True))
        for found, shown in session.execute(statement).fetchall()
    }
