"""
What every way of moving a database has in common: the transfer contract.

Promise: whoever plans, runs or undoes a move knows nothing of engines and modes. A new way is one
module of this package with one class that meets `Transfer` (or `Live`, where the copy runs while the
source is at work), entered in ``migrate.transfer.WAYS``.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, Self, runtime_checkable

from pydantic import AwareDatetime, Field

from migrate.step import Progress
from provisioning.manifest import Throttle
from provisioning.model import Model


@dataclass(frozen=True)
class Task:
    """One database to move: from where to where, and for which attempt."""

    name: str
    """As the manifest calls the database."""
    attempt: str
    source: Any
    """As `migrate.engines` finds it: of the engine's own type, which only the engine's modules know."""
    target: Any
    """Likewise; logged in as the site's migration role. Live ways need its `mover`."""
    owner: str
    """The role on the target that owns everything; empty where the target keeps its own owners."""
    application: str
    """The role on the target that reads and writes rows; empty likewise."""
    workers: int = 2
    tenant: str = ""
    """With `name`, tells what this move leaves on a server from what another one does."""
    engine: str = "postgresql"
    """The source's, as the manifest names it."""
    throttle: Throttle = field(default_factory=Throttle)
    """When the copy yields to the source's own work."""
    target_engine: str = "postgresql"
    """As the site contract names it."""

    def turned(self) -> Self:
        """The same move the other way round, for what flows back; both sides keep their owners then."""
        return replace(
            self,
            source=self.target,
            target=self.source,
            owner="",
            application="",
            engine=self.target_engine,
            target_engine=self.engine,
        )


class Estimate(Model):
    """What a move will need. `bytes` is the source's size on disk, indexes included."""

    bytes: int
    needs_free_bytes: int
    """On the target's host, while it runs."""
    free_bytes: int

    @property
    def fits(self) -> bool:
        return self.free_bytes >= self.needs_free_bytes

    def lacking(self, host: str, what: str) -> str:
        """Say, of what does not fit, what is there and what it needs."""
        return f"{host} has {self.free_bytes >> 20} MiB free, {what} needs {self.needs_free_bytes >> 20} MiB"


class Copied(Model):
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
    lanes: dict[str, int] = Field(default_factory=dict)
    """How many relations went which way, for a way that has several; large objects are counted too."""

    @property
    def bytes_per_second(self) -> float:
        return self.bytes / self.seconds if self.seconds else 0.0


class Transferred(Model):
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


class Flow(Model):
    """How changes flow from a task's source to its target at one moment; nothing is changed by looking."""

    state: Literal["absent", "copying", "flowing", "paused", "broken"]
    lag_bytes: int | None = None
    """Log that the target has not confirmed yet."""
    lag_seconds: float | None = None
    retained_bytes: int | None = None
    """Log that the source keeps for this flow."""
    room_bytes: int | None = None
    """How much more of it the source can keep: its limit, or its disk; None where neither is known."""
    oldest_write_seconds: float | None = None
    """Age of the oldest transaction open on the source that has written, or could hold up a drain."""
    says: str = ""
    """What is wrong, when broken; what slows it, when throttled."""


class Drained(Model):
    """Everything that was committed on the source before the fence has been applied on the target."""

    source_position: str
    target_position: str
    seconds: float


class Settled(Model):
    """What replication does not carry and was brought over after the drain."""

    sequences: int
    large_objects: int
    """How many were written or removed."""
    refreshed: tuple[str, ...]
    """Materialised views filled anew, and unlogged tables copied anew."""
    seconds: float


class Turned(Model):
    """The flow is turned: the way back is armed, and proved by a real write and its removal."""

    proved_at: AwareDatetime
    round_trip_seconds: float
    seconds: float


@runtime_checkable
class Live(Transfer, Protocol):
    """
    A way whose copy runs while the source is at work; the stop is only the final sync.

    `copy` returns when the base copy is complete and changes flow; `empty` takes back everything, what
    lies on the source included. `drain`, `settle` and `turn` need a fence on ``task.source``: nobody but
    Bascule writes there. All take a task either way round (`Task.turned`), so that going live and
    rolling back are one thing in two directions.
    """

    def flow(self, task: Task) -> Flow:
        """Look; reads only."""
        ...

    def catch_up(
        self, task: Task, progress: Progress, *, within_seconds: float, timeout_seconds: float
    ) -> Flow:
        """
        Wait until the target is hardly behind and no old transaction could hold up a drain.

        Raises:
            TransferError: Not within the time, the flow broke, or the schema changed (with both definitions).
        """
        ...

    def make_ready(self, task: Task) -> None:
        """Make ahead of the switch all that `turn` needs and that can be made while the source is at work."""
        ...

    def pause(self, task: Task, why: str) -> None:
        """
        Have the copy, or the flow, wait until `resume`, whatever becomes of this process; `why` is shown.

        Raises:
            TransferError: Nothing was begun that could wait.
        """
        ...

    def resume(self, task: Task) -> None:
        """Have it go on where it stood; nothing is done where nothing waits."""
        ...

    def drain(self, task: Task, *, timeout_seconds: float) -> Drained:
        """
        Prove by a marker that the target has applied everything the fenced source committed.

        Raises:
            TransferError: Not within the time; names how far it came.
        """
        ...

    def settle(self, task: Task) -> Settled:
        """Bring over what replication does not carry: sequences, large objects, what is filled anew."""
        ...

    def turn(self, task: Task, *, timeout_seconds: float) -> Turned:
        """
        Pause this flow and arm and prove the one back, before anybody writes on the target.

        `turn_back` undoes it, and the paused flow goes on where it stood: it is kept until `let_go`.

        Raises:
            TransferError: The way back is not proved; it is not armed then.
        """
        ...

    def turn_back(self, task: Task) -> None:
        """Undo `turn`, also a half one, while nobody has written yet; this flow goes on."""
        ...

    def let_go(self, task: Task) -> None:
        """Remove this flow for good, whose opposite is in force: after going live, or after a rollback."""
        ...

    def end(self, task: Task) -> tuple[str, ...]:
        """
        Remove every trace on both sides: flows both ways, slots, roles, triggers, markers, settings.

        Returns:
            What each side still has that was not there at the start; empty when it is as it was found.
        """
        ...


@runtime_checkable
class Carried(Transfer, Protocol):
    """
    A way whose base comes in an archive that somebody carries; `copy` restores what arrived of it.

    One that is `Live` too lets flow what legacy kept since. Of the others a second archive, with what changed
    since, is made and loaded within the freeze.
    """

    keeps_changes: bool
    """Whether legacy has to keep what changes from the archive's dump on."""
