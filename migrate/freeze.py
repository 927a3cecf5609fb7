"""
The freeze: legacy is read-only and stays readable, until the move went through or is called off.

Promise: after `freeze` no client can write, not even one that was connected before; what was set
before is put back exactly; each legacy host holds a lease (`migrate.lease`) and lifts the freeze
alone when Bascule does not renew it. `commit_freeze` is the point of no return: from then on
legacy stays read-only for good. All of it may be repeated.

A session may still switch its own read-only flag off: such writes are not prevented here, they are
counted, and `require_held` refuses to go on with them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pydantic import AwareDatetime

from migrate.databases import legacy_database, query, value
from migrate.errors import FreezeError
from migrate.lease import Lease, Look
from migrate.lease.renewal import Renewal
from migrate.read_only import GRACE_SECONDS, Evidence, FrozenDatabase, is_read_only, make_read_only
from migrate.step import StepContext
from provisioning.manifest import LegacyDatabase

LEASE_SECONDS = 60


class Freeze(Evidence):
    """The freeze of one attempt: evidence ``freeze``."""

    attempt: str
    lease_seconds: int
    hosts: tuple[str, ...]
    """Legacy hosts that hold a lease."""
    databases: tuple[FrozenDatabase, ...]
    committed_at: AwareDatetime | None = None

    @property
    def frozen_at(self) -> datetime:
        """When the first database stopped taking writes."""
        return min(database.frozen_at for database in self.databases)


def concerned_hosts(ctx: StepContext) -> tuple[str, ...]:
    """Names of the legacy hosts that have a database or an interface, each of which holds a lease."""
    manifest = ctx.manifest
    concerned = {d.host for d in manifest.legacy.databases} | {i.host for i in manifest.interfaces}
    return tuple(host.name for host in manifest.legacy.hosts if host.name in concerned)


def leases(ctx: StepContext) -> list[Lease]:
    """The leases of a tenant, one a host of `concerned_hosts`."""
    return [Lease(ctx.hosts.legacy(name), name, ctx.manifest.tenant) for name in concerned_hosts(ctx)]


def begin_lease(ctx: StepContext) -> int:
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
    databases = {database.host for database in ctx.manifest.legacy.databases}
    for lease in leases(ctx):
        controls = [i.control for i in ctx.manifest.interfaces if i.host == lease.host]
        lease.arm(ctx.attempt, seconds, controls, needs_psql=lease.host in databases)
        if named is not None and (begun := lease.look().seconds) != seconds:
            raise FreezeError(
                f"{lease.host}: the lease of {ctx.attempt} was begun with {begun} s, so {seconds} s count for"
                " nothing",
                next_step="write lease_seconds with the first step that begins it, hold-interfaces",
            )
    return seconds


@contextmanager
def keep_alive(ctx: StepContext) -> Iterator[Renewal]:
    """Renew the leases in the background, four times within each; never raises for one that ran out."""
    with Renewal(ctx.hosts, concerned_hosts(ctx), ctx.manifest.tenant) as renewal:
        yield renewal


def freeze(ctx: StepContext) -> Freeze:
    """
    Make every legacy database read-only, as a lease, and return the evidence.

    Raises:
        FreezeError: It could not be done; what was done already is undone by `unfreeze`.
    """
    begin_lease(ctx)
    by_host = {lease.host: lease for lease in leases(ctx)}
    with keep_alive(ctx):
        frozen = tuple(
            _freeze_one(ctx, database, by_host[database.host]) for database in ctx.manifest.legacy.databases
        )
    # A lease that ran out meanwhile has lifted some of it; this says so now.
    seen = [lease.renew() for lease in by_host.values()]
    evidence = Freeze(
        attempt=ctx.attempt, lease_seconds=seen[0].seconds, hosts=tuple(by_host), databases=frozen
    )
    ctx.case.write_evidence("freeze", evidence)
    return evidence


def unfreeze(ctx: StepContext, reason: str = "called off") -> dict[str, Look]:
    """
    Put legacy back as it was before the freeze; return what each host's lease says now.

    Sessions that began during the freeze are ended, since they would stay read-only.

    Raises:
        FreezeError: A host could not do it; the others are done.
    """
    failures: list[FreezeError] = []
    for lease in leases(ctx):
        declared = [database for database in ctx.manifest.legacy.databases if database.host == lease.host]
        databases = {database.name: legacy_database(ctx.hosts, database) for database in declared}
        try:
            # One that its host lifted already is not lifted twice: that would end sessions of users at work.
            if lease.look().state == "lifted" and not any(map(is_read_only, databases.values())):
                continue
            lease.lift({name: database.endpoint for name, database in databases.items()}, reason)
        except FreezeError as error:
            failures.append(error)
    if failures:
        raise FreezeError(
            "; ".join(error.what for error in failures),
            state="Legacy may still be read-only there; its keeper, if it runs, goes on trying.",
            next_step=f"fab unfreeze --tenant {ctx.manifest.tenant}",
        )
    return {lease.host: lease.look() for lease in leases(ctx)}


def require_held(ctx: StepContext) -> None:
    """
    Make sure that legacy is still frozen for this attempt and that nobody went round it.

    Raises:
        FreezeError: The lease ran out, or something was written since the freeze.
    """
    for lease in leases(ctx):
        seen = lease.look()
        if seen.state not in ("armed", "committed") or seen.attempt != ctx.attempt:
            raise lease.refusal(seen, ctx.attempt)
    evidence = ctx.case.read_evidence("freeze", Freeze)
    for frozen in evidence.databases:
        database = next(d for d in ctx.manifest.legacy.databases if d.name == frozen.name)
        with legacy_database(ctx.hosts, database).opened() as session:
            now = value(session, query("freeze_rows_written"))
        if now > frozen.rows_written:
            raise FreezeError(
                f"{frozen.dbname}: {now - frozen.rows_written} rows were written during the freeze, by a "
                "session that switched its own read-only flag off",
                state="Legacy is read-only for all others; what was copied may be older than that.",
                next_step="find and stop that job on legacy, then fab run",
            )


def commit_freeze(ctx: StepContext) -> Freeze:
    """
    Give the leases up: the point of no return. Legacy stays read-only from now on, for good.

    Raises:
        FreezeError: A host has lifted the freeze already: the move must not go through.
    """
    evidence = ctx.case.read_evidence("freeze", Freeze)
    for lease in leases(ctx):
        lease.commit(ctx.attempt)
    committed = evidence.model_copy(update={"committed_at": evidence.committed_at or datetime.now(UTC)})
    ctx.case.write_evidence("freeze", committed)
    return committed


def _freeze_one(ctx: StepContext, database: LegacyDatabase, lease: Lease) -> FrozenDatabase:
    frozen = make_read_only(
        legacy_database(ctx.hosts, database),
        database,
        protect=lease.protect,
        grace_seconds=float(ctx.params.get("grace_seconds", GRACE_SECONDS)),
    )
    ctx.progress.say(f"{database.dbname}: read-only, and no session left that could write")
    for one in frozen.ended:
        if one.transaction_seconds is not None:
            who = f"{one.user} ({one.application or 'no name'})"
            ctx.progress.say(
                f"{database.dbname}: ended a transaction of {who}, open for {one.transaction_seconds:.1f} s"
            )
    return frozen
