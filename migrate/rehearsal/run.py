"""
A rehearsal: copy, find every planted fault, switch forward and back with somebody writing.

Promise: the same functions as in the real switch, on a copy, with the same order: fence, drain, settle,
compare, turn, open. Nothing of it is left afterwards, whatever happened.
"""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from time import monotonic
from typing import TypeVar

from migrate import files
from migrate.assess import Assessment
from migrate.compare.engines import beside
from migrate.errors import TransferError
from migrate.fence import FENCES
from migrate.moving import is_carried, is_live
from migrate.rehearsal import planting
from migrate.rehearsal.contract import NAME, STATE, Stage
from migrate.rehearsal.engines import can_rehearse_bulk, rehearsing
from migrate.rehearsal.evidence import Fault, Rehearsal, Switch
from migrate.rehearsal.workload import Workload, missing
from migrate.step import StepContext
from migrate.transfer.contract import Copied, Task
from migrate.waiting import wait_until

WRITES_PER_SIDE = 20
"""So many writes are acknowledged before each switch, and after the last."""
PER_SECOND = 50.0
BESIDE = (1.5, 6.0)
"""Seconds, low and high: the rest of the go-live suite, the door, the probes of the fence."""
PER_INTERFACE = (0.3, 2.0)
RESTS_ON = (
    "the rehearsed switch and file pass, once as measured and three times; the go-live suite's rest and each"
    " interface as seen on other moves"
)
RESTS_ON_CARRIED = (
    "the rehearsed switch, once as measured and three times; the go-live suite's rest and each interface as"
    " seen on other moves; no pass over files, to which no path led"
)

_T = TypeVar("_T")


def rehearse(ctx: StepContext) -> Rehearsal:
    """
    Rehearse the move of one tenant in its test environment.

    Raises:
        TransferError, ComparisonError, FreezeError: A part of it failed, as it would have in the window.
    """
    try:
        with (
            rehearsing(ctx.manifest).staged(ctx) as stage,
            TemporaryDirectory(prefix="bascule-rehearsal-") as scratch,
        ):
            return _rehearse(ctx, stage, Path(scratch) / "comparison.sqlite")
    finally:
        for tree in planting.trees(ctx):
            files.empty_tree(tree)


def clear(ctx: StepContext) -> bool:
    """
    Take away what a rehearsal that was cut short left in the test environment; return whether there was any.

    Raises:
        TransferError: Something of it stays; named.
    """
    if not ctx.manifest.legacy.databases or not (is_live(ctx.case) or can_rehearse_bulk(ctx.manifest)):
        return False
    return rehearsing(ctx.manifest).clear(ctx)


def _rehearse(ctx: StepContext, stage: Stage, store: Path) -> Rehearsal:
    work, live, door = stage.work, stage.live, Event()
    by = beside(work.engine, work.target_engine)
    with Workload(stage.users(door), per_second=PER_SECOND) as users:
        copied = live.copy(work, ctx.progress)
        live.catch_up(work, ctx.progress, within_seconds=1, timeout_seconds=600)
    first = users.logs
    # Nobody writes on the copy now: what does not flow by itself, such as sequences, can be made equal.
    live.drain(work, timeout_seconds=60)
    live.settle(work)
    planted, _ = planting.in_database(ctx, stage)
    found = [*planted, *planting.in_files(ctx)]
    files_seconds = planting.last_look_at_files(ctx)
    live.make_ready(work)
    try:
        by.compare(NAME, work.source, work.target, tenant=work.tenant, store=store)
        with Workload(stage.users(door), per_second=PER_SECOND, first_client=len(first)) as users:
            _writes(users, "source")
            forward = switch(ctx, stage, store, "forward", users, door.set)
            _writes(users, "target")
            stage.rest()
            back = switch(ctx, stage, store, "back", users, door.clear)
            _writes(users, "source")
        lost = missing(stage.held(), [*first, *users.logs])
    finally:
        by.end(work.tenant, NAME, work.source, work.target)
    return told(
        ctx,
        copied,
        found,
        files_seconds,
        stop_seconds=max(forward.stop_seconds, back.stop_seconds),
        rests_on=RESTS_ON_CARRIED if is_carried(ctx.case) else RESTS_ON,
        switches=(forward, back),
        lost=lost,
        acknowledged=users.acknowledged,
    )


