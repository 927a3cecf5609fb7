"""
Planted faults: a rehearsal's own proof that its comparison would find what it is there to find.

Promise: planted only in a PostgreSQL database that the caller names as a rehearsal's; each fault is undone to
the byte. Needs a role that may switch triggers off, since none may undo a fault.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from migrate.compare.planted import Kind, Planted
from migrate.compare.relations import Key, Relation, relations
from migrate.databases import Endpoint, Session, query, value
from migrate.errors import ComparisonError, Refused

_HIGHEST_KEY = 2**31 - 2


def plant(session: Session, rehearsal: Endpoint) -> list[Planted]:
    """
    Plant one fault of each kind that the database has room for, each in another row or object.

    Args:
        session: The mover's, on the target of the rehearsal.
        rehearsal: That target, as whoever rehearses knows it. Planting anywhere else is refused.

    Raises:
        Refused: The session is not on that database.
        ComparisonError: The server refuses; nothing is planted then.
    """
    at = session.info
    if (at.host, at.dbname) != (rehearsal.host, rehearsal.dbname):
        raise Refused(
            f"faults are planted in {rehearsal.dbname} on {rehearsal.host} only,"
            f" not in {at.dbname} on {at.host}",
            state="Nothing was planted.",
            next_step="fab rehearse",
        )
    planted: list[Planted] = []
    with _unhindered(session, "could not be given planted faults"):
        for make in _MAKERS:
            planted += make(session)
    return planted


def take_back(session: Session, planted: Sequence[Planted]) -> None:
    """
    Undo faults, the last one first; all of them or none.

    Raises:
        ComparisonError: The server refuses.
    """
    with _unhindered(session, "still has planted faults"):
        for fault in reversed(planted):
            for statement in fault.undo:
                session.execute(statement)


@dataclass(frozen=True)
class _Room:
    """A table that faults can be planted in."""

    relation: Relation
    plain_text: str | None
    is_only_key: bool
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.relation.full_name

    def keys(self, session: Session, *, last: bool = False) -> list[Key]:
        """Return the first three keys, or the last three, the outermost first."""
        columns = [
            sql.SQL("{} DESC" if last else "{}").format(sql.Identifier("t", name))
            for name in self.relation.key
        ]
        statement = sql.SQL("SELECT {} FROM {} ORDER BY {} LIMIT 3").format(
            self.relation.keys, self.relation.own_rows, sql.SQL(", ").join(columns)
        )
        return [tuple(key) for (key,) in session.execute(statement).fetchall()]

    def without(self, key: Key) -> sql.Composed:
        """A statement that deletes a row."""
        found = sql.SQL("SELECT t.ctid FROM {}").format(self.relation.rows_of([key]))
        return sql.SQL("DELETE FROM ONLY {} WHERE ctid IN ({})").format(self.relation.identifier, found)

    def put(self, session: Session, key: Key, new: Key | None = None) -> sql.Composed:
        """A statement that inserts a row as it is now, all its values in it; under another key with `new`."""
        found = sql.SQL("SELECT t::text FROM {}").format(self.relation.rows_of([key]))
        columns = [sql.Identifier(name) for name in self.columns]
        values: list[sql.Composable] = [sql.SQL("(kept.row).{}").format(column) for column in columns]
        if new is not None:
            values[self.columns.index(self.relation.key[0])] = sql.Literal(int(new[0]))
        return sql.SQL(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE"
            " SELECT {} FROM (SELECT {}::{} AS row OFFSET 0) AS kept"
        ).format(
            self.relation.identifier,
            sql.SQL(", ").join(columns),
            sql.SQL(", ").join(values),
            sql.Literal(str(value(session, found))),
            self.relation.identifier,
        )


def _texts(session: Session) -> Iterator[Planted]:
    """Change one character of one row's text, and cut the end off another's."""
    changes: tuple[tuple[Kind, LiteralString], ...] = (
        ("changed character", "CASE left({0}, 1) WHEN 'x' THEN 'y' ELSE 'x' END || substr({0}, 2)"),
        ("truncated text", "left({0}, -1)"),
    )
    for room in _rooms(session):
        if room.plain_text is None:
            continue
        column = sql.Identifier(room.plain_text)
        long_enough = sql.SQL("SELECT {} FROM {} WHERE length({}) > 2 ORDER BY {} LIMIT 2").format(
            room.relation.keys,
            room.relation.own_rows,
            sql.Identifier("t", room.plain_text),
            room.relation.order,
        )
        keys = [tuple(key) for (key,) in session.execute(long_enough).fetchall()]
        if len(keys) < len(changes):
            continue
        for (kind, change), key in zip(changes, keys, strict=True):
            undo = (room.without(key), room.put(session, key))
            session.execute(
                sql.SQL("UPDATE ONLY {} SET {} = {} WHERE ctid IN (SELECT t.ctid FROM {})").format(
                    room.relation.identifier,
                    column,
                    sql.SQL(change).format(column),
                    room.relation.rows_of([key]),
                )
            )
            yield Planted(kind, ("changed", _named(room.name, _shown(key))), undo)
        return


def _lost_row(session: Session) -> Iterator[Planted]:
    """Take a row away from the end of a table, whoever refers to it."""
    for room in _rooms(session):
        keys = room.keys(session, last=True)
        if len(keys) == 3 and not set(keys) & set(room.keys(session)):
            undo = (room.put(session, keys[1]),)
            session.execute(room.without(keys[1]))
            yield Planted("lost row", ("missing", _named(room.name, _shown(keys[1]))), undo)
            return


def _extra_row(session: Session) -> Iterator[Planted]:
    """Put a row in that is a copy of the last one under a key that nobody has."""
    for room in _rooms(session):
        relation = room.relation
        if not room.is_only_key or relation.key_types not in (("integer",), ("bigint",)):
            continue
        keys = room.keys(session, last=True)
        if not keys or not 0 < int(keys[0][0]) < _HIGHEST_KEY:
            continue
        new = (str(int(keys[0][0]) + 1),)
        session.execute(room.put(session, keys[0], new))
        yield Planted("extra row", ("extra", _named(room.name, _shown(new))), (room.without(new),))
        return


def _sequence(session: Session) -> Iterator[Planted]:
    """Set a sequence one behind."""
    for schema, name in session.execute(query("compare_sequences")).fetchall():
        place = sql.Identifier(schema, name)
        state = sql.SQL(
            "SELECT s.last_value, s.is_called, q.seqmin FROM {} AS s, pg_sequence AS q"
            " WHERE q.seqrelid = {}::regclass"
        )
        quoted = sql.Literal(place.as_string(session))
        ((last, is_called, lowest),) = session.execute(state.format(place, quoted)).fetchall()
        if not is_called or last <= lowest:
            continue
        set_to = sql.SQL("SELECT setval({}::regclass, {})")
        session.execute(set_to.format(quoted, sql.Literal(last - 1)))
        undo = (set_to.format(quoted, sql.Literal(last)),)
        yield Planted("sequence behind", ("sequence value", f"{schema}.{name}"), undo)
        return


def _index(session: Session) -> Iterator[Planted]:
    """Drop an index that no constraint needs."""
    for schema, name, told, definition in session.execute(query("compare_fault_index")).fetchall():
        session.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(schema, name)))
        yield Planted("missing index", ("index", told), (sql.Composed([sql.SQL(definition)]),))


def _cascade(session: Session) -> Iterator[Planted]:
    """Give a foreign key another rule for what happens when a row that it refers to is deleted."""
    found = session.execute(query("compare_fault_foreign_key")).fetchall()
    for schema, table, name, told, definition, other in found:
        statement = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}, ADD CONSTRAINT {} {}")
        place, constraint = sql.Identifier(schema, table), sql.Identifier(name)
        session.execute(statement.format(place, constraint, constraint, sql.SQL(other)))
        undo = (statement.format(place, constraint, constraint, sql.SQL(definition)),)
        yield Planted("cascade rule changed", ("constraint", told), undo)


def _large_object(session: Session) -> Iterator[Planted]:
    """Lose one large object."""
    found = session.execute(query("compare_fault_large_object")).fetchall()
    if found:
        number = str(found[0][1])
        undo = tuple(sql.Composed([sql.SQL(statement)]) for _, _, statement in found)
        session.execute(sql.SQL("SELECT lo_unlink({})").format(sql.SQL(number)))
        yield Planted("lost large object", ("large object", number), undo)


_MAKERS: tuple[Callable[[Session], Iterator[Planted]], ...] = (
    # The index and the key first: what has pending trigger events cannot be altered.
    _index,
    _cascade,
    _texts,
    _lost_row,
    _extra_row,
    _sequence,
    _large_object,
)


def _rooms(session: Session) -> Iterator[_Room]:
    """Yield tables with a key that faults can be planted in, small ones first."""
    known = {(relation.schema, relation.name): relation for relation in relations(session).values()}
    with session.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(query("compare_fault_room")).fetchall()
    for row in found:
        relation = known.get((row["schema"], row["name"]))
        if relation is not None and relation.key:
            yield _Room(relation, row["plain_text"], row["is_only_key"], tuple(row["columns"]))


def _shown(key: Key) -> str:
    return f"({','.join(key)})"


def _named(table: str, key: str) -> str:
    return f"{table} {key}"


@contextmanager
def _unhindered(session: Session, what: str) -> Iterator[None]:
    """Do everything within or nothing, while no trigger or foreign key is in the way."""
    try:
        with session.transaction():
            session.execute("SET LOCAL session_replication_role = replica")
            yield
    except psycopg.Error as error:
        raise ComparisonError(
            f"{session.info.dbname} on {session.info.host} {what}: {error.diag.message_primary or error}",
            state="It is as it was before.",
            next_step="fab rehearse, with a mover of the target that lacks nothing (fab assess)",
        ) from error
