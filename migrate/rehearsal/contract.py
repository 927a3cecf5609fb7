"""
What a rehearsal needs of an engine: a stage to switch on, users who write there, and faults to be found.

Promise: whoever rehearses knows nothing of engines. Another engine is one module of this package with one
class that meets `Rehearsing`, entered in ``migrate.rehearsal.engines.REHEARSALS``.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import Protocol

from migrate.compare.planted import Planted
from migrate.compare.verdict import DatabaseComparison
from migrate.errors import ConnectionFailed, TransferError
from migrate.step import StepContext
from migrate.transfer.contract import Copied, Live, Task, Transfer

NAME = "rehearsal"
"""What the move is called while it is rehearsed: in names of slots, flows, jobs and streams."""
STATE = "This is the test environment; legacy was only read."
"""Of everything that fails here."""


class User(Protocol):
    """A session as the application has one: with its rights, not with Bascule's."""

    @property
    def is_open(self) -> bool:
        """Whether the server has not ended it yet."""
        ...

    def write(self, client: int, number: int) -> None:
        """
        Put a number into the users' ledger, and commit; one that is there already is there once.

        Raises:
            MigrationError: It was not taken, or nobody knows whether it was.
        """
        ...

    def close(self) -> None: ...


Connect = Callable[[], User]
"""Opens a session; raises `MigrationError` where nobody is let in."""


def behind(door: Event, name: str, connect: Connect) -> Connect:
    """Let nobody through to a database before its door is open."""

    def enter() -> User:
        if not door.is_set():
            raise ConnectionFailed(f"{name}: its door is closed")
        return connect()

    return enter


def require_tables(name: str, count: int) -> None:
    """
    Refuse to rehearse on nothing.

    Raises:
        TransferError: The copy has no table.
    """
    if count == 0:
        raise TransferError(
            f"the copy of {name} holds no table, so there is nothing to rehearse",
            state=STATE,
            next_step="correct legacy.databases in the manifest",
        )


Verdict = Callable[[str, str], DatabaseComparison]
"""The verdict between two fenced sides, at the source's position and the target's."""


class QuietStage(Protocol):
    """A copy of legacy in the test environment, and the test site's own database."""

    @property
    def work(self) -> Task: ...

    def planted(self) -> AbstractContextManager[Sequence[Planted]]:
        """
        Plant one fault of each kind that the target has room for, and take all of them back at the end.

        Raises:
            ComparisonError: The server refuses.
        """
        ...


class BulkStage(QuietStage, Protocol):
    """One whose move is a copy."""

    @property
    def bulk(self) -> Transfer: ...

    @property
    def move(self) -> Task:
        """What `bulk` is to copy: from the copy to the test site's database, as the cutover does."""
        ...

    @property
    def loaded(self) -> Copied:
        """How legacy's own copy went, which is the cutover's but for who works beside it."""
        ...


class Stage(QuietStage, Protocol):
    """One whose move flows, and is turned round."""

    @property
    def live(self) -> Live: ...

    def users(self, door: Event) -> Mapping[str, Connect]:
        """How users reach ``source`` and ``target``; nobody reaches the target before `door` is open."""
        ...

    def held(self) -> Mapping[int, int]:
        """How many numbers of each client the source's ledger holds."""
        ...

    def judging(self, store: Path) -> AbstractContextManager[Verdict]:
        """Compare what has changed so far, beside users at work, and be ready for the verdict."""
        ...

    def rest(self) -> None:
        """Wait for what a rehearsal has to wait for between two switches, and a move has not."""
        ...


class RehearsingBulk(Protocol):
    """How moves in bulk between two engines are rehearsed."""

    def staged_bulk(self, ctx: StepContext) -> AbstractContextManager[BulkStage]:
        """As `Rehearsing.staged`."""
        ...


class Rehearsing(Protocol):
    """How moves between two engines are rehearsed."""

    def staged(self, ctx: StepContext) -> AbstractContextManager[Stage]:
        """
        Take away what an earlier rehearsal left, and set the stage; nothing of it is left at the end.

        Raises:
            TransferError: Legacy could not be copied, or there is no room for it.
            MigrationError: The test site is not stood up for a move.
        """
        ...

    def clear(self, ctx: StepContext) -> bool:
        """Take away what a rehearsal left that was cut short; return whether there was anything."""
        ...