def _writes(users: Workload, side: str) -> None:
    """Wait until users have written a while on a side."""
    before = users.taken_by(side)
    if not wait_until(
        lambda: users.taken_by(side) >= before + WRITES_PER_SIDE, deadline_seconds=60, pace_seconds=0.02
    ):
        raise TransferError(
            f"nobody could write on the rehearsal's {side} within 60 s",
            state=STATE,
            next_step="see the server's log on the test site's host",
        )


def switch(
    ctx: StepContext, stage: Stage, store: Path, direction: str, users: Workload, door: Callable[[], None]
) -> Switch:
    """Switch as the cutover does; forward from source to target, or back."""
    forward = direction == "forward"
    work: Task = stage.work if forward else stage.work.turned()
    live, fence, parts = stage.live, FENCES[work.engine], dict[str, float]()

    def timed(name: str, act: Callable[[], _T]) -> _T:
        began = monotonic()
        done = act()
        parts[name] = round(monotonic() - began, 3)
        return done

    with ExitStack() as ready:
        # Before the fence, as in the cutover: what changed so far is compared, and all is at hand.
        judge = ready.enter_context(stage.judging(store))
        if not forward:
            door()
        timed("fence", lambda: fence.fence(work.source))
        drained = timed("drain", lambda: live.drain(work, timeout_seconds=20))
        timed("settle", lambda: live.settle(work))
        positions = (drained.source_position, drained.target_position)
        verdict = timed("compare", lambda: judge(*(positions if forward else positions[::-1])))
        if not verdict.agrees:
            raise TransferError(
                f"the rehearsed switch {direction} lost something: "
                + ", ".join(
                    [t.name for t in verdict.differing_tables] + [d.name for d in verdict.differences]
                ),
                state=STATE,
                next_step=f"fab rehearse --tenant {ctx.manifest.tenant}, after looking into that",
            )
        timed("turn", lambda: live.turn(work, timeout_seconds=15))
        timed("open", door if forward else lambda: fence.lift(work.target))
    _writes(users, "target" if forward else "source")
    live.let_go(work)
    live.make_ready(work.turned())
    stop = users.stops()[0 if forward else 1]
    said = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in parts.items())
    ctx.progress.say(f"rehearsed {direction}: stopped for {stop:.2f} s ({said})")
    return Switch.model_validate(
        {
            "direction": direction,
            "stop_seconds": round(stop, 3),
            "parts": parts,
            "rows_compared": verdict.rows,
            "rows_read": verdict.compared_in_freeze or 0,
        }
    )


def told(
    ctx: StepContext,
    copied: Copied,
    found: list[Fault],
    files_seconds: float,
    *,
    stop_seconds: float,
    rests_on: str,
    switches: tuple[Switch, ...] = (),
    lost: int = 0,
    acknowledged: int = 0,
) -> Rehearsal:
    """
    Return the evidence of a rehearsal.

    Args:
        copied: Out of legacy, or its stand-in.
        stop_seconds: Of what the freeze holds beside the pass over files, as measured.
    """
    interfaces = len(ctx.manifest.interfaces)
    measured = stop_seconds + files_seconds
    return Rehearsal(
        attempt=ctx.attempt,
        ended_at=datetime.now(UTC),
        fingerprint=ctx.case.read_evidence("assessment", Assessment).fingerprint,
        copy_seconds=copied.seconds,
        copy_bytes=copied.bytes,
        switches=switches,
        acknowledged=acknowledged,
        lost=lost,
        faults=tuple(found),
        files_seconds=files_seconds,
        low_seconds=round(measured + BESIDE[0] + interfaces * PER_INTERFACE[0], 1),
        high_seconds=round(3 * measured + BESIDE[1] + interfaces * PER_INTERFACE[1], 1),
        rests_on=rests_on,
    )
