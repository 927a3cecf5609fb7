"""
Which rows a purge takes from a PostgreSQL database.

Rows that a rule drops are taken with all that refers to them, row by row, through every foreign key; but rows
of a table that has a rule of its own go by that alone. What a rule keeps is not taken; nor is what a kept
row refers to, nor what was only taken along with that.

Promise: no row that stays refers to one that goes, so that no deletion cascades to a row that was not
chosen. Rows are noted by their place in temporary tables of the session's transaction, which has to be of
REPEATABLE READ: then all that follows sees these rows and no others.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import LiteralString

from psycopg import IsolationLevel, sql

from migrate.databases import Session, value
from migrate.purge.choosing import Choosing
from migrate.purge.contract import Lines
from migrate.purge.postgresql.catalogue import joins, name_of
from migrate.purge.tables import ForeignKey, Table, Tables
from provisioning.manifest_purge import Drop, Keep, Purge


@contextmanager
def snapshot(session: Session) -> Iterator[None]:
    """One transaction that sees the database as it is now, until the end of the block."""
    level = session.isolation_level
    session.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with session.transaction():
            yield
    finally:
        session.isolation_level = level


class PostgresqlSelection(Choosing):
    """As `migrate.purge.contract.Selection`, within one `snapshot`."""

    def __init__(self, session: Session, tables: Tables) -> None:
        self._session, self.tables = session, tables
        self._chosen = {
            table: sql.Identifier("pg_temp", f"bascule_purge_{number}")
            for number, table in enumerate(tables.order)
        }

    def choose(self, purge: Purge, as_of: date) -> None:
        """Choose the rows by the rules of a purge, ages counted on `as_of`."""
        for chosen in self._chosen.values():
            self._run(
                "CREATE TEMP TABLE {chosen} (o oid, c tid, root boolean, n bigint, PRIMARY KEY (o, c))"
                " ON COMMIT DROP",
                chosen=sql.Identifier(chosen._obj[1]),  # a temporary table is made without its schema
            )
        self._choose_by_rules(purge, as_of)
        for table, chosen in self._chosen.items():
            self._run(
                "UPDATE {chosen} SET n = m.n FROM (SELECT o, c, row_number() OVER (ORDER BY o, c) AS n"
                " FROM {chosen}) m WHERE m.o = {chosen}.o AND m.c = {chosen}.c",
                table=name_of(table),
                chosen=chosen,
            )

    def size(self, table: Table) -> tuple[int, int, int]:
        """Rows that go, their bytes, and rows that stay."""
        rows, size = self._session.execute(
            sql.SQL(
                "SELECT count(*), coalesce(sum(pg_catalog.pg_column_size(t.*)), 0)::bigint FROM {table} t"
                " JOIN {chosen} k ON {row}"
            ).format(**self._names(table))
        ).fetchall()[0]
        every = int(value(self._session, sql.SQL("SELECT count(*) FROM {}").format(name_of(table))))
        return int(rows), int(size), every - int(rows)

    @contextmanager
    def reading(self, table: Table, first: int, last: int) -> Iterator[Lines]:
        """Yield rows as COPY has them."""
        columns = sql.SQL(", ").join(
            sql.SQL("t.{}").format(sql.Identifier(name)) for name in self.tables.columns[table]
        )
        copy = sql.SQL(
            "COPY (SELECT {columns} FROM {table} t JOIN {chosen} k ON {row}"
            " WHERE k.n BETWEEN {first} AND {last} ORDER BY k.n) TO STDOUT"
        ).format(**self._names(table), columns=columns, first=first, last=last)
        with self._session.cursor().copy(copy) as source:
            yield Lines(lambda: bytes(source.read()))

    def delete(self, table: Table) -> int:
        """Delete the rows of one table; return how many were."""
        statement = sql.SQL("DELETE FROM {table} t USING {chosen} k WHERE {row}")
        return self._session.execute(statement.format(**self._names(table))).rowcount

    def _drop(self, rule: Drop, keep: tuple[Keep, ...], as_of: date) -> None:
        old = [sql.SQL("t.{} < {}").format(sql.Identifier(rule.by), _years_before(as_of, rule.years))]
        old += [
            sql.SQL("t.{}::text = {}").format(sql.Identifier(column), wanted)
            for column, wanted in rule.where.items()
        ]
        self._run(
            "INSERT INTO {chosen} SELECT t.tableoid, t.ctid, true FROM {table} t"
            " WHERE {old} AND NOT {kept} ON CONFLICT DO NOTHING",
            old=sql.SQL(" AND ").join(old),
            kept=_kept(rule.table, keep, as_of, "t"),
            table=name_of(rule.table),
            chosen=self._chosen[rule.table],
        )

    def _take_along(self, key: ForeignKey, keep: tuple[Keep, ...], as_of: date) -> int:
        """Take what refers to rows that were taken."""
        return self._run(
            "INSERT INTO {children} SELECT DISTINCT c.tableoid, c.ctid, false FROM {child} c"
            " JOIN {parent} p ON {joins} JOIN {parents} k ON p.tableoid = k.o AND p.ctid = k.c"
            " WHERE NOT {kept} ON CONFLICT DO NOTHING",
            kept=_kept(key.child, keep, as_of, "c"),
            **self._of(key),
        )

    def _spare(self, key: ForeignKey) -> int:
        """Spare what a row that stays refers to."""
        return self._run(
            "DELETE FROM {parents} k USING {parent} p WHERE p.tableoid = k.o AND p.ctid = k.c"
            " AND EXISTS (SELECT FROM {child} c WHERE {joins} AND NOT EXISTS"
            " (SELECT FROM {children} x WHERE x.o = c.tableoid AND x.c = c.ctid))",
            **self._of(key),
        )

    def _leave_with_parents(self) -> int:
        """Spare what was only taken along with rows that were spared since."""
        return sum(self._leave(table, chosen) for table, chosen in self._chosen.items())

    def _leave(self, table: Table, chosen: sql.Identifier) -> int:
        parents = [
            sql.SQL(
                "EXISTS (SELECT FROM {parent} p JOIN {parents} y ON p.tableoid = y.o AND p.ctid = y.c"
                " WHERE {joins})"
            ).format(**self._of(key))
            for key in self.tables.foreign_keys
            if key.child == table
        ]
        if not parents:
            return 0
        return self._run(
            "DELETE FROM {chosen} k USING {table} c WHERE c.tableoid = k.o AND c.ctid = k.c"
            " AND NOT k.root AND NOT ({parents})",
            chosen=chosen,
            table=name_of(table),
            parents=sql.SQL(" OR ").join(parents),
        )

    def _of(self, key: ForeignKey) -> dict[str, sql.Composable]:
        return {
            "child": name_of(key.child),
            "parent": name_of(key.parent),
            "children": self._chosen[key.child],
            "parents": self._chosen[key.parent],
            "joins": joins(key),
        }

    def _names(self, table: Table) -> dict[str, sql.Composable]:
        return {
            "table": name_of(table),
            "chosen": self._chosen[table],
            "row": sql.SQL("t.tableoid = k.o AND t.ctid = k.c"),
        }

    def _run(self, statement: LiteralString, **names: sql.Composable) -> int:
        text = sql.SQL(statement)
        return max(0, self._session.execute(text.format(**names)).rowcount)


def _years_before(as_of: date, years: int) -> sql.Composed:
    return sql.SQL("({}::date - pg_catalog.make_interval(years => {}))").format(as_of.isoformat(), years)


def _kept(table: Table, keep: tuple[Keep, ...], as_of: date, alias: str) -> sql.Composable:
    """Whether a rule keeps a row. A row without a date is kept: nobody can tell that it is old."""
    rules = [
        sql.SQL("({row}.{by} IS NULL OR {row}.{by} >= {since})").format(
            row=sql.Identifier(alias), by=sql.Identifier(rule.by), since=_years_before(as_of, rule.years)
        )
        for rule in keep
        if rule.table == table
    ]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(rules)) if rules else sql.SQL("false")
