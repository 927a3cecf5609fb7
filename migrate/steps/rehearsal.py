"""
The step that rehearses a move in the test environment.

Promise: legacy is only read; a fault that the comparison did not find, or a write that was lost, fails it.
Where the base is carried, one archive serves rehearsal and move, and legacy keeps its changes from then on.
"""

from migrate import carrying
from migrate.archive import area
from migrate.errors import DifferenceError
from migrate.moving import is_carried, is_live, mode_of
from migrate.rehearsal.contract import STATE
from migrate.rehearsal.run import rehearse
from migrate.step import Result, StepContext, step

NOT_REHEARSED = (
    "the copy in the freeze; the stop is as estimated, not as measured",
    "planted faults; every row is compared before the door opens",
    "a way back; nothing flows back to legacy, so the door opens only under a signed waiver",
)
"""Of a move that is not live: it has no switch that could be turned round."""
NO_FILES = "the pass over files in the freeze, since no path leads to legacy's yet"
"""Not rehearsed of a move whose base is carried."""


@step("rehearse", changes=True)
def rehearse_move(ctx: StepContext) -> Result:
    """Rehearse the switch forward and back, with somebody writing and faults to be found."""
    if not is_live(ctx.case):
        ctx.progress.say("bulk mode: there is no switch to rehearse; the stop is the copy's, as estimated")
        for line in NOT_REHEARSED:
            ctx.progress.say(f"not rehearsed: {line}")
        return {"mode": mode_of(ctx.case), "not_rehearsed": list(NOT_REHEARSED)}
    if is_carried(ctx.case):
        ctx.progress.say(f"not rehearsed: {NO_FILES}")
        made = carrying.make(ctx, live=True)
        carrying.require_arrived(ctx, made, [one.name for one in ctx.manifest.legacy.databases], "test")
    found = rehearse(ctx)
    ctx.case.write_evidence("rehearsal", found)
    ctx.progress.say(
        f"predicted stop of the cutover: {found.low_seconds:.0f} to {found.high_seconds:.0f} s;"
        f" {found.acknowledged} writes acknowledged, {found.lost} lost"
    )
    if not found.passed:
        missed = ", ".join(f"{one.kind} in {one.name}" for one in found.faults if not one.found)
        raise DifferenceError(
            f"the rehearsal did not pass: {found.lost} writes lost; faults not found: {missed or 'none'}",
            state=STATE,
            next_step=f"fab rehearse --tenant {ctx.manifest.tenant}, after looking into that",
        )
    if is_carried(ctx.case):
        area.clear(ctx.hosts.runner("test"), ctx.manifest.tenant)
    return {
        "predicted_low_seconds": found.low_seconds,
        "predicted_high_seconds": found.high_seconds,
        "faults_found": len(found.faults),
        "stops": {one.direction: one.stop_seconds for one in found.switches},
    }
