"""
Reading PostgreSQL's own format of logical changes (pgoutput, protocol version 1): which keys changed.

Promise: every change that a batch holds is told, in the order of commits; a message that is not understood is
an error, never skipped. Values other than keys are passed over unread.

Source: "Logical Replication Message Formats" in PostgreSQL's manual.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Literal

from migrate.compare.relations import Key, Relation
from migrate.errors import ComparisonError

_INT16, _INT32 = Struct(">h"), Struct(">I")
_BEGIN, _COMMIT = Struct(">QQI"), Struct(">BQQQ")
_SKIPPED = frozenset(b"YM")
"""Types, which keys do not need, and messages of others."""


@dataclass(frozen=True, slots=True)
class Change:
    """
    What a committed transaction did to one row, or to a whole table.

    `keys` has one key, or two where an update changed it; none where the table has no key, it was truncated,
    or the key is not known. `rows` is what the change adds to the table's count.
    """

    relation: str
    keys: tuple[Key, ...]
    rows: Literal[-1, 0, 1]
    xid: int
    """Of the transaction; 32 bits."""
    committed_at: int
    """Position of its commit in the log."""
    is_applied: bool
    """A replication wrote it, so it came from elsewhere."""
    is_truncate: bool = False


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction is told in full; `ends_at` is the position behind it."""

    ends_at: int


def changes(
    messages: Iterable[bytes], known: Mapping[tuple[str, str], Relation]
) -> Iterator[Change | Committed]:
    """
    Decode what one call of pg_logical_slot_peek_binary_changes gave, in its order.

    Args:
        known: What the stream is about, by schema and name.

    Raises:
        ComparisonError: A message that this version of the format does not have.
    """
    tables: dict[int, _Table] = {}
    xid, committed_at, is_applied = 0, 0, False
    for message in messages:
        kind = message[0]
        match kind:
            case 0x42:  # B
                committed_at, _, xid = _BEGIN.unpack_from(message, 1)
                is_applied = False
            case 0x43:  # C
                yield Committed(_COMMIT.unpack_from(message, 1)[2])
            case 0x4F:  # O
                is_applied = True
            case 0x52:  # R
                number, table = _relation(message, known)
                tables[number] = table
            case 0x49 | 0x55 | 0x44:  # I, U, D
                name, keys = _row(message, tables)
                rows: Literal[-1, 0, 1] = 1 if kind == 0x49 else -1 if kind == 0x44 else 0
                yield Change(name, keys, rows, xid, committed_at, is_applied)
            case 0x54:  # T
                for n in range(_INT32.unpack_from(message, 1)[0]):
                    name = tables[_INT32.unpack_from(message, 6 + 4 * n)[0]].name
                    yield Change(name, (), 0, xid, committed_at, is_applied, is_truncate=True)
            case _ if kind not in _SKIPPED:
                raise ComparisonError(
                    f"the stream of changes holds a message {chr(kind)!r} that is not understood",
                    next_step="fab compare, which needs no stream",
                )


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    places: tuple[int, ...]
    """Where the key's columns stand among the columns."""


def _relation(message: bytes, known: Mapping[tuple[str, str], Relation]) -> tuple[int, _Table]:
    number = _INT32.unpack_from(message, 1)[0]
    schema, at = _text(message, 5)
    name, at = _text(message, at)
    count = _INT16.unpack_from(message, at + 1)[0]
    at += 3
    columns: list[str] = []
    for _ in range(count):
        column, at = _text(message, at + 1)
        columns.append(column)
        at += 8  # type and its modifier
    relation = known.get((schema, name))
    if relation is None:
        return number, _Table(f"{schema}.{name}", ())  # it was renamed; the definitions tell
    # A key that lost a column meanwhile is no key; the definitions tell that too.
    is_whole = set(relation.key) <= set(columns)
    places = tuple(columns.index(column) for column in relation.key) if is_whole else ()
    return number, _Table(relation.full_name, places)


def _row(message: bytes, tables: Mapping[int, _Table]) -> tuple[str, tuple[Key, ...]]:
    """Return the table that an insert, update or delete is about, and the keys that it touched."""
    table = tables[_INT32.unpack_from(message, 1)[0]]
    found: list[dict[int, str]] = []
    at = 5
    while at < len(message):
        # N: the new row; O: the old one, whole; K: its key alone.
        values, at = _values(message, at + 1, table.places)
        found.append(values)
    # What an update left as it was may be too large to be told again: it is as the old row has it.
    rows = [found[0], found[0] | found[1]] if len(found) == 2 else found
    complete = [tuple(row[place] for place in table.places) for row in rows if len(row) == len(table.places)]
    is_known = table.places and len(complete) == len(rows)
    return table.name, tuple(dict.fromkeys(complete)) if is_known else ()


def _values(message: bytes, at: int, places: tuple[int, ...]) -> tuple[dict[int, str], int]:
    """Return the values of a row at these places, those that are told; and the place behind the row."""
    count = _INT16.unpack_from(message, at)[0]
    at += 2
    found: dict[int, str] = {}
    for place in range(count):
        kind = message[at]
        at += 1
        if kind in b"tb":
            size = _INT32.unpack_from(message, at)[0]
            at += 4
            if place in places:
                found[place] = message[at : at + size].decode()
            at += size
    return found, at


def _text(message: bytes, at: int) -> tuple[str, int]:
    end = message.index(0, at)
    return message[at:end].decode(), end + 1
