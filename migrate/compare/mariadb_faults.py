"""
Planted faults in a MariaDB: a rehearsal's own proof that its comparison would find what it is there to find.

Promise: nothing of it is in the server's log, so no other server does it as well; each fault is undone to
the byte when the block ends. Tables with triggers are left alone, since none may undo a fault or add to it.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from migrate.compare.mariadb import shown_key
from migrate.compare.planted import Kind, Planted
from migrate.errors import ComparisonError
from migrate.mariadb.columns import Column, Table, tables
from migrate.mariadb.definitions import definitions
from migrate.mariadb.replication import SCHEMA, unlogged
from migrate.mariadb.session import MariaDatabase, MariaSession, ServerRefused, formatted, name, query

_WHOLE = frozenset(("smallint", "mediumint", "int", "bigint"))
_HIGHEST = {"smallint": 1 << 15, "mediumint": 1 << 23, "int": 1 << 31, "bigint": 1 << 63}
_FOUND_AGAIN = _WHOLE | {"tinyint", "char", "varchar", "date", "datetime"}
"""Types of columns whose values find their row again as the driver gives them."""
_TEXTS = frozenset(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"))
_KEY_LINE = re.compile(r"  (?:[A-Z]+ )?KEY ")
_ON_DELETE = re.compile(r" ON DELETE (?:CASCADE|SET NULL|SET DEFAULT|RESTRICT|NO ACTION)")

Statement = tuple[str, tuple[Any, ...]]
"""With what goes into its places."""


@contextmanager
def planted(rehearsal: MariaDatabase) -> Iterator[Sequence[Planted]]:
    """
    Plant one fault of each kind that the database has room for, each in another row or table.

    Args:
        rehearsal: The target of a rehearsal, as its mover; a flow leads there.

    Raises:
        ComparisonError: The server refuses; what was planted is undone.
    """
    with _telling(rehearsal), rehearsal.opened() as session, unlogged(session):
        found: list[Planted] = []
        try:
            for make in _MAKERS:
                for fault in make(session, {one.told[1] for one in found}):
                    found.append(fault)
            yield found
        finally:
            _unhindered(session)
            for fault in reversed(found):
                for statement, args in fault.undo:
                    session.run(statement, *args)


@contextmanager
def _telling(rehearsal: MariaDatabase) -> Iterator[None]:
    try:
        yield
    except ServerRefused as error:
        raise ComparisonError(
            f"{rehearsal.name} could not be given planted faults: {error.what}",
            state="This is the test environment; the next rehearsal copies anew.",
            next_step="mend that, then fab rehearse",
        ) from None


def _unhindered(session: MariaSession) -> None:
    session.run("SET SESSION foreign_key_checks = 0, check_constraint_checks = 0")


@dataclass(frozen=True)
class _Row:
    """One row, by its key."""

    table: Table
    key: tuple[Any, ...]
    shown: str
    """As a verdict names it."""

    @property
    def place(self) -> str:
        """A condition with a place for each part of the key."""
        return " AND ".join(f"{formatted(name(part))} = %s" for part in self.table.key)

    @property
    def told(self) -> str:
        return f"{self.table.name} {self.shown}"

    @property
    def removal(self) -> "Statement":
        return f"DELETE FROM {formatted(name(self.table.name))} WHERE {self.place}", self.key  # noqa: S608 - quoted

    def kept(self, session: MariaSession, number: int) -> tuple[Statement, ...]:
        """Keep the row beside; return what puts it back."""
        columns = ", ".join(column.quoted for column in self.table.stored)
        beside, table = name(SCHEMA, f"planted_{number}"), name(self.table.name)
        keep = f"CREATE TABLE {beside} ENGINE = InnoDB AS SELECT {columns} FROM {table}"  # noqa: S608 - quoted
        session.run(f"{formatted(keep)} WHERE {self.place}", *self.key)
        return (
            self.removal,
            (f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {beside}", ()),  # noqa: S608 - quoted
            (f"DROP TABLE {beside}", ()),
        )


def _index(session: MariaSession, taken: set[str]) -> Iterator[Planted]:
    """Drop an index that nothing needs: the last of its table, so that it comes back in its place."""
    for table, statement in _statements(session):
        keys = [line for line in statement.splitlines() if _KEY_LINE.match(line)]
        if table in taken or not keys or not keys[-1].startswith("  KEY "):
            continue
        line = keys[-1].strip().rstrip(",")
        called = re.match(r"KEY (`(?:[^`]|``)*`)", line)
        if called is None:
            continue
        try:
            # Foreign keys are checked here: the server refuses to drop what one of them needs.
            session.run(f"ALTER TABLE {name(table)} DROP INDEX {called[1]}")
        except ServerRefused:
            continue
        yield Planted("missing index", ("table", table), ((f"ALTER TABLE {name(table)} ADD {line}", ()),))
        return


def _cascade(session: MariaSession, taken: set[str]) -> Iterator[Planted]:
    """Give a foreign key another rule for what happens when a row that it refers to is deleted."""
    _unhindered(session)
    computing = {one.name for one in tables(session).values() if len(one.stored) < len(one.columns)}
    for table, statement in _statements(session):
        if table in computing:
            continue  # the server would not make the key again that it made with the table
        lines = [one.strip().rstrip(",") for one in statement.splitlines() if " FOREIGN KEY " in one]
        found = [(re.match(r"CONSTRAINT (`(?:[^`]|``)*`) FOREIGN KEY", line), line) for line in lines]
        for called, line in found:
            if called is None or table in taken:
                continue
            drop = f"ALTER TABLE {name(table)} DROP FOREIGN KEY {called[1]}"
            session.run(drop)
            add = f"ALTER TABLE {name(table)} ADD {line}"
            try:
                session.run(f"ALTER TABLE {name(table)} ADD {_otherwise(line)}")
            except ServerRefused:
                session.run(add)
                continue
            yield Planted("cascade rule changed", ("table", table), ((drop, ()), (add, ())))
            return


def _otherwise(constraint: str) -> str:
    """The same constraint with another rule."""
    end = constraint.rindex(")") + 1
    rules = constraint[end:]
    changed = _ON_DELETE.sub("", rules) if _ON_DELETE.search(rules) else f" ON DELETE CASCADE{rules}"
    return constraint[:end] + changed


def _texts(session: MariaSession, taken: set[str]) -> Iterator[Planted]:
    """Change one character of one row's text, and cut the end off another's."""
    changes: tuple[tuple[Kind, str], ...] = (
        ("changed character", "CONCAT(IF(LEFT({0}, 1) = 'x', 'y', 'x'), SUBSTRING({0}, 2))"),
        ("truncated text", "LEFT({0}, CHAR_LENGTH({0}) - 1)"),
    )
    for room in _rooms(session):
        table = room.table
        plain = (one for one in table.stored if one.data_type in _TEXTS and not one.is_json)
        column = next((one for one in plain if one.name not in room.bound), None)
        if column is None:
            continue
        rows = _rows(session, table, condition=f"CHAR_LENGTH({column.quoted}) > 2", limit=len(changes))
        if len(rows) < len(changes):
            continue
        for number, ((kind, change), row) in enumerate(zip(changes, rows, strict=True)):
            undo = row.kept(session, number)
            new = change.format(column.quoted)
            session.run(
                formatted(f"UPDATE {name(table.name)} SET {column.quoted} = {new}") + f" WHERE {row.place}",  # noqa: S608 - quoted
                *row.key,
            )
            yield Planted(kind, ("changed", row.told), undo)
        return


def _lost_row(session: MariaSession, taken: set[str]) -> Iterator[Planted]:
    """Take a row away from the end of a table, whoever refers to it."""
    for room in _rooms(session):
        last, first = _rows(session, room.table, is_last=True), _rows(session, room.table)
        if len(last) == 3 and not {row.key for row in last} & {row.key for row in first}:
            row = last[1]
            if row.told in taken:
                continue
            undo = row.kept(session, 2)
            statement, args = row.removal
            session.run(statement, *args)
            yield Planted("lost row", ("missing", row.told), undo)
            return


def _extra_row(session: MariaSession, taken: set[str]) -> Iterator[Planted]:
    """Put a row in that is a copy of the last one under a key that nobody has."""
    for room in _rooms(session):
        table, of = room.table, name(room.table.name)
        (key, *more) = (column for column in table.columns if column.name in table.key)
        if more or key.data_type not in _WHOLE or room.unique != {key.name}:
            continue
        rows = _rows(session, table, is_last=True, limit=1)
        if not rows or not 0 < int(rows[0].key[0]) < _HIGHEST[key.data_type] - 2:
            continue
        new = _Row(table, (int(rows[0].key[0]) + 1,), "")
        others = [formatted(column.quoted) for column in table.stored if column.name != key.name]
        session.run(
            f"INSERT INTO {formatted(of)} ({', '.join((formatted(key.quoted), *others))})"  # noqa: S608 - quoted
            f" SELECT {', '.join(('%s', *others))} FROM {formatted(of)} WHERE {rows[0].place}",
            *new.key,
            *rows[0].key,
        )
        (told,) = _rows(session, table, is_last=True, limit=1)
        undo: list[Statement] = [new.removal]
        if table.next_number is not None:
            undo.append((f"ALTER TABLE {of} AUTO_INCREMENT = {table.next_number}", ()))
        yield Planted("extra row", ("extra", told.told), tuple(undo))
        return


def _number(session: MariaSession, taken: set[str]) -> Iterator[Planted]:
    """Set a sequence one behind, or a table's next number where deleted rows leave room for that."""
    for _, called in definitions(session, "sequence"):
        of = name(called)
        (row,) = session.run(
            f"SELECT next_not_cached_value AS next, increment AS step, minimum_value AS least FROM {of}"  # noqa: S608 - quoted
        )
        number, step = int(row["next"]), int(row["step"])
        if step > 0 and number - step >= int(row["least"]):
            restart = "ALTER SEQUENCE {} RESTART WITH {}"
            session.run(restart.format(of, number - step))
            undo = ((restart.format(of, number), ()),)
            yield Planted("sequence behind", ("next number", called), undo)
            return
    for table in tables(session).values():
        counted = next((column for column in table.columns if "auto_increment" in column.extra), None)
        if counted is None or table.next_number is None or not table.is_transactional:
            continue
        of = name(table.name)
        highest = session.value(f"SELECT COALESCE(MAX({counted.quoted}), 0) FROM {of}")  # noqa: S608 - quoted
        if int(highest) + 1 < table.next_number:
            session.run(f"ALTER TABLE {of} AUTO_INCREMENT = {table.next_number - 1}")
            undo = ((f"ALTER TABLE {of} AUTO_INCREMENT = {table.next_number}", ()),)
            yield Planted("sequence behind", ("next number", f"{table.name} AUTO_INCREMENT"), undo)
            return


