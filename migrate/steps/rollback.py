"""
Steps of a rollback: the cutover mirrored. The site stops taking writes, everything that was written on it
since it opened comes back, and legacy takes over, with the site following it again.

Promise: until `reopen-legacy` every one is undone by itself and users go on working on the site; nothing
that was written there is lost either way. What the site sent out into the world is listed, not undone.
"""

from contextlib import suppress
from datetime import UTC, datetime

from migrate import door, freeze, interfaces, logins
from migrate.effects import Effects, effects_since
from migrate.errors import EvidenceError, InterfaceError, Refused, TransferError, Undecided
from migrate.fence import site as site_fence
from migrate.fence.side import Freeze, HalfThawed
from migrate.interfaces import InterfaceCount
from migrate.moving import live_moves
from migrate.reach import require_all_answer
from migrate.step import Result, StepContext, step
from migrate.steps.compare import let_writes_be
from migrate.steps.interfaces import counts_so_far, keep_counts
from migrate.steps.replication import TURN_SECONDS
from migrate.steps.transfer import close_lines
from migrate.stop import Return, Stop
from migrate.window_rules import ROLLBACK_RESERVE
from provisioning.engine import Stack

LONGEST_LAG_SECONDS = 10.0
"""A way back that is further behind is looked at first: the stop would be as long."""


@step("check-way-back")
def check_way_back(ctx: StepContext) -> Result:
    """Go back only while everything needed answers and the way back flows."""
    logins.require_until(
        require_all_answer(ctx.hosts),
        datetime.now(UTC) + ROLLBACK_RESERVE,
        "the way back is over",
        again=f"fab rollback --tenant {ctx.manifest.tenant}",
    )
    lags = {}
    for way, work in live_moves(ctx):
        flow = way.flow(work.turned())
        if flow.state != "flowing":
            raise TransferError(
                f"{work.name}: the way back is {flow.state}: {flow.says or 'nobody knows why'}",
                state="Users work on the site; nothing was changed.",
                next_step=f"mend it, then fab rollback --tenant {ctx.manifest.tenant}",
            )
        if (flow.lag_seconds or 0) > LONGEST_LAG_SECONDS:
            raise Refused(
                f"{work.name}: legacy is {flow.lag_seconds:.0f} s behind the site",
                state="Users work on the site; nothing was changed.",
                next_step=f"fab rollback --tenant {ctx.manifest.tenant}, once it has caught up (fab status)",
            )
        lags[work.name] = flow.lag_bytes
    return {"lag_bytes": lags}


@step("list-effects")
def list_effects(ctx: StepContext) -> Result:
    """List what was sent out into the world since the site opened: no rollback calls it back."""
    opened_at = ctx.case.read_evidence("stop", Stop).opened_at
    found = effects_since(ctx.hosts, ctx.manifest, opened_at)
    ctx.case.write_evidence("effects", Effects(attempt=ctx.attempt, since=opened_at, effects=found))
    for one in found:
        if one.sent:
            ctx.progress.say(f"sent already, and stays sent: {one.sent} {one.name}, such as {one.shown[0]}")
    return {one.name: one.sent for one in found}


def _release_to_site(ctx: StepContext) -> Result:
    """Release all interfaces; what they buffered goes to the site."""
    every = interfaces.connectors(ctx.hosts)
    interfaces.release_all(every)
    return {"released": len(every)}


@step("hold-for-return", undo=_release_to_site)
def hold_for_return(ctx: StepContext) -> Result:
    """Hold all interfaces until the site has stored what they delivered; they buffer from now on."""
    site = ctx.hosts.site()
    held = interfaces.hold_all(interfaces.connectors(ctx.hosts), site)
    keep_counts(ctx, held, "legacy")
    return {"held": {count.name: count.at_hold.delivered for count in held}}


def _open_again(ctx: StepContext) -> Result:
    """Let users onto the site again."""
    door.flip(ctx.hosts.target(), ctx.hosts.site(), "open")
    return {"door": "open"}


@step("close-door", undo=_open_again)
def close_door(ctx: StepContext) -> Result:
    """Close the site's door: from now on nobody can write there."""
    door.flip(ctx.hosts.target(), ctx.hosts.site(), "closed")
    return {"door": "closed"}


def _unfence(ctx: StepContext) -> Result:
    """Let the site take writes again."""
    site_fence.unfence_site(ctx, reason=f"{ctx.attempt} was called off")
    return {"site": "writable"}


