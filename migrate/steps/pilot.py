"""
Steps of a pilot: it begins marked, ends by itself, and leaves nothing.

Promise: what users record meanwhile never reaches the site that goes live.
"""

from datetime import UTC, datetime

from migrate import trial
from migrate.errors import Waiting
from migrate.step import Result, StepContext, step


@step("begin-pilot", changes=True)
def begin_pilot(ctx: StepContext) -> Result:
    """Let users in for a while; the database marks what they record, and takes nothing after the end."""
    pilot = trial.begin(ctx.case, ctx.hosts)
    return {"begins_at": pilot.begins_at.isoformat(), "ends_at": pilot.ends_at.isoformat()}


@step("await-pilot-end")
def await_pilot_end(ctx: StepContext) -> Result:
    """Wait until the pilot is over."""
    pilot, now = trial.running(ctx.case), datetime.now(UTC)
    if now < pilot.ends_at:
        ends, tenant = pilot.ends_at.astimezone(ctx.manifest.window.zone), ctx.manifest.tenant
        raise Waiting(
            f"the pilot goes on until {ends:%A %F %H:%M %Z}, and then ends by itself",
            next_step=f"fab run --tenant {tenant} then; or fab end-pilot --tenant {tenant}",
        )
    return {"ended_at": pilot.ends_at.isoformat()}


@step("erase-pilot", changes=True)
def erase_pilot(ctx: StepContext) -> Result:
    """Close the door, erase what the pilot recorded, and put back what it changed."""
    return {"erased": trial.erase(ctx.case, ctx.hosts)}