_MAKERS: tuple[Callable[[MariaSession, set[str]], Iterator[Planted]], ...] = (
    # The index first, while foreign keys are checked. Each is told what others took, since a verdict names
    # a table or a row once, whatever differs in it.
    _index,
    _cascade,
    _texts,
    _lost_row,
    _extra_row,
    _number,
)


def _statements(session: MariaSession) -> Iterator[tuple[str, str]]:
    """How each table is made, small ones first."""
    made = definitions(session, "table")
    for table in reversed(tables(session).values()):
        yield table.name, made["table", table.name].statement


@dataclass(frozen=True)
class _Room:
    """A table whose rows can be found again."""

    table: Table
    bound: set[str]
    """Columns of keys of any kind."""
    unique: set[str]
    """Columns that make a row the only one."""


def _rooms(session: MariaSession) -> Iterator[_Room]:
    """Yield tables that faults can be planted in, small ones first."""
    hindered = {str(row["Table"]) for row in session.run("SHOW TRIGGERS")}
    bound, unique = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for row in session.run(query("foreign_keys")):
        bound[row["table_name"]].add(row["column_name"])
        bound[row["to_table"]].add(row["to_column"])
    for row in session.run(query("indexes")):
        if row["is_unique"]:
            unique[row["table_name"]].add(row["column_name"])
    for table in reversed(tables(session).values()):
        columns: dict[str, Column] = {column.name: column for column in table.columns}
        is_found = table.key and all(columns[part].data_type in _FOUND_AGAIN for part in table.key)
        if is_found and table.is_transactional and table.kind == "BASE TABLE" and table.name not in hindered:
            yield _Room(table, bound[table.name] | unique[table.name], unique[table.name])


def _rows(
    session: MariaSession, table: Table, *, condition: str = "TRUE", is_last: bool = False, limit: int = 3
) -> list[_Row]:
    """The first rows by their key, or the last ones, the outermost first."""
    parts = ", ".join(f"{name(part)} AS k{number}" for number, part in enumerate(table.key))
    order = ", ".join(name(part) + (" DESC" if is_last else "") for part in table.key)
    found = session.run(
        f"SELECT {parts}, {shown_key(table)} AS shown FROM {name(table.name)}"  # noqa: S608 - quoted
        f" WHERE {condition} ORDER BY {order} LIMIT {limit}"
    )
    return [
        _Row(table, tuple(row[f"k{number}"] for number in range(len(table.key))), str(row["shown"]))
        for row in found
    ]
