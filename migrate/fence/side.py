"""
One side under a fence: its databases, and the leases of the hosts that lift it again.

Promise: the same for the legacy system, which is frozen to go live, and for the site, which is fenced to
go back. Each host holds a lease before anything changes there, and what lifts its databases lies on it;
`freeze`, `thaw`, `require_held` and `commit` may all be repeated.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

from fabric import Connection
from pydantic import AwareDatetime

from migrate.errors import ConnectionFailed, FreezeError, MigrationError
from migrate.fence import FENCES, GRACE_SECONDS, Fence, FrozenDatabase, Watched
from migrate.lease import Lease, Look
from migrate.lease.renewal import Renewal, Renewed
from migrate.step import StepContext
from provisioning.model import Model

LEASE_SECONDS = 60
LIMIT_SECONDS = 30
"""How long a frozen section lasts at most, unless the copy is made within it."""


class HalfThawed(FreezeError):  # noqa: N818 - reads as what it is
    """Not all was put back, but at least one database takes writes again: users may be at work there."""


class Freeze(Model):
    """The freeze of one attempt: evidence ``freeze``, or ``site-freeze`` on the way back."""

    attempt: str
    lease_seconds: int
    hosts: tuple[str, ...]
    """Hosts that hold a lease."""
    databases: tuple[FrozenDatabase, ...]
    limit_seconds: int | None = None
    """The freeze ends by itself after so long, renewed or not; None without a limit."""
    committed_at: AwareDatetime | None = None

    @property
    def frozen_at(self) -> datetime:
        """When the first database stopped taking writes."""
        return min(database.frozen_at for database in self.databases)

    @property
    def until(self) -> datetime | None:
        """When the hosts lift it at the latest, unless it is committed; None without a limit."""
        return self.frozen_at + timedelta(seconds=self.limit_seconds) if self.limit_seconds else None


@dataclass(frozen=True)
class Guarded:
    """One database of a side. `name` is what the manifest calls it."""

    name: str
    engine: str
    database: Any
    """As `migrate.engines` finds it, of the type that the engine's fence knows."""

    @property
    def fence(self) -> Fence:
        return FENCES[self.engine]


@dataclass(frozen=True)
class Place:
    """One host of a side: its lease, and what the host puts back when it lifts it."""

    lease: Lease
    connect: Callable[[], Connection]
    """Makes a connection of its own to the host."""
    databases: tuple[Guarded, ...]
    controls: tuple[str, ...] = ()
    """Control commands of the interfaces that the host puts back, relative to its login folder."""


@dataclass(frozen=True)
class Side:
    """All of one side. `record` is the journal's kind for what users can do there, `about` its subject."""

    name: str
    """As sentences begin with it, such as ``Legacy``."""
    places: tuple[Place, ...]
    evidence: Literal["freeze", "site-freeze"]
    record: Literal["legacy", "site"]
    about: str
    unfreeze: str
    """The command by which a person makes it writable again."""

    @property
    def leases(self) -> list[Lease]:
        return [place.lease for place in self.places]

    @property
    def databases(self) -> list[Guarded]:
        return [one for place in self.places for one in place.databases]


def begin_lease(ctx: StepContext, side: Side) -> int:
    """
    Begin the lease on every host before anything is held or frozen there; return its seconds.

    Raises:
        FreezeError: It ran out in this attempt, another attempt holds it, or an earlier step of this attempt
            began it with other seconds than this one names.
    """
    named = ctx.params.get("lease_seconds")
    seconds = LEASE_SECONDS if named is None else int(named)
    if seconds < 3:
        raise FreezeError(
            f"a lease of {seconds} s is too short to renew", next_step="lease_seconds: 3 or more"
        )
    begun = seconds
    for place in side.places:
        lease, fences = place.lease, {one.fence for one in place.databases}
        needs = sorted({program for fence in fences for program in fence.lift_needs})
        # Given up for good, and open again all the same: what it held is over.
        is_over = partial(_is_open, place)
        begun = lease.arm(ctx.attempt, seconds, place.controls, needs=needs, is_over=is_over).seconds
        if named is not None and begun != seconds:
            raise FreezeError(
                f"{lease.host}: the lease of {ctx.attempt} was begun with {begun} s, so {seconds} s count for"
                " nothing",
                next_step="write lease_seconds with the first step that begins it, hold-interfaces",
            )
    return begun


