"""
What holds rows in a database, and how its rows are told apart.

Promise: names are whole and unambiguous, and columns stand in one order on both sides. Values stand in
statements as quoted literals, not as parameters: a column may well be called ``anteil %``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import dict_row

from migrate.databases import Session, query

Key = tuple[str, ...]
"""The values of a row's key, each as the server prints it, in the order of `Relation.key`."""


@dataclass(frozen=True)
class Relation:
    """Something that holds rows. Columns and types are sorted by column; `key` is empty without one."""

    schema: str
    name: str
    kind: str
    """``table``, ``materialized view`` or ``foreign``."""
    is_readable: bool
    is_watchable: bool
    """Its changes may be published: that breaks none of its updates, and they are in the log."""
    blocks: int
    estimate: int
    """Rows, as the server last estimated them; 0 where it never did."""
    bytes: int
    columns: tuple[str, ...]
    types: tuple[str, ...]
    key: tuple[str, ...]
    key_types: tuple[str, ...]
    key_operators: tuple[str, ...]
    """Schema of each key column's comparison operators."""
    key_collations: tuple[str, ...]
    """What each key column is sorted by; empty where it is no text."""
    file: int = 0
    """Another one since it was emptied, on a server whose log does not tell that (before 11); else 0."""

    @property
    def full_name(self) -> str:
        """Such as ``public.film``; a part with a dot in it is quoted: no two relations share a name."""
        return ".".join(f'"{part}"' if "." in part else part for part in (self.schema, self.name))

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def own_rows(self) -> sql.Composed:
        """What stands after FROM: the rows of this relation alone, without those of its children, as `t`."""
        only = sql.SQL("" if self.kind == "materialized view" else "ONLY ")
        return sql.SQL("{}{} AS t").format(only, self.identifier)

    @property
    def keys(self) -> sql.Composed:
        """The key as an array of text, each value as its type prints it."""
        parts = [sql.SQL("concat({})").format(sql.Identifier("t", column)) for column in self.key]
        return sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(parts))

    @property
    def order(self) -> sql.Composed:
        """The columns of the key, as ORDER BY takes them."""
        return sql.SQL(", ").join(sql.Identifier("t", column) for column in self.key)

    def is_sorted_like(self, other: "Relation") -> bool:
        """
        Whether ranges of its key hold the same rows on both sides and can be read from the index.

        A row of values is compared by operators of one schema only.
        """
        one_schema = len(set(self.key_operators)) == 1
        plain = one_schema and (len(self.key) == 1 or self.key_operators[0] == "pg_catalog")
        return plain and (self.key, self.key_collations) == (other.key, other.key_collations)

    def is_beyond(self, operator: LiteralString, bound: Key) -> sql.Composed:
        """The condition that the key stands so to a bound, such as ``(t.a, t.b) > ('7'::int, 'x'::text)``."""
        values = [
            sql.SQL("{}::text::{}").format(sql.Literal(value), sql.SQL(type_))
            for value, type_ in zip(bound, self.key_types, strict=True)
        ]
        return sql.SQL("({}) OPERATOR({}.{}) ({})").format(
            self.order,
            sql.Identifier(self.key_operators[0]),
            sql.SQL(operator),
            sql.SQL(", ").join(values),
        )

    def rows_of(self, keys: Sequence[Key]) -> sql.Composed:
        """What stands after FROM: the rows that have one of these keys, as `t`."""
        columns = zip(*keys, strict=True) if keys else [()] * len(self.key)
        arrays = [sql.SQL("unnest({}::text[])").format(sql.Literal(list(column))) for column in columns]
        names = [sql.Identifier(f"k{n}") for n in range(len(self.key))]
        equal = [
            sql.SQL("{} OPERATOR({}.=) {}::{}").format(
                sql.Identifier("t", column), sql.Identifier(schema), name, sql.SQL(type_)
            )
            for column, schema, name, type_ in zip(
                self.key, self.key_operators, names, self.key_types, strict=True
            )
        ]
        return sql.SQL("ROWS FROM ({}) AS wanted ({}) JOIN {} ON {}").format(
            sql.SQL(", ").join(arrays), sql.SQL(", ").join(names), self.own_rows, sql.SQL(" AND ").join(equal)
        )


def relations(session: Session) -> dict[str, Relation]:
    """Return everything that holds rows, by full name, the largest first."""
    with session.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("compare_relations")).fetchall()
    found = [relation_of(row) for row in rows]
    return {relation.full_name: relation for relation in found}


def relation_of(fields: Mapping[str, Any]) -> Relation:
    """Make a relation of its fields, lists being tuples."""
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    return Relation(**plain)
