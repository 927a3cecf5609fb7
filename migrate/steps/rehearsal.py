"""
The step that rehearses a move in the test environment.

Promise: legacy is only read; a fault that the comparison did not find, or a write that was lost, fails it.
Where the base is carried, one archive serves rehearsal and move, and legacy keeps its changes from then on.
"""

from migrate import carrying
from migrate.archive import area
from migrate.errors import DifferenceError
from migrate.moving import is_carried, is_live, mode_of
from migrate.rehearsal.bulk import rehearse_bulk
from migrate.rehearsal.contract import STATE
from migrate.rehearsal.engines import can_rehearse_bulk
from migrate.rehearsal.evidence import Rehearsal
from migrate.rehearsal.run import rehearse
from migrate.step import Result, StepContext, step

NO_WAY_BACK = "a way back; nothing flows back to legacy, so the door opens only under a signed waiver"
"""Of a move that is not live: it has no switch that could be turned round."""
NOT_REHEARSED = (
    "the copy in the freeze; the stop is as estimated, not as measured",
    "planted faults; every row is compared before the door opens",
    NO_WAY_BACK,
)
"""Of one that is not live between engines, or by a carrier, where nothing stands in for legacy."""
NO_FILES = "the pass over files in the freeze, since no path leads to legacy's yet"
"""Not rehearsed of a move whose base is carried."""


@step("rehearse", changes=True)
def rehearse_move(ctx: StepContext) -> Result:
    """Rehearse the switch forward and back, with somebody writing and faults to be found."""
    if not is_live(ctx.case):
        return _without_switch(ctx)
    if is_carried(ctx.case):
        ctx.progress.say(f"not rehearsed: {NO_FILES}")
        made = carrying.make(ctx, live=True)
        carrying.require_arrived(ctx, made, [one.name for one in ctx.manifest.legacy.databases], "test")
    found = rehearse(ctx)
    done = _judged(ctx, found)
    if is_carried(ctx.case):
        area.clear(ctx.hosts.runner("test"), ctx.manifest.tenant)
    return {**done, "stops": {one.direction: one.stop_seconds for one in found.switches}}


def _without_switch(ctx: StepContext) -> Result:
    """Rehearse what there is of a move whose stop is a copy."""
    if is_carried(ctx.case) or not can_rehearse_bulk(ctx.manifest):
        ctx.progress.say("bulk mode: there is no switch to rehearse; the stop is the copy's, as estimated")
        for line in NOT_REHEARSED:
            ctx.progress.say(f"not rehearsed: {line}")
        return {"mode": mode_of(ctx.case), "not_rehearsed": list(NOT_REHEARSED)}
    ctx.progress.say(f"bulk mode; not rehearsed: {NO_WAY_BACK}")
    return {**_judged(ctx, rehearse_bulk(ctx)), "not_rehearsed": [NO_WAY_BACK]}


def _judged(ctx: StepContext, found: Rehearsal) -> Result:
    """Keep what was found, and refuse a move that could not rest on it."""
    ctx.case.write_evidence("rehearsal", found)
    writes = f"; {found.acknowledged} writes acknowledged, {found.lost} lost" if found.switches else ""
    ctx.progress.say(
        f"predicted stop of the cutover: {found.low_seconds:.0f} to {found.high_seconds:.0f} s{writes}"
    )
    if not found.passed:
        missed = ", ".join(f"{one.kind} in {one.name}" for one in found.faults if not one.found)
        raise DifferenceError(
            f"the rehearsal did not pass: {found.lost} writes lost; faults not found: {missed or 'none'}",
            state=STATE,
            next_step=f"fab rehearse --tenant {ctx.manifest.tenant}, after looking into that",
        )
    return {
        "predicted_low_seconds": found.low_seconds,
        "predicted_high_seconds": found.high_seconds,
        "faults_found": len(found.faults),
    }