@contextmanager
def keep_alive(side: Side, *, after_seconds: float = 0.0) -> Iterator[Renewal]:
    """Renew the leases in the background, four times within each; never raises for one that ran out."""
    every = [Renewed(place.lease, place.connect) for place in side.places]
    with Renewal(every, after_seconds=after_seconds) as renewal:
        yield renewal


def freeze(ctx: StepContext, side: Side, *, limit_seconds: int | None) -> Freeze:
    """
    Let nobody write into the side's databases, as a lease, and return the evidence.

    Everything that takes time without need is done before the first of them is frozen.

    Args:
        limit_seconds: How long that may last, renewed or not.

    Raises:
        FreezeError: It could not be done; what was done already is undone by `thaw`.
    """
    seconds = begin_lease(ctx, side)
    until = datetime.now(UTC) + timedelta(seconds=limit_seconds or seconds)
    # Whoever is killed from here on leaves word of when the host lifts it.
    ctx.case.journal.append(
        side.record, side.about, state="read-only", until=until.isoformat(), attempt=ctx.attempt
    )
    with keep_alive(side, after_seconds=seconds / 4):
        frozen = tuple(
            _freeze_one(ctx, place.lease, one, seconds, limit_seconds)
            for place in side.places
            for one in place.databases
        )
    evidence = Freeze(
        attempt=ctx.attempt,
        lease_seconds=seconds,
        hosts=tuple(lease.host for lease in side.leases),
        databases=frozen,
        limit_seconds=limit_seconds,
    )
    ctx.case.write_evidence(side.evidence, evidence)
    return evidence


def thaw(side: Side, reason: str) -> dict[str, Look]:
    """
    Put the side back as it was before the freeze; return what each host's lease says now.

    Sessions that began during the freeze are ended, since they would stay read-only.

    Raises:
        HalfThawed: A host could not do all of it, but databases take writes again.
        FreezeError: As that, but none does, as far as can be known.
    """
    failures: list[MigrationError] = []
    looks: dict[str, Look] = {}
    is_open = False
    for place in side.places:
        # Straight to the database first, since somebody waits; then the host, which puts back the rest, and
        # where it lifted everything already, nothing twice.
        stuck = [error for one in place.databases if (error := _lift(one))]
        is_open |= len(stuck) < len(place.databases)
        try:
            secrets = {
                name: content
                for one in place.databases
                for name, content in one.fence.lift_files(one.name, one.database).items()
                if name.startswith("secret-")
            }
            looks[place.lease.host] = place.lease.lift(secrets, reason, again=bool(stuck))
            if stuck and looks[place.lease.host].state == "absent":
                failures.extend(stuck)
        except MigrationError as error:
            failures.append(error)
    if failures:
        raise (HalfThawed if is_open else FreezeError)(
            "; ".join(error.what for error in failures),
            state=f"{side.name} takes writes again, but not everything was put back."
            if is_open
            else f"{side.name} may still be read-only there; its keeper, if it runs, goes on trying.",
            next_step=side.unfreeze,
        )
    return looks


