"""
What two MariaDB databases were seen equal in, kept in a file between looks.

Promise: written whole or not at all. What is not in it was not seen, so a lost record costs a look at
every row and nothing else.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from migrate.case import write_whole
from migrate.compare.verdict import TableResult
from provisioning.model import Model

_SUFFIX = ".json"


class Record(Model):
    """
    Every row of the tables in `rows` was seen equal at these positions, but for those in `open`.

    A table that is not there was not read yet: whoever compared was cut off.
    """

    source: str
    """GTIDs up to which the source's log was read, as ``0-1-100``."""
    target: str
    rows: dict[str, int]
    """By table, on the source."""
    open: tuple[str, ...] = ()
    """Tables that differed, so that they are read as a whole the next time."""
    written: tuple[str, ...] = ()
    """Tables that somebody wrote on the target, beside the replication."""

    def of(self, found: Sequence[TableResult]) -> Self:
        """As it is, of these tables."""
        rows = {one.name: one.source_rows or 0 for one in found}
        return self.model_copy(
            update={"rows": rows, "open": tuple(one.name for one in found if not one.agrees)}
        )

    def save(self, store: Path) -> None:
        write_whole(store.with_suffix(_SUFFIX), self.model_dump_json().encode())


def load(store: Path) -> Record | None:
    """Return what was kept; None where nothing was, or nothing that this version reads."""
    try:
        return Record.model_validate_json(store.with_suffix(_SUFFIX).read_text())
    except (FileNotFoundError, ValueError):
        return None
