"""
Rows on their way back into a MariaDB database.

Promise: all rows of a table are read back as they were packed, before one of them is put back; those that
others refer to come first, since the server looks at foreign keys row by row. What is there already stays.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from migrate.errors import TransferError
from migrate.mariadb.columns import Table as Described
from migrate.mariadb.columns import carried
from migrate.mariadb.session import MariaSession, formatted, name
from migrate.purge.contract import Packed
from migrate.purge.mariadb.catalogue import foreign_keys, joins, listed, same
from migrate.purge.tables import Table, shown

_ROWS = name("bascule_rows")
_AT_ONCE_BYTES, _AT_ONCE_ROWS = 1 << 18, 500
_ESCAPED = {ord("n"): 10, ord("t"): 9, ord("r"): 13, ord("0"): 0}
_STATE = "Nothing was brought back."


class MariadbReturn:
    """As `migrate.purge.contract.Return`."""

    def __init__(self, session: MariaSession, described: Mapping[str, Described]) -> None:
        self._session, self._described = session, described

    def put(self, table: Table, columns: tuple[str, ...], chunks: Sequence[Packed]) -> int:
        described = self._described.get(table[1])
        if described is None or {column.name for column in described.stored} != set(columns):
            raise TransferError(
                f"{shown(table)} has not the columns any more that its rows were purged with",
                state=_STATE,
                next_step=f"let it have {', '.join(columns)}, then the same command again",
            )
        self._session.run(f"CREATE TEMPORARY TABLE {_ROWS} LIKE {name(*table)}")
        self._load(described, columns, chunks)
        put = self._insert(table, described, columns)
        self._session.run(f"DROP TEMPORARY TABLE {_ROWS}")
        return put

    def _load(self, described: Described, columns: tuple[str, ...], chunks: Sequence[Packed]) -> None:
        """Write rows beside the table, and read each of them back."""
        of = {column.name: column for column in described.stored}
        ways = [carried(of[called], "%s") for called in columns]
        # What has a % in its name must not be taken for a value's place.
        head = formatted(
            f"INSERT INTO {_ROWS} ({', '.join(of[called].quoted for called in columns)}) VALUES "
        )
        places = f"({', '.join(stored or '%s' for _, stored in ways)})"
        written = _Sum()
        for chunk in chunks:
            rows = _Rows(self._session, head, places, len(columns), described.name, written)
            chunk.load(rows)
            if rows.finish() != chunk.rows:
                raise _damaged(described.name, f"a chunk holds {rows.count} rows, not {chunk.rows}")
        fields = ", ".join(f"{text} AS f{number}" for number, (text, _) in enumerate(ways))
        found = _Sum()
        for row in self._session.stream(f"SELECT {fields} FROM {_ROWS}"):
            found.add("\t".join(map(str, row)).encode())
        if found != written:
            raise _damaged(described.name, "its columns do not hold the values that were purged")

    def _insert(self, table: Table, described: Described, columns: tuple[str, ...]) -> int:
        key, there = described.key, name(*table)
        absent = f"FROM {_ROWS} AS r LEFT JOIN {there} AS t ON {same(key, 't', 'r')}"
        absent += f" WHERE t.{name(key[0])} IS NULL"
        ready = "".join(
            f" AND ({' OR '.join(f'r.{name(column)} IS NULL' for column in one.columns)}"
            f" OR {joins(one, 'r', 'r')}"
            f" OR EXISTS (SELECT 1 FROM {there} AS p WHERE {joins(one, 'r', 'p')}))"
            for one in foreign_keys(self._session, table[0])
            if one.is_own and one.child == table
        )
        into = ", ".join(map(name, columns))
        put = 0
        while some := self._session.change(
            f"INSERT INTO {there} ({into}) SELECT {listed(columns, 'r')} {absent}{ready}"
        ):
            put += some
        if left := int(self._session.value(f"SELECT COUNT(*) {absent}")):
            raise TransferError(
                f"{left} rows of {shown(table)} refer to rows of it that are there no more",
                state=_STATE,
                next_step="see what became of those, then the same command again",
            )
        return put


class _Sum:
    """Says whether two heaps of lines are the same, in whatever order."""

    def __init__(self) -> None:
        self._sum = self._count = 0

    def add(self, line: bytes) -> None:
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(line).digest())) % (1 << 256)
        self._count += 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sum) and (self._sum, self._count) == (other._sum, other._count)

    __hash__ = None  # type: ignore[assignment] # it changes


class _Rows:
    """Takes lines, and writes them as rows."""

    def __init__(
        self, session: MariaSession, head: str, places: str, width: int, table: str, written: _Sum
    ) -> None:
        self._session, self._head, self._places = session, head, places
        self._width, self._table, self._written = width, table, written
        self._rest = b""
        self._waiting: list[list[str | None]] = []
        self._bytes = 0
        self.count = 0

    def write(self, data: bytes, /) -> int:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            values = [_value(one) for one in line.split(b"\t")]
            if len(values) != self._width:
                raise _damaged(self._table, f"a row has {len(values)} values, not {self._width}")
            self._written.add(line)
            self._waiting.append(values)
            self._bytes += len(line)
            self.count += 1
            if self._bytes > _AT_ONCE_BYTES or len(self._waiting) >= _AT_ONCE_ROWS:
                self._flush()
        return len(data)

    def finish(self) -> int:
        """Write the last rows; return how many came in all."""
        if self._rest:
            raise _damaged(self._table, "its last row is cut off")
        self._flush()
        return self.count

    def _flush(self) -> None:
        if self._waiting:
            places = ", ".join([self._places] * len(self._waiting))
            values = [value for row in self._waiting for value in row]
            self._session.change(self._head + places, *values)
        self._waiting, self._bytes = [], 0


def _value(text: bytes) -> str | None:
    """A field of a line; see `migrate.mariadb.columns.field`."""
    if text == b"\\N":
        return None
    if b"\\" not in text:
        return text.decode()
    return bytes(_unescaped(text)).decode()


def _unescaped(text: bytes) -> Iterator[int]:
    signs = iter(text)
    for sign in signs:
        if sign == ord("\\"):
            sign = next(signs)
            yield _ESCAPED.get(sign, sign)
        else:
            yield sign


def _damaged(table: str, why: str) -> TransferError:
    return TransferError(f"rows of {table}: {why}", state=_STATE, next_step="use another copy of the archive")
