"""
What an engine has to be able to do, so that rows of its databases can be purged.

Promise: whoever plans, exports, deletes or brings back knows nothing of engines. Rows travel as text of the
engine's own, a line a row, which only an engine of the same name reads again.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from migrate.archive.sealing import Reader, Writer
from migrate.purge.tables import Table, Tables
from provisioning.manifest_purge import Purge


class Selection(Protocol):
    """
    The rows that go, table by table, within one transaction.

    Promise: no row that stays refers to one that goes, so that no deletion cascades to a row that was not
    chosen.
    """

    @property
    def tables(self) -> Tables: ...

    def size(self, table: Table) -> tuple[int, int, int]:
        """Rows that go, the bytes of their values, and rows that stay."""
        ...

    def reading(self, table: Table, first: int, last: int) -> AbstractContextManager[Reader]:
        """Yield the rows number `first` to `last` of those that go, counted from 1, a line a row."""
        ...

    def delete(self, table: Table) -> int:
        """Delete the rows of one table; return how many were."""
        ...


@dataclass(frozen=True)
class Packed:
    """Rows of one table that lie in an archive; `load` writes them as lines."""

    rows: int
    load: Callable[[Writer], None]


class Return(Protocol):
    """Rows on their way back, within one transaction."""

    def put(self, table: Table, columns: tuple[str, ...], chunks: Sequence[Packed]) -> int:
        """
        Put rows of one table back that are not there; return how many were not.

        Raises:
            TransferError: They are not what the archive says, or the table does not take them.
        """
        ...


class PurgedDatabase(Protocol):
    """A database that rows are purged from."""

    def selecting(self, purge: Purge, as_of: date, *, held: bool) -> AbstractContextManager[Selection]:
        """
        Yield the rows that a purge takes, ages counted on `as_of`; deletions count when the block ends.

        Args:
            held: Nobody else changes a row of them until then.

        Raises:
            Refused: The rules do not fit the database; says in what.
        """
        ...

    def returning(self) -> AbstractContextManager[Return]:
        """Yield what puts rows back; all of it counts when the block ends, or none."""
        ...


class Lines:
    """What comes in pieces, as something to read from."""

    def __init__(self, pieces: Callable[[], bytes]) -> None:
        """
        Args:
            pieces: Gives the next piece, and an empty one at the end.
        """
        self._next, self._left = pieces, b""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most so many bytes; with a negative `size`, as many as came."""
        left = self._left or self._next()
        if size < 0:
            size = len(left)
        self._left = left[size:]
        return left[:size]
