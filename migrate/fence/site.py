"""
The fence round a site's database, for the way back: users have worked there, and stop.

Promise: the same as the freeze of legacy (`migrate.freeze`), the other way round: a lease on the site's own
host, in a folder of its stack's, lifts it when nobody renews it or at its limit, so that the site takes
writes again; `commit_site_fence` is the point of no return of a rollback.

The site's database is reached as its mover, who exists only while a move lasts. Where he is no superuser, as
on a managed server, he takes rights as a member of the owners.
"""

from contextlib import AbstractContextManager
from functools import partial

from migrate.connections import connect
from migrate.engines import site_database
from migrate.fence import side as sides
from migrate.fence.side import LIMIT_SECONDS, Freeze, Guarded, Place, Side
from migrate.lease import Lease, Look
from migrate.lease.renewal import Renewal
from migrate.step import StepContext
from provisioning.manifest import Environment


def site_side(ctx: StepContext, environment: Environment = "prod") -> Side:
    """A site with its one database."""
    stack, engine = ctx.manifest.stack(environment), ctx.hosts.site(environment).database.engine
    place = Place(
        lease=Lease(ctx.hosts.target(environment), stack, ctx.manifest.tenant, side="site"),
        connect=partial(connect, *ctx.hosts.site_ssh_config(environment)),
        databases=(Guarded(stack, engine, site_database(ctx.hosts, environment, role="mover")),),
    )
    return Side(
        name="The site",
        places=(place,),
        evidence="site-freeze",
        record="site",
        about=stack,
        unfreeze=f"fab run --tenant {ctx.manifest.tenant}, once {stack} answers",
    )


def keep_site_alive(ctx: StepContext, environment: Environment = "prod") -> AbstractContextManager[Renewal]:
    """Renew the site's lease in the background; never raises for one that ran out."""
    return sides.keep_alive(site_side(ctx, environment))


def fence_site(ctx: StepContext, environment: Environment = "prod") -> Freeze:
    """
    Let nobody write into the site's database, as a lease; see `side.freeze`.

    ``limit_seconds`` of the step says how long that may last at most; `LIMIT_SECONDS` by default.
    """
    limit_seconds = int(ctx.params.get("limit_seconds", LIMIT_SECONDS))
    return sides.freeze(ctx, site_side(ctx, environment), limit_seconds=limit_seconds)


def unfence_site(
    ctx: StepContext, environment: Environment = "prod", *, reason: str = "called off"
) -> dict[str, Look]:
    """Let the site be written again, as before, also after the commit; see `side.thaw`."""
    return sides.thaw(site_side(ctx, environment), reason)


def require_site_held(ctx: StepContext, environment: Environment = "prod") -> None:
    """Make sure that the site is still fenced for this attempt, and unwritten; see `side.require_held`."""
    sides.require_held(ctx, site_side(ctx, environment))


def commit_site_fence(ctx: StepContext, environment: Environment = "prod") -> Freeze:
    """Give the site's lease up: it stays read-only for good, since the tenant works on legacy again."""
    return sides.commit(ctx, site_side(ctx, environment))


def site_remaining(ctx: StepContext, environment: Environment = "prod") -> int | None:
    """Seconds until the site's fence ends at its limit; None without one."""
    return sides.remaining(site_side(ctx, environment))