def require_held(ctx: StepContext, side: Side) -> None:
    """
    Make sure that the side is still frozen for this attempt and that nobody went round it.

    Once it is committed nothing is counted any more: what flows back is written there.

    Raises:
        FreezeError: The lease ran out or is over its limit, or something was written since the freeze.
    """
    evidence = ctx.case.read_evidence(side.evidence, Freeze)
    counted = [frozen for frozen in evidence.databases if evidence.committed_at is None]
    by_name = {one.name: one for one in side.databases}
    with ThreadPoolExecutor(len(side.places) + len(counted)) as at_once:
        looks = [(lease, at_once.submit(lease.look)) for lease in side.leases]
        watches = [
            (frozen, at_once.submit(by_name[frozen.name].fence.writes_since, by_name[frozen.name].database))
            for frozen in counted
        ]
    for lease, look in looks:
        seen = look.result()
        if seen.state not in ("armed", "committed") or seen.attempt != ctx.attempt:
            raise lease.refusal(seen, ctx.attempt)
    for frozen, watch in watches:
        now = watch.result()
        if not now.is_fenced:
            raise FreezeError(
                f"{frozen.dbname} can be written again, though its lease still holds",
                state="Somebody put it back on the server.",
                next_step="find out who, then fab run",
            )
        if (more := now.rows_written - frozen.rows_written) == 0:
            continue
        raise FreezeError(
            f"{frozen.dbname}: {more} rows were written during the freeze, by {_whoever(frozen, now)}"
            if more > 0
            else f"{frozen.dbname}: the server began to count its rows anew during the freeze (a crash, or a"
            " reset), so nobody can tell whether any were written",
            state=f"{side.name} is read-only for all others; what was copied may be older than that.",
            next_step="find and stop that job on the server, then fab run",
        )


def commit(ctx: StepContext, side: Side) -> Freeze:
    """
    Give the leases up: the point of no return. The side stays read-only from now on, for good.

    Raises:
        FreezeError: A host has lifted the freeze already: the move must not go through.
    """
    evidence = ctx.case.read_evidence(side.evidence, Freeze)
    for lease in side.leases:
        lease.commit(ctx.attempt)
    committed = evidence.model_copy(update={"committed_at": evidence.committed_at or datetime.now(UTC)})
    ctx.case.write_evidence(side.evidence, committed)
    return committed


def remaining(side: Side) -> int | None:
    """Seconds until the first host lifts the freeze at its limit; None without one, or after the commit."""
    looks = [lease.look() for lease in side.leases]
    left = [seen.left_seconds for seen in looks if seen.state == "armed" and seen.left_seconds is not None]
    return max(0, min(left)) if left else None


def _freeze_one(
    ctx: StepContext, lease: Lease, one: Guarded, seconds: int, limit_seconds: int | None
) -> FrozenDatabase:
    lifting = one.fence.lift_files(one.name, one.database)
    frozen = one.fence.fence(
        one.database,
        name=one.name,
        grace_seconds=float(ctx.params.get("grace_seconds", GRACE_SECONDS)),
        # The keeper counts in whole seconds.
        within_seconds=min(seconds, limit_seconds or seconds) - 1,
        before=lambda: lease.protect(one.name, lifting, limit_seconds=limit_seconds) or datetime.now(UTC),
    )
    ctx.progress.say(f"{frozen.dbname}: read-only, and no session left that could write")
    for each in frozen.ended:
        if each.transaction_seconds is not None:
            who = f"{each.user} ({each.application or 'no name'})"
            ctx.progress.say(
                f"{frozen.dbname}: ended a transaction of {who}, open for {each.transaction_seconds:.1f} s"
            )
    return frozen


def _is_open(place: Place) -> bool:
    return not any(one.fence.is_fenced(one.database) for one in place.databases)


def _lift(one: Guarded) -> MigrationError | None:
    """Lift one straight away; return why it could not be, and its host has to try."""
    try:
        one.fence.lift(one.database)
    except (FreezeError, ConnectionFailed) as error:
        return error
    return None


def _whoever(frozen: FrozenDatabase, now: Watched) -> str:
    who = (
        "a session that switched its own read-only flag off"
        if frozen.held_by == "flag"
        else f"a role that no right can be taken from ({', '.join(frozen.excepted)})"
    )
    return f"{who}; at work there: {', '.join(now.suspects)}" if now.suspects else who
