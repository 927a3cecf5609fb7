"""
What changed in a MariaDB database since a position, as the server's own log tells it.

Promise: nothing that changed is left out. What the log does not tell row by row, a statement, a key that
has no exact form here, a child that a foreign key's CASCADE changed, opens its table as a whole. Reads
only; the server keeps nothing for it.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pymysql
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.event import MariadbGtidEvent, QueryEvent
from pymysqlreplication.row_event import DeleteRowsEvent, RowsEvent, UpdateRowsEvent, WriteRowsEvent

from migrate.errors import ComparisonError
from migrate.mariadb.cascades import Cascade, cascades, with_descendants
from migrate.mariadb.columns import BYTES, Table
from migrate.mariadb.replication import SCHEMA
from migrate.mariadb.session import MariaDatabase, MariaSession
from migrate.tunnels import Tunnel

Key = tuple[Any, ...]
"""The values of a row's primary key, as the driver takes them."""

MOST_KEYS = 100_000
"""Of one table; with more it is read faster as a whole."""

_EXACT = frozenset(
    (
        *("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "char", "varchar"),
        *("binary", "varbinary", "date", "datetime", "enum"),
    )
)
"""Types of columns whose values come from the log as they go into a statement."""

_NO_ROWS = re.compile(
    r"\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|XA|GRANT|REVOKE|FLUSH|ANALYZE|SET|"
    r"(CREATE|ALTER|DROP|RENAME)\b[^`'(]*?\b(USER|ROLE|VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT|SEQUENCE|PACKAGE))\b",
    re.IGNORECASE,
)
_OF_TABLES = re.compile(r"\s*(CREATE|ALTER|DROP|RENAME|TRUNCATE|OPTIMIZE|REPAIR)\b", re.IGNORECASE)


class LogLost(ComparisonError):  # noqa: N818 - reads as what it is
    """A server removed a part of its log that was not read yet."""


@dataclass
class Changes:
    """What a log told between two positions."""

    keys: dict[str, dict[Key, bool]] = field(default_factory=dict)
    """By table; whether the row was there at the end."""
    rows: dict[str, int] = field(default_factory=dict)
    """By table, how many more rows it has than before."""
    whole: set[str] = field(default_factory=set)
    """Tables in which anything may have changed."""
    written: set[str] = field(default_factory=set)
    """Tables that were changed on this very server, not by replication."""


def changes(
    database: MariaDatabase, session: MariaSession, known: Mapping[str, Table], *, since: str, until: str
) -> Changes:
    """
    Read a server's log.

    Args:
        session: There; its snapshot, if any, is of `until`.
        known: The tables to tell of.
        since: GTIDs, as ``0-1-100``; what comes after them is told.
        until: Likewise; what comes after these is not.

    Raises:
        LogLost: The server does not have that part of its log any more.
    """
    found, passing = Changes(), cascades(session)
    own_id = int(session.value("SELECT @@GLOBAL.server_id"))
    for event in _events(database, since=since, until=until):
        tables = _tables_of(event, database.endpoint.dbname, known)
        if event.packet.server_id == own_id:
            found.written |= tables
        if isinstance(event, RowsEvent):
            for name in tables:
                _rows(found, event, known[name])
                found.whole |= _passed_on(event, passing, name)
        else:
            found.whole |= tables
    found.whole |= {name for name, keys in found.keys.items() if len(keys) > MOST_KEYS}
    return found


def _events(database: MariaDatabase, *, since: str, until: str) -> Iterator[Any]:
    """Yield rows and statements of the transactions between two positions, each once."""
    last, done, is_wanted = _sequences(until), _sequences(since), False
    with Tunnel(database.through, database.endpoint.host, database.endpoint.port) as tunnel:

        def connect(cursorclass: type[pymysql.cursors.Cursor] = pymysql.cursors.Cursor, **_: Any) -> Any:
            return database.connect(tunnel.port, cursorclass)

        reader = BinLogStreamReader(
            connection_settings={},
            server_id=(1 << 31) + secrets.randbelow((1 << 31) - 1),  # two readers of one id end each other
            pymysql_wrapper=connect,
            is_mariadb=True,
            auto_position=since,
            blocking=False,
            ignore_decode_errors=True,  # a key that is not what it was is found to be none
            only_events=[MariadbGtidEvent, QueryEvent, WriteRowsEvent, UpdateRowsEvent, DeleteRowsEvent],
        )
        try:
            for event in reader:
                if isinstance(event, MariadbGtidEvent):
                    domain, _, sequence = (int(part) for part in event.gtid.split("-"))
                    # After a lost connection the reader begins anew.
                    is_wanted = done.get(domain, 0) < sequence <= last.get(domain, 0)
                    done[domain] = max(done.get(domain, 0), sequence)
                elif is_wanted:
                    yield event
        except pymysql.MySQLError as error:
            raise LogLost(
                f"{database.name}: its log since {since or 'its beginning'} cannot be read: {error.args[-1]}",
                next_step="fab run, which compares every row anew",
            ) from None
        finally:
            reader.close()


def _sequences(position: str) -> dict[int, int]:
    """The last sequence number by domain."""
    parts = (one.strip().split("-") for one in position.split(",") if one.strip())
    return {int(domain): int(sequence) for domain, _, sequence in parts}


def _tables_of(event: Any, dbname: str, known: Mapping[str, Table]) -> set[str]:
    """Which of the known tables an event may have changed."""
    if isinstance(event, RowsEvent):
        is_ours = event.schema == dbname and event.table in known
        return {event.table} if is_ours else set()
    text = event.query if isinstance(event.query, str) else bytes(event.query).decode(errors="replace")
    schema = bytes(event.schema).decode(errors="replace")
    if _NO_ROWS.match(text) or (schema != dbname and dbname not in text) or schema == SCHEMA:
        return set()
    if not _OF_TABLES.match(text):
        return set(known)  # a statement, which may have fired triggers
    return {name for name in known if name.lower() in text.lower()}


def _rows(found: Changes, event: Any, table: Table) -> None:
    keys = found.keys.setdefault(table.name, {})
    step = {WriteRowsEvent: 1, DeleteRowsEvent: -1}.get(type(event), 0)
    found.rows[table.name] = found.rows.get(table.name, 0) + step * len(event.rows)
    for row in event.rows:
        images = [(row["values"], step > 0)] if step else []
        if not step:
            images = [(row["before_values"], False), (row["after_values"], True)]
        for values, is_there in images:
            key = _key(table, values)
            if key is None:
                found.whole.add(table.name)
                return
            if len(keys) <= MOST_KEYS:
                keys[key] = is_there


def _key(table: Table, values: Mapping[str, Any]) -> Key | None:
    """A row's key; None where there is none, the log does not name it, or it has no exact form."""
    columns = {column.name: column for column in table.columns}
    parts = []
    for name in table.key:
        value, column = values.get(name), columns[name]
        if column.data_type not in _EXACT or not isinstance(value, int | str | bytes | Decimal | date):
            return None
        if column.data_type in BYTES and isinstance(value, str):
            value = value.encode()  # the reader takes bytes for text where they could be
        if column.data_type == "binary" and isinstance(value, bytes):
            value = value.ljust(column.max_length, b"\0")  # the log leaves out zeros at the end
        parts.append(value)
    return tuple(parts) or None


def _passed_on(event: Any, known: list[Cascade], name: str) -> set[str]:
    """Tables that a change of rows in `name` may have changed too, and theirs in turn."""
    changed: set[str] = set()
    for one in known:
        if one.parent != name:
            continue
        if isinstance(event, DeleteRowsEvent):
            is_passed = one.on_delete
        elif isinstance(event, UpdateRowsEvent):
            is_passed = one.on_update and any(
                row["before_values"].get(column) != row["after_values"].get(column)
                for row in event.rows
                for column in one.columns
            )
        else:
            is_passed = False
        if is_passed:
            changed |= with_descendants(one.child, known)
    return changed
