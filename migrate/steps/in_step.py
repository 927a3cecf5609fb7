"""
Steps of a tested target that is kept in step with its source: upgraded, clients of its own, the same release.

Promise: legacy is only read by all of them. What opens is what was tested, or nothing opens.
"""

from datetime import UTC, datetime, timedelta

from migrate.errors import DifferenceError, Waiting
from migrate.hours import require_outside
from migrate.product import clients, in_step
from migrate.product.in_step import InStep
from migrate.product.installation import kept, owner_of, site_of
from migrate.product.order import ordered
from migrate.schedule import agreed
from migrate.step import Result, StepContext, step
from migrate.steps.transfer import require_closed
from migrate.window_rules import ROLLBACK_RESERVE


@step("upgrade-in-step", changes=True)
def upgrade_in_step(ctx: StepContext) -> Result:
    """Bring the closed target to the new version while changes flow onto it, or take that back as a whole."""
    require_closed(ctx)
    case, site = ctx.case, ctx.hosts.site()
    done = in_step.upgrade(
        site_of(ctx.hosts, "prod"),
        owner_of(ctx.hosts, "prod"),
        site.database.application.name,
        ordered(case),
        kept(case).version,
        ctx.progress,
    )
    # A run that was killed right behind the upgrade finds nothing to do, and has yet to tell what was done.
    if done.hops or case.journal.last("evidence", "in-step") is None:
        case.write_evidence("in-step", done)
    return {"to": done.to_version, "schemas": list(done.schemas), "seconds": done.seconds}


@step("check-clients")
def check_clients(ctx: StepContext) -> Result:
    """Check that no computer has two versions of the client, nor one that people work on the new one."""
    found = clients.look(ctx.case, ctx.hosts, ordered(ctx.case))
    ctx.case.write_evidence("clients", found)
    if found.faults:
        listed = "\n".join(f"  {fault}" for fault in found.faults)
        raise Waiting(
            f"two versions would share a client:\n{listed}",
            next_step="set up clients for testing alone, name them in "
            f"stacks/{ctx.manifest.tenant}.upgrade.yaml, then fab run --tenant {ctx.manifest.tenant}",
        )
    return {host.name: list(host.versions) for host in found.hosts}


@step("require-same-release", rests_on="preproduction.pdf")
def require_same_release(ctx: StepContext) -> Result:
    """Make sure that the target has the very release and configuration that was tested."""
    schemas = ctx.case.read_evidence("in-step", InStep).schemas
    tested, opens = (
        in_step.release(
            site_of(ctx.hosts, environment), owner_of(ctx.hosts, environment), ordered(ctx.case), schemas
        )
        for environment in ("test", "prod")
    )
    if apart := sorted(name for name in tested.keys() | opens.keys() if tested.get(name) != opens.get(name)):
        raise DifferenceError(
            "what would open is not what was tested:\n" + "\n".join(f"  {name}" for name in apart[:20]),
            state="Legacy works; nothing is frozen.",
            next_step="bring test or target to the other's, have it tested again, then fab run",
        )
    return {"same": len(tested), "schemas": list(schemas)}


@step("check-hours")
def check_hours(ctx: StepContext) -> Result:
    """Go on only outside the tenant's operating hours, with time enough before they begin."""
    schedule = agreed(ctx.case)
    stop = timedelta(seconds=schedule.estimate_high_seconds) if schedule else timedelta()
    found = require_outside(
        ctx.case,
        stop + ROLLBACK_RESERVE,
        datetime.now(UTC),
        again=f"fab run --tenant {ctx.manifest.tenant}",
    )
    return dict(found)


@step("adopt-version", changes=True)
def adopt_version(ctx: StepContext) -> Result:
    """Count what the new version added to the site like all else there, once nothing flows any more."""
    return {"adopted": in_step.adopt(site_of(ctx.hosts, "prod"), owner_of(ctx.hosts, "prod"))}
