"""
A tenant's databases and the way that each moves by: what steps work with.

Promise: steps know neither engines nor modes. The mode is the manifest's, else what the assessment
chose; one that the engine has no module for is refused by name.
"""

from migrate.assess import Assessment
from migrate.case import Case
from migrate.engines import legacy_database, site_database
from migrate.errors import EvidenceError, TransferError
from migrate.step import StepContext
from migrate.transfer import way
from migrate.transfer.contract import Carried, Live, Task, Transfer
from provisioning.manifest import Environment


def mode_of(case: Case) -> str:
    """Return how the tenant's databases move, one of the modes of `migrate.transfer.WAYS`."""
    if (asked := case.manifest.asked_mode) is not None:
        return asked
    try:
        return case.read_evidence("assessment", Assessment).mode
    except EvidenceError:
        return "live"


def moves(ctx: StepContext, environment: Environment = "prod") -> list[tuple[Transfer, Task]]:
    """
    Return each database's way and work.

    Raises:
        TransferError: The site has one database and the tenant leaves several, or there is no such way.
    """
    databases, outputs = ctx.manifest.legacy.databases, ctx.hosts.site(environment).database
    if len(databases) > 1:
        raise TransferError(
            f"{ctx.manifest.tenant} leaves {len(databases)} databases, the site has one",
            state="Nothing was copied.",
            next_step="join them on legacy first, or move each as a tenant of its own",
        )
    mode = str(ctx.params.get("mode") or mode_of(ctx.case))
    found: list[tuple[Transfer, Task]] = []
    for database in databases:
        transfer = way(database.engine, mode, outputs.engine)
        # Subscriptions take more than loading rows does: a superuser up to PostgreSQL 15.
        role = "mover" if isinstance(transfer, Live) else "migration"
        work = Task(
            name=database.name,
            attempt=ctx.attempt,
            source=legacy_database(ctx.hosts, database, environment),
            target=site_database(ctx.hosts, environment, role=role),
            owner=outputs.owner.name,
            application=outputs.application.name,
            workers=int(ctx.params.get("workers", 2)),
            tenant=ctx.manifest.tenant,
            engine=database.engine,
            throttle=ctx.manifest.throttle,
            target_engine=outputs.engine,
        )
        found.append((transfer, work))
    return found


def moving_now(ctx: StepContext) -> list[str]:
    """
    Say of each database how it moves, and what slows it, such as ``besa: copying (paused: lunch)``.

    Raises:
        MigrationError: A server does not answer.
    """
    flows = [(work.name, way.flow(work)) for way, work in live_moves(ctx)]
    return [f"{name}: {flow.state}" + (f" ({flow.says})" if flow.says else "") for name, flow in flows]


def is_live(case: Case) -> bool:
    """Tell whether every database is replicated while legacy is at work, so that the stop takes seconds."""
    return all(isinstance(one, Live) for one in _ways(case))


def is_carried(case: Case) -> bool:
    """Tell whether some database's base comes in an archive that somebody carries."""
    return any(isinstance(one, Carried) for one in _ways(case))


def is_carried_in_freeze(case: Case) -> bool:
    """Tell whether what changed since that archive is carried too, within the freeze: nothing flows."""
    return any(isinstance(one, Carried) and not isinstance(one, Live) for one in _ways(case))


def _ways(case: Case) -> list[Transfer]:
    """Return how each database moves."""
    mode, manifest = mode_of(case), case.manifest
    return [way(one.engine, mode, manifest.site_engine) for one in manifest.legacy.databases]


def carried_moves(ctx: StepContext) -> list[tuple[Carried, Task]]:
    """Return those whose base comes in an archive that somebody carries."""
    return [(way, work) for way, work in moves(ctx) if isinstance(way, Carried)]


def live_moves(ctx: StepContext) -> list[tuple[Live, Task]]:
    """Return those that are replicated while legacy is at work; empty in bulk mode."""
    return [(way, work) for way, work in moves(ctx) if isinstance(way, Live)]