@step("fence-site", undo=_unfence, keep_alive=site_fence.keep_site_alive)
def fence_site(ctx: StepContext) -> Result:
    """Make the site read-only for everybody, as a lease that its host lifts when nobody comes back."""
    frozen = site_fence.fence_site(ctx)
    return {
        "stopped_since": frozen.frozen_at.isoformat(),
        "limit_seconds": frozen.limit_seconds,
        "ended_sessions": sum(len(database.ended) for database in frozen.databases),
    }


def _point_at_site(ctx: StepContext) -> Result:
    """Point all interfaces at the site again, still held."""
    site = ctx.hosts.site()
    for connector in interfaces.connectors(ctx.hosts):
        connector.hold()
        connector.repoint(site)
    return {"points_at": site.url}


@step("return-interfaces", undo=_point_at_site)
def return_interfaces(ctx: StepContext) -> Result:
    """Point all interfaces at legacy again, still held."""
    every = interfaces.connectors(ctx.hosts)
    for connector in every:
        interfaces.put_back(connector)
    return {"points_at": "legacy", "interfaces": len(every)}


def _disarm(ctx: StepContext) -> Result:
    """Let changes flow from the site to legacy again, as before."""
    for way, work in live_moves(ctx):
        way.turn_back(work.turned())
    return {"flows": "to legacy"}


@step("arm-again", undo=_disarm)
def arm_again(ctx: StepContext) -> Result:
    """Turn the flow round once more: the site follows legacy, so that the tenant can move again."""
    trips = {}
    for way, work in live_moves(ctx):
        trips[work.name] = way.turn(work.turned(), timeout_seconds=TURN_SECONDS).round_trip_seconds
    return {"round_trip_seconds": trips}


@step("reopen-legacy", changes=True)
def reopen_legacy(ctx: StepContext) -> Result:
    """Let legacy take writes again: from here on the tenant works there."""
    site_fence.require_site_held(ctx)
    site_fence.commit_site_fence(ctx)
    try:
        freeze.unfreeze(ctx, f"{ctx.attempt} went back to it")
    except HalfThawed as error:
        raise Undecided(
            error.what,
            state="Legacy takes writes again, at least in part: the site stays closed, nothing is put back.",
            next_step=f"fab rollback --tenant {ctx.manifest.tenant}, once every legacy host answers",
        ) from error
    stop = _measured(ctx)
    ctx.progress.say(f"legacy takes writes again; stopped for {stop.seconds:.1f} s")
    return stop.model_dump(mode="json")


def _measured(ctx: StepContext) -> Return:
    """Return how long users could not work; the first measurement stays, since a repeat comes later."""
    with suppress(EvidenceError):
        found = ctx.case.read_evidence("return", Return)
        if found.attempt == ctx.attempt:
            return found
    frozen_at = ctx.case.read_evidence("site-freeze", Freeze).frozen_at
    reopened_at = datetime.now(UTC)
    found = Return(
        attempt=ctx.attempt,
        fenced_at=frozen_at,
        reopened_at=reopened_at,
        seconds=round((reopened_at - frozen_at).total_seconds(), 3),
    )
    ctx.case.write_evidence("return", found)
    return found


@step("release-to-legacy")
def release_to_legacy(ctx: StepContext) -> Result:
    """Release all interfaces to legacy, wait until they have drained, and count."""
    every, ready = interfaces.connectors(ctx.hosts), counts_so_far(ctx)
    interfaces.release_all(every)
    done: list[InterfaceCount] = [interfaces.account(one, ready.of(one.name), None) for one in every]
    evidence = keep_counts(ctx, done, "legacy")
    if evidence.lost or evidence.duplicates:
        raise InterfaceError(
            f"the interfaces' counts do not agree: {evidence.lost} messages lost,"
            f" {evidence.duplicates} twice",
            state="Legacy takes writes and the interfaces deliver to it.",
            next_step=f"see evidence/interfaces.json, then fab status --tenant {ctx.manifest.tenant}",
        )
    return {"lost": evidence.lost, "duplicates": evidence.duplicates}


@step("let-go-back", changes=True)
def let_go_back(ctx: StepContext) -> Result:
    """Remove the flow from the site to legacy; the one from legacy to the site stays."""
    for way, work in live_moves(ctx):
        way.let_go(work.turned())
        way.make_ready(work)
    close_lines(ctx)
    let_writes_be(ctx)
    return {"flows": "to the site"}


@step("declare-closed", changes=True)
def declare_closed(ctx: StepContext) -> Result:
    """Declare the closed door in the site's program; behind it, the site's database has its rights again."""
    site_fence.unfence_site(ctx, reason=f"{ctx.attempt} is done, and the door is closed")
    door.declare(Stack(ctx.case.workspace, ctx.manifest.stack("prod")), "closed")
    return {"door": "closed", "matches_its_program": True}
