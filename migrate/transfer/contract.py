"""
What every way of moving a database has in common: the transfer contract.

Promise: whoever plans, runs or undoes a move knows nothing of engines and modes. A new way is one
module of this package with one class that meets `Transfer`, entered in ``migrate.transfer.WAYS``.
"""

from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from migrate.databases import Database
from migrate.step import Progress


class _Evidence(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Task:
    """One database to move: from where to where, and for which attempt."""

    name: str
    """As the manifest calls the database."""
    attempt: str
    source: Database
    target: Database
    """Logged in as the site's migration role."""
    owner: str
    """The role on the target that owns everything."""
    application: str
    """The role on the target that reads and writes rows."""
    workers: int = 2


class Estimate(_Evidence):
    """What a move will need. `bytes` is the source's size on disk, indexes included."""

    bytes: int
    needs_free_bytes: int
    """On the target's host, while it runs."""
    free_bytes: int

    @property
    def fits(self) -> bool:
        return self.free_bytes >= self.needs_free_bytes


class Copied(_Evidence):
    """What was moved, and how fast: one entry of evidence ``transfer``."""

    name: str
    mode: str
    engine: str
    bytes: int
    """Size of the target database afterwards."""
    tables: int
    large_objects: int
    seconds: float
    stages: dict[str, float]
    """Seconds of each part of the work, in order."""

    @property
    def bytes_per_second(self) -> float:
        return self.bytes / self.seconds if self.seconds else 0.0


class Transferred(_Evidence):
    """All databases of one attempt: evidence ``transfer``."""

    attempt: str
    databases: tuple[Copied, ...]


class Transfer(Protocol):
    """One way of moving one engine's databases. Every method may be repeated."""

    def estimate(self, task: Task) -> Estimate:
        """Measure what the move needs; reads only."""
        ...

    def copy(self, task: Task, progress: Progress) -> Copied:
        """
        Move everything. One that was interrupted goes on from, or attaches to, what already happened.

        Raises:
            TransferError: Something was not moved, whatever the exit status of the tools said.
        """
        ...

    def empty(self, task: Task) -> None:
        """End what still runs, and take back everything that `copy` put on the target, or half put."""
        ...
