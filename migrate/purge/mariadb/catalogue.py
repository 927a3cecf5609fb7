"""
What a MariaDB server says of a database's tables, as far as a purge goes by it.

Promise: reads only; a table that could not be purged soundly is told with the reason.
"""

from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter

from migrate.mariadb import columns
from migrate.mariadb.session import MariaSession, name, query
from migrate.purge.tables import Catalogue, ForeignKey, Table


def read(session: MariaSession, dbname: str, found: Mapping[str, columns.Table]) -> Catalogue:
    """
    Return all tables with their columns, and the foreign keys between them.

    Args:
        found: The session's tables.
    """
    unfit: dict[Table, str] = {}
    for table in found.values():
        if not table.is_transactional:
            unfit[dbname, table.name] = f"is {table.engine}, which cannot put back what was half deleted"
        elif table.kind == "SYSTEM VERSIONED":
            unfit[dbname, table.name] = "keeps the history of its rows, also of those that are deleted"
    keys = foreign_keys(session, dbname)
    for key in keys:
        if key.child[0] != dbname:
            unfit[key.child] = f"refers to {'.'.join(key.parent)} from another database"
    return Catalogue(
        columns={
            (dbname, table.name): tuple(column.name for column in table.stored) for table in found.values()
        },
        types={
            ((dbname, table.name), column.name): column.data_type
            for table in found.values()
            for column in table.columns
        },
        keyed={(dbname, table.name) for table in found.values() if table.key},
        foreign_keys=keys,
        unfit=unfit,
    )


def foreign_keys(session: MariaSession, dbname: str) -> list[ForeignKey]:
    """Return all that refer to a table of the session's database."""
    rows = session.run(query("purge_foreign_keys"))
    found = []
    for (schema, child, _), group in groupby(rows, itemgetter("from_schema", "from_table", "name")):
        parts = list(group)
        found.append(
            ForeignKey(
                (str(schema), str(child)),
                tuple(str(part["column_name"]) for part in parts),
                (dbname, str(parts[0]["to_table"])),
                tuple(str(part["to_column"]) for part in parts),
            )
        )
    return found


def joins(key: ForeignKey, child: str = "c", parent: str = "p") -> str:
    """One row refers to another, each by its alias."""
    pairs = zip(key.columns, key.to, strict=True)
    return " AND ".join(f"{child}.{name(ours)} = {parent}.{name(theirs)}" for ours, theirs in pairs)


def same(key: tuple[str, ...], one: str, other: str) -> str:
    """Two aliases stand for the same row, by its primary key."""
    return " AND ".join(f"{one}.{name(column)} = {other}.{name(column)}" for column in key)


def listed(names: tuple[str, ...], alias: str) -> str:
    """Columns of a table that goes by an alias."""
    return ", ".join(f"{alias}.{name(column)}" for column in names)
