"""
How databases of each engine get into an archive, and what legacy keeps meanwhile.

Promise: the one place of `migrate.archive` that chooses by engine; another one is one class and one entry.
"""

from collections.abc import Callable
from typing import Any, Protocol

from migrate.archive.layout import Facts, Reserved
from migrate.step import Progress
from migrate.transfer.contract import Task
from migrate.transfer.mariadb_staged.dumper import MariadbDumper
from migrate.transfer.postgresql_staged.dumper import PostgresqlDumper

Found = dict[str, Any]
"""What a server was like before anything was made on it, as JSON keeps it; only its engine reads it."""


class Dumper(Protocol):
    """One engine's. Of each task only the source is asked; its target may be out of reach."""

    def dump(self, task: Task, archive: str, progress: Progress, *, reserved: Reserved | None) -> Facts:
        """
        Dump the source for an archive, unless that was done, and return what it was then.

        Args:
            reserved: What legacy keeps its changes by; they begin exactly where the dump ends.

        Raises:
            TransferError: Too little room beside the source, or not all of it could be dumped.
        """
        ...

    def fingerprint(self, task: Task) -> str:
        """Return one digest over the source's definitions."""
        ...

    def reserve(self, task: Task, found: Found | None, keep: Callable[[Found], None]) -> Reserved:
        """
        Have the source keep what changes from now on. May be repeated.

        Args:
            found: The source as it was, where it was reserved before.
            keep: Keeps that for later, before anything is changed.

        Raises:
            TransferError: It cannot keep them; says what would have to be otherwise.
        """
        ...

    def keeps(self, task: Task, facts: Facts, reserved: Reserved) -> str:
        """Say how much is kept since a dump, and how much more can be; reads only."""
        ...

    def can_flow(self, task: Task, facts: Facts, reserved: Reserved) -> bool:
        """Tell whether another attempt can begin with a dump: all changes since are kept; reads only."""
        ...

    def is_followed(self, task: Task, facts: Facts, reserved: Reserved) -> bool:
        """Tell whether a move has begun to follow the source from a dump, as far as the source tells."""
        ...

    def release(self, task: Task, found: Found) -> tuple[str, ...]:
        """Take away what `reserve` made; return what the source has otherwise than before."""
        ...


DUMPERS: dict[str, Dumper] = {"postgresql": PostgresqlDumper(), "mariadb": MariadbDumper()}
"""By the source's engine."""
