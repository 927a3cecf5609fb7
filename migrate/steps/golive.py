"""
Steps that go live: verify the site, open its door, declare it open.

Promise: the door opens only on a go-live verdict of this very attempt, and only while the freeze
holds. `open-door` is the point of no return: when it cannot tell on which side of it things stand, it says so
and nothing is put back.
"""

from datetime import UTC, datetime

from migrate import door, verify
from migrate.errors import MigrationError, Undecided
from migrate.freeze import Freeze, commit_freeze
from migrate.step import Result, StepContext, step
from migrate.stop import Stop, measure
from migrate.suite_run import SuiteRun
from provisioning.door_state import DoorState
from provisioning.engine import Stack
from provisioning.errors import BasculeError
from provisioning.site import SiteOutputs

_STANDBY = "go-live suite"


@step("verify-site")
def verify_site(ctx: StepContext) -> Result:
    """
    Run the go-live suite on site and interfaces; only a pass goes on.

    With ``part: before`` all that does not depend on the freeze is proved while legacy is still at work, and
    the rest stands by, connected; with ``part: final`` that rest is run, and the verdict is about both.
    """
    part = ctx.params.get("part", "all")
    if part not in ("all", "before", "final"):
        raise MigrationError(
            f"verify-site: part is {part!r}",
            next_step="write with: {part: before}, {part: final}, or nothing",
        )
    if part == "before":
        found = verify.judge(ctx.case, "prod", ctx.attempt, SuiteRun(ctx.case, "prod", ctx.attempt, "before"))
        ctx.case.write_evidence("golive-before", found)
    elif part == "final":
        found = verify.joined(
            ctx.case.read_evidence("golive-before", verify.GoLive),
            verify.judge(ctx.case, "prod", ctx.attempt, _stood_by(ctx)),
        )
        ctx.case.write_evidence("golive", found)
    else:
        found = verify.verify(ctx.case, "prod", attempt=ctx.attempt)
        ctx.case.write_evidence("golive", found)
    for check in found.checks:
        if check.outcome != "passed":
            ctx.progress.say(f"{check.outcome}: {check.id}  {check.detail.partition(chr(10))[0]}")
    ctx.progress.say(f"go-live suite: {found.summary}")
    verify.require(found)
    if part == "before":
        _stand_by(ctx)
    return {"checks": len(found.checks), "summary": found.summary}


def _stand_by(ctx: StepContext) -> None:
    """Start what is left of the suite; it connects, and waits."""
    if (earlier := ctx.hosts.standby.pop(_STANDBY, None)) is not None:
        earlier.close()
    ctx.hosts.standby[_STANDBY] = SuiteRun(ctx.case, "prod", ctx.attempt, "final", ahead=True)


def _stood_by(ctx: StepContext) -> SuiteRun:
    """Return the run that stands by; after a crash there is none, so another begins."""
    ready = ctx.hosts.standby.pop(_STANDBY, None)
    if isinstance(ready, SuiteRun) and ready.is_of == (ctx.attempt, "prod"):
        return ready
    if ready is not None:
        ready.close()
    return SuiteRun(ctx.case, "prod", ctx.attempt, "final")


@step("open-door", changes=True)
def open_door(ctx: StepContext) -> Result:
    """Give up the freeze's way back and let users in."""
    site = ctx.hosts.site()
    # A repeat after a crash: what is open stays open, whatever was or was not recorded.
    if _state(ctx, site) != "open":
        verify.require_passed(ctx.case, "prod", ctx.attempt)
        if not ctx.manifest.begins_afresh:
            commit_freeze(ctx)
        ctx.case.journal.append("opening", ctx.manifest.stack("prod"), attempt=ctx.attempt)
        try:
            door.flip(ctx.hosts.target(), site, "open")
        except BasculeError as error:
            _make_sure_it_is_closed(ctx, site, error)
    if ctx.manifest.begins_afresh:
        ctx.progress.say(f"{site.url} is open")
        return {"url": site.url}
    stop = _measured(ctx)
    predicted = stop.predicted_high_seconds
    ctx.progress.say(
        f"{site.url} is open; stopped for {stop.actual_seconds:.1f} s"
        + (f", predicted at most {predicted:.0f} s" if predicted is not None else "")
    )
    return {"url": site.url, "stop_seconds": stop.actual_seconds, "predicted_seconds": predicted}


@step("declare-open", changes=True)
def declare_open(ctx: StepContext) -> Result:
    """Declare the door open in the site's program, and prove that program and site agree."""
    door.declare(Stack(ctx.case.workspace, ctx.manifest.stack("prod")), "open")
    return {"door": "open", "matches_its_program": True}


def _state(ctx: StepContext, site: SiteOutputs) -> DoorState:
    """
    Return the door's state.

    Raises:
        Undecided: It cannot be read, and this attempt may have opened it before.
    """
    try:
        return door.read(ctx.hosts.target(), site)
    except BasculeError as error:
        opening = ctx.case.journal.last("opening", ctx.manifest.stack("prod"))
        if opening is None or opening.data["attempt"] != ctx.attempt:
            raise
        raise Undecided(
            error.what,
            state="The door may be open; legacy stays read-only, nothing is put back.",
            next_step=f"fab run --tenant {ctx.manifest.tenant}, once {site.ssh.alias} answers",
        ) from error


def _make_sure_it_is_closed(ctx: StepContext, site: SiteOutputs, error: BasculeError) -> None:
    """
    After a flip that failed: close the door again, so that falling back is safe.

    Raises:
        BasculeError: `error`; nobody is let in, for certain.
        Undecided: Nobody can tell.
    """
    try:
        door.flip(ctx.hosts.target(), site, "closed")
    except BasculeError as second:
        raise Undecided(
            f"{error.what}\nand then, closing it again: {second.what}",
            state="The door may be open; legacy stays read-only, nothing is put back.",
            next_step=f"fab run --tenant {ctx.manifest.tenant}, once {site.ssh.alias} answers",
        ) from error
    raise error


def _measured(ctx: StepContext) -> Stop:
    """Return the stop of this attempt; the first measurement stays, since a repeat comes later."""
    try:
        found = ctx.case.read_evidence("stop", Stop)
        if found.attempt == ctx.attempt:
            return found
    except MigrationError:
        pass  # not measured yet
    freeze = ctx.case.read_evidence("freeze", Freeze)
    stop = measure(ctx.case, ctx.attempt, freeze.frozen_at, datetime.now(UTC))
    ctx.case.write_evidence("stop", stop)
    return stop
