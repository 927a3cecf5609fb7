"""
Digests of rows: a table's count and 128 bits that depend on every value of every row, in any order.

Promise: two sides give the same digest only if they hold the same multiset of rows, but for an
accident of 1 in 2^128. Computed by the server; no row leaves it.

Source: row count and the sum of md5 halves, as `pgcopydb compare data` has it; md5 rather than
the server's own hash functions, since those may differ between versions.
"""

from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from migrate.compare.verdict import Difference
from migrate.databases import Session, query


@dataclass(frozen=True)
class Relation:
    """Something that holds rows. `columns` are in one order on both sides; `key` is empty without one."""

    schema: str
    name: str
    kind: str
    is_readable: bool
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def own_rows(self) -> sql.Composed:
        """What stands after FROM: the rows of this relation alone, without those of its children."""
        only = sql.SQL("" if self.kind == "materialized view" else "ONLY ")
        return only + self.identifier

    @property
    def row(self) -> sql.Composed:
        """The row as text, its columns in an order that both sides share."""
        return sql.SQL("ROW({})::text").format(sql.SQL(", ").join(map(sql.Identifier, self.columns)))


def relations(session: Session) -> dict[str, Relation]:
    """Return everything that holds rows, by full name, the largest first."""
    with session.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("compare_relations")).fetchall()
    found = [
        Relation(
            schema=row["schema_name"],
            name=row["name"],
            kind=row["kind"],
            is_readable=row["is_readable"],
            columns=tuple(row["columns"]),
            key=tuple(row["key"]),
        )
        for row in rows
    ]
    return {relation.full_name: relation for relation in found}


def digest(session: Session, relation: Relation) -> tuple[int, str]:
    """Return the number of rows and their digest, as 2 numbers of up to 40 digits."""
    statement = sql.SQL(
        "SELECT count(*),"
        " coalesce(sum(('x' || left(d, 16))::bit(64)::bigint::numeric), 0)::text || '/' ||"
        " coalesce(sum(('x' || right(d, 16))::bit(64)::bigint::numeric), 0)::text"
        " FROM (SELECT md5({row}) AS d FROM {rows}) AS digests"
    )
    found = session.execute(statement.format(row=relation.row, rows=relation.own_rows)).fetchone()
    assert found is not None  # noqa: S101 - an aggregate gives one row
    return int(found[0]), str(found[1])


def sequence_values(session: Session) -> dict[str, str]:
    """Return where every sequence stands, by full name."""
    names = session.execute(query("compare_sequences")).fetchall()
    if not names:
        return {}
    one = sql.SQL(
        "SELECT {name}, last_value::text || CASE WHEN is_called THEN ' used' ELSE ' unused' END"
        " FROM {sequence}"
    )
    parts = [
        one.format(name=sql.Literal(f"{schema}.{name}"), sequence=sql.Identifier(schema, name))
        for schema, name in names
    ]
    return dict(session.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall())


def large_objects(session: Session) -> dict[str, str]:
    """Return the digest of every large object, by its id."""
    return dict(session.execute(query("compare_large_objects")).fetchall())


def definitions(session: Session) -> dict[tuple[str, str], str]:
    """Return what the database is made of: definition by kind and name."""
    rows = session.execute(query("compare_definitions")).fetchall()
    found: dict[tuple[str, str], str] = {}
    for kind, name, definition in rows:
        # Two constraints may bear one name on one table's two parents; both then count as one text.
        found[kind, name] = (
            f"{found[kind, name]}\n{definition}" if (kind, name) in found else definition or ""
        )
    return found


def differing(kind: str, source: dict[str, str], target: dict[str, str]) -> list[Difference]:
    """Return what only one side has, or the sides have otherwise."""
    return [
        Difference(kind=kind, name=name, source=source.get(name), target=target.get(name))
        for name in sorted(source.keys() | target.keys())
        if source.get(name) != target.get(name)
    ]


def value(session: Session, statement: sql.SQL | sql.Composed) -> Any:
    """Return the one value that a statement gives."""
    found = session.execute(statement).fetchone()
    return found[0] if found else None
