"""
What a PostgreSQL server says of a database's tables, as far as a purge goes by it.

Promise: reads only; columns that the server computes by itself are no part of a row.
"""

from collections import defaultdict

from psycopg import sql

from migrate.databases import Session, query
from migrate.purge.tables import Catalogue, ForeignKey, Table


def read(session: Session) -> Catalogue:
    """Return all tables with their columns, and the foreign keys between them."""
    columns: dict[Table, list[str]] = defaultdict(list)
    types: dict[tuple[Table, str], str] = {}
    keyed: set[Table] = set()
    for schema, name, column, kind, has_key in session.execute(query("purge_columns")).fetchall():
        table = (str(schema), str(name))
        columns[table].append(str(column))
        types[table, str(column)] = str(kind)
        if has_key:
            keyed.add(table)
    return Catalogue(
        columns={table: tuple(names) for table, names in columns.items()},
        types=types,
        keyed=keyed,
        foreign_keys=[
            ForeignKey((str(cs), str(ct)), tuple(c), (str(ps), str(pt)), tuple(p))
            for cs, ct, c, ps, pt, p in session.execute(query("purge_foreign_keys")).fetchall()
        ],
    )


def name_of(table: Table) -> sql.Identifier:
    return sql.Identifier(*table)


def joins(key: ForeignKey) -> sql.Composed:
    """``c`` refers to ``p``."""
    return sql.SQL(" AND ").join(
        sql.SQL("c.{} = p.{}").format(sql.Identifier(ours), sql.Identifier(theirs))
        for ours, theirs in zip(key.columns, key.to, strict=True)
    )
