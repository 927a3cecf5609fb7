"""
What two MariaDB databases were seen equal in, kept in a file between looks.

Promise: written whole or not at all. What is not in it was not seen, so a lost record costs a look at
every row and nothing else.
"""

from pathlib import Path

from migrate.case import write_whole
from provisioning.model import Model

_SUFFIX = ".json"


class Record(Model):
    """Every row was seen equal at these positions, but for the tables in `open`."""

    source: str
    """GTIDs up to which the source's log was read, as ``0-1-100``."""
    target: str
    rows: dict[str, int]
    """By table, on the source."""
    open: tuple[str, ...] = ()
    """Tables that differed, so that they are read as a whole the next time."""
    written: tuple[str, ...] = ()
    """Tables that somebody wrote on the target, beside the replication."""

    def save(self, store: Path) -> None:
        write_whole(store.with_suffix(_SUFFIX), self.model_dump_json().encode())


def load(store: Path) -> Record | None:
    """Return what was kept; None where nothing was, or nothing that this version reads."""
    try:
        return Record.model_validate_json(store.with_suffix(_SUFFIX).read_text())
    except (FileNotFoundError, ValueError):
        return None
