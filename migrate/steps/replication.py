"""
Steps of a live move: copy while legacy is at work, catch up, turn the flow round, let the old one go.

Promise: none of them needs to know the engine; in bulk mode each says that it has nothing to do. What
was armed is disarmed by the undo, and the flow that carried the move goes on then.
"""

from migrate import waivers
from migrate.assess.staleness import fingerprint_now, stale
from migrate.budget import rows_written
from migrate.errors import Waiting
from migrate.moving import live_moves, mode_of
from migrate.pausing import require_not_paused
from migrate.step import Result, StepContext, step
from migrate.steps.transfer import close_lines, require_closed
from migrate.transfer.contract import Transferred, Turned

CATCH_UP_SECONDS = 3600.0
HARDLY_BEHIND_SECONDS = 2.0
DRAIN_SECONDS = 20.0
TURN_SECONDS = 15.0
WITHOUT_WAY_BACK = "way-back"
"""What a waiver names that lets a site open whose writes could not come back to legacy."""


@step("start-replication", changes=True)
def start_replication(ctx: StepContext) -> Result:
    """Copy every database while legacy is at work, and let its changes flow onto the closed site."""
    require_closed(ctx)
    every = live_moves(ctx)
    if not every:
        ctx.progress.say(
            f"{mode_of(ctx.case)} mode: databases are copied in the window, once legacy is frozen"
        )
        return {"mode": mode_of(ctx.case)}
    copied = []
    for way, work in every:
        one = way.copy(work, ctx.progress)
        rate = one.bytes_per_second / 1024**2
        ctx.progress.say(f"{one.name}: {one.tables} tables in {one.seconds:.1f} s ({rate:.0f} MiB/s)")
        way.make_ready(work)
        copied.append(one)
    ctx.case.write_evidence("transfer", Transferred(attempt=ctx.attempt, databases=tuple(copied)))
    return {one.name: {"bytes": one.bytes, "seconds": one.seconds, "lanes": one.lanes} for one in copied}


@step("catch-up")
def catch_up(ctx: StepContext) -> Result:
    """Wait until the site is hardly behind legacy and nothing could hold up the freeze."""
    require_not_paused(ctx)
    lines = stale(ctx.case, fingerprint_now(ctx.case, ctx.hosts))
    for line in lines:
        ctx.progress.say(f"stale: {line}; fab assess and fab rehearse would tell anew")
    lags = {}
    for way, work in live_moves(ctx):
        flow = way.catch_up(
            work, ctx.progress, within_seconds=HARDLY_BEHIND_SECONDS, timeout_seconds=CATCH_UP_SECONDS
        )
        lags[work.name] = flow.lag_bytes
    return {"lag_bytes": lags, "stale": lines}


def _disarm(ctx: StepContext) -> Result:
    """Disarm the way back; changes flow from legacy to the site again."""
    every = live_moves(ctx)
    for way, work in every:
        way.turn_back(work)
    return {"disarmed": [work.name for _, work in every]}


@step("arm-way-back", undo=_disarm)
def arm_way_back(ctx: StepContext) -> Result:
    """Turn the flow round and prove the way back by a real write, before anybody can write on the site."""
    every = live_moves(ctx)
    if not every:
        waiver = waivers.active(ctx.case, WITHOUT_WAY_BACK)
        if waiver is None:
            raise without_way_back(ctx)
        return {"waived": True, "by": waiver.by, "reason": waiver.reason}
    turned: dict[str, Turned] = {}
    for way, work in every:
        turned[work.name] = way.turn(work, timeout_seconds=TURN_SECONDS)
        ctx.progress.say(
            f"{work.name}: the way back is armed; a write and its removal came back in"
            f" {turned[work.name].round_trip_seconds * 1000:.0f} ms"
        )
    return {
        work.name: {**turned[work.name].model_dump(mode="json"), "rows_written": rows_written(work)}
        for _, work in every
    }


def without_way_back(ctx: StepContext) -> Waiting:
    """What is waited for where nothing can flow back: somebody's signature under that."""
    tenant = ctx.manifest.tenant
    return Waiting(
        f"{tenant} moves in {mode_of(ctx.case)} mode: what is written on the site cannot come back to legacy",
        next_step=f"fab waive --tenant {tenant} --what {WITHOUT_WAY_BACK} --by … --reason … --expires …"
        f" --key …; then fab run --tenant {tenant}",
    )


@step("let-go", changes=True)
def let_go(ctx: StepContext) -> Result:
    """Remove the flow that carried the move here; the one back stays."""
    every = live_moves(ctx)
    for way, work in every:
        way.let_go(work)
        way.make_ready(work.turned())
    close_lines(ctx)
    return {"let_go": [work.name for _, work in every]}
