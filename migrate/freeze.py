"""
The freeze: legacy is read-only and stays readable, until the move went through or is called off.

Promise: after `freeze` no client can write, not even one that switches its own read-only flag off, nor
one that was connected before; superusers are excepted and watched, and `require_held` refuses to go
on when they wrote. What was set before is put back exactly; each legacy host holds a lease
(`migrate.lease`) and lifts the freeze alone when Bascule does not renew it, or at its limit.
`commit_freeze` is the point of no return: from then on legacy stays read-only for good. All of it may
be repeated. The way back fences the site in the same manner (`migrate.fence.site`).
"""

from contextlib import AbstractContextManager
from functools import partial

from migrate.connections import connect
from migrate.engines import legacy_database
from migrate.fence import side as sides
from migrate.fence.side import LIMIT_SECONDS, Freeze, Guarded, Place, Side
from migrate.lease import Lease, Look
from migrate.lease.renewal import Renewal
from migrate.step import StepContext

__all__ = [
    "Freeze",
    "begin_lease",
    "commit_freeze",
    "concerned_hosts",
    "freeze",
    "keep_alive",
    "leases",
    "legacy_side",
    "remaining",
    "require_held",
    "unfreeze",
]


def concerned_hosts(ctx: StepContext) -> tuple[str, ...]:
    """Names of the legacy hosts that have a database or an interface, each of which holds a lease."""
    manifest = ctx.manifest
    concerned = {d.host for d in manifest.legacy.databases} | {i.host for i in manifest.interfaces}
    return tuple(host.name for host in manifest.legacy.hosts if host.name in concerned)


def legacy_side(ctx: StepContext) -> Side:
    """The tenant's legacy system: a host each of `concerned_hosts`, with its databases and interfaces."""
    manifest, hosts = ctx.manifest, ctx.hosts
    return Side(
        name="Legacy",
        places=tuple(
            Place(
                lease=Lease(hosts.legacy(name), name, manifest.tenant),
                connect=partial(connect, *hosts.legacy_ssh_config(name)),
                databases=tuple(
                    Guarded(database.name, database.engine, legacy_database(hosts, database))
                    for database in manifest.legacy.databases
                    if database.host == name
                ),
                controls=tuple(i.control for i in manifest.interfaces if i.host == name),
            )
            for name in concerned_hosts(ctx)
        ),
        evidence="freeze",
        record="legacy",
        about=manifest.tenant,
        unfreeze=f"fab unfreeze --tenant {manifest.tenant}",
    )


def leases(ctx: StepContext) -> list[Lease]:
    """The leases of a tenant, one a host of `concerned_hosts`."""
    return legacy_side(ctx).leases


def begin_lease(ctx: StepContext) -> int:
    """Begin the lease on every host before anything is held or frozen there; see `side.begin_lease`."""
    return sides.begin_lease(ctx, legacy_side(ctx))


def keep_alive(ctx: StepContext) -> AbstractContextManager[Renewal]:
    """Renew the leases in the background, four times within each; never raises for one that ran out."""
    return sides.keep_alive(legacy_side(ctx))


def freeze(ctx: StepContext) -> Freeze:
    """
    Make every legacy database read-only, as a lease, and return the evidence; see `side.freeze`.

    ``limit_seconds`` of the step says how long that may last at most; where it says nothing, a live move
    (``mode: live``) has `LIMIT_SECONDS`, and a bulk one, which copies within the freeze, no limit.
    """
    default = LIMIT_SECONDS if ctx.params.get("mode") == "live" else None
    named = ctx.params.get("limit_seconds", default)
    return sides.freeze(ctx, legacy_side(ctx), limit_seconds=None if named is None else int(named))


def unfreeze(ctx: StepContext, reason: str = "called off") -> dict[str, Look]:
    """Put legacy back as it was before the freeze, also after the commit; see `side.thaw`."""
    return sides.thaw(legacy_side(ctx), reason)


def require_held(ctx: StepContext) -> None:
    """Make sure that legacy is still frozen for this attempt, and unwritten; see `side.require_held`."""
    sides.require_held(ctx, legacy_side(ctx))


def commit_freeze(ctx: StepContext) -> Freeze:
    """Give the leases up, the point of no return: legacy stays read-only for good; see `side.commit`."""
    return sides.commit(ctx, legacy_side(ctx))


def remaining(ctx: StepContext) -> int | None:
    """Seconds until the freeze ends at its limit; None without one. Asks the hosts: not for every frame."""
    return sides.remaining(legacy_side(ctx))
