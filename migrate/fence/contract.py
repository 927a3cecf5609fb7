"""
What fences of every engine have in common.

Promise: whoever freezes, thaws or watches a database knows nothing of engines. Another engine is one
module of this package with one class that meets `Fence`, entered in ``migrate.fence.FENCES``.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic import AwareDatetime

from provisioning.model import Model

GRACE_SECONDS = 2.0
"""How long a transaction that is open at the freeze may take to end by itself."""


class EndedSession(Model):
    """A session that the fence ended. What it ran is not kept: it may hold personal data."""

    user: str
    application: str
    client: str | None
    transaction_seconds: float | None
    """How long its transaction had been open; None when it had none."""
    had_written: bool


class FrozenDatabase(Model):
    """One database that takes no writes: an entry of evidence ``freeze``."""

    name: str
    """As the manifest calls it."""
    dbname: str
    frozen_at: AwareDatetime
    """Just before the first statement; where a crash made a second one necessary, before the first of all."""
    seconds: float
    """From the first statement until no session could write any more."""
    ended: tuple[EndedSession, ...]
    rows_written: int
    """The server's counter once nobody could write any more; it must not move."""
    held_by: Literal["rights", "flag"] = "rights"
    """rights: who switches his own read-only flag off may not write either. flag: he may, and is noticed."""
    excepted: tuple[str, ...] = ()
    """Roles that can log in and that no right can be taken from; what they write is noticed."""


class Watched(Model):
    """What is known of a fenced database now."""

    is_fenced: bool
    rows_written: int
    """To be compared with `FrozenDatabase.rows_written`; lower means that the server began to count anew."""
    suspects: tuple[str, ...] = ()
    """Sessions that could write all the same, with role, program and since when."""


class Fence(Protocol):
    """
    How one engine keeps everybody from writing into a database that stays readable.

    Sessions of Bascule itself (its own login, its own application name) live on and may write. What
    replication applies is let in. Every method may be repeated, and done after a crash of either side.
    `database` is of the engine's own type, as `migrate.engines` finds it.
    """

    lift_needs: tuple[str, ...]
    """Programs that a host must have, so that it can lift a fence with `lift_files` alone."""

    def fence(
        self,
        database: Any,
        *,
        name: str = "",
        grace_seconds: float = GRACE_SECONDS,
        within_seconds: float | None = None,
        before: Callable[[], datetime] | None = None,
    ) -> FrozenDatabase:
        """
        Let nobody write any more; what lifts it again is kept in the database, before anything changes.

        Args:
            name: As the manifest calls the database; for the evidence.
            grace_seconds: How long a transaction that is open now may take to end by itself.
            within_seconds: The server refuses to begin later than this: whoever keeps the lease has lifted
                it by then, and would not lift what comes after.
            before: Called once nothing is left that could refuse the fence, and before anything changes;
                returns now, or when the fence was begun at first, before the crash that is made up for.

        Raises:
            FreezeError: It cannot be done; what was done is undone by `lift`.
        """
        ...

    def lift(self, database: Any) -> None:
        """
        Put everything back exactly, and end the sessions that began under the fence; no fence is no error.

        Raises:
            FreezeError: It could not be lifted.
        """
        ...

    def lift_files(self, name: str, database: Any) -> Mapping[str, bytes]:
        """
        What a host needs to do the same as `lift` alone: the files of a lease, by name.

        One of them is ``restore-<name>.sh``, which is run in the lease's folder and may be repeated. A
        password lies in ``secret-<name>``, which is removed when it is needed no more.
        """
        ...

    def is_fenced(self, database: Any) -> bool:
        """Tell whether the fence is in force, by what the server says."""
        ...

    def writes_since(self, database: Any) -> Watched:
        """Look who wrote or may be writing; changes nothing."""
        ...
