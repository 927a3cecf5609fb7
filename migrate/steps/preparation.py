"""
Steps before the move: request, assessment, offer, date, sites; and the look at the clock that lets it begin.

Promise: nothing of the tenant's legacy system is changed by any of them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from migrate import documents, logins, waivers
from migrate.assess import Assessment
from migrate.assess import assess as measure_all
from migrate.assess.facts import Finding
from migrate.deploy import deploy
from migrate.errors import MigrationError, Refused, Waiting
from migrate.offer import write_offer
from migrate.pausing import require_not_paused
from migrate.rates import load_rates
from migrate.reach import require_all_answer
from migrate.request import Request, record_request
from migrate.schedule import agreed, check, must_wait
from migrate.step import Result, StepContext, step
from provisioning.manifest import Environment


@step("record-request")
def record_the_request(ctx: StepContext) -> Result:
    """Record who asked for the move, when, and for what."""
    request = record_request(ctx.case)
    return {"by": request.by.email, "requested_at": request.requested_at.isoformat()}


@step("assess")
def assess(ctx: StepContext) -> Result:
    """Measure the legacy system, reading only; a finding that blocks the move stops here."""
    found = measure_all(ctx.case, ctx.hosts, ctx.progress)
    waived = waivers.of_findings(ctx.case, found.blockers)
    blocking = [finding for finding in found.blockers if finding.waiver_id not in waived]
    if blocking:
        raise _blocked(found.tenant, blocking)
    for what, waiver in waived.items():
        ctx.progress.say(
            f"{what} waived by {waiver.by} until {waiver.expires_at:%F %H:%M %Z}: {waiver.reason}"
        )
    return {
        "mode": found.mode,
        "because": found.mode_because,
        "bytes": found.bytes,
        "stop_low_seconds": found.estimate.low_seconds,
        "stop_high_seconds": found.estimate.high_seconds,
        "findings": len(found.findings),
        "waived": bool(waived),
    }


def _blocked(tenant: str, blocking: Sequence[Finding]) -> MigrationError:
    """Return the error that names every blocker, and the command for the first that somebody may waive."""
    listed = "\n".join(
        f"  {f.id} ({f.subject}): {f.what}; {f.meaning}. {f.remedy[:1].upper()}{f.remedy[1:]}"
        + ("" if f.waivable else ". No waiver can help")
        for f in blocking
    )
    counted = "1 finding blocks" if len(blocking) == 1 else f"{len(blocking)} findings block"
    waivable = [finding.waiver_id for finding in blocking if finding.waivable]
    or_waive = (
        f"; or, for each that may be let be: fab waive --tenant {tenant} --what {waivable[0]}"
        " --by … --reason … --expires … --key …"
    )
    return MigrationError(
        f"{counted} the move of {tenant}:\n{listed}",
        state="Nothing was changed; assessing only reads.",
        next_step=f"after mending them: fab run --tenant {tenant}" + (or_waive if waivable else ""),
    )


@step("write-offer")
def write_the_offer(ctx: StepContext) -> Result:
    """Write the offer as a document for the customer to sign."""
    case = ctx.case
    offer = write_offer(
        case,
        case.read_evidence("assessment", Assessment),
        case.read_evidence("request", Request),
        load_rates(case.workspace),
    )
    path = documents.write(case, "offer.pdf", "offer", vendor=offer.vendor, offer=offer)
    ctx.progress.say(f"offer {offer.number}: {offer.currency} {offer.sum.total} in {path}")
    return {"number": offer.number, "total": f"{offer.currency} {offer.sum.total}", "document": path.name}


@step("agree-schedule")
def agree_schedule(ctx: StepContext) -> Result:
    """Wait for an agreed date and site name; check them against rules and estimate once more."""
    tenant, schedule = ctx.manifest.tenant, agreed(ctx.case)
    again = f"fab schedule --tenant {tenant} --opens … --closes …"
    if schedule is None:
        wished = ctx.manifest.window
        raise Waiting(
            f"date and site name are not agreed with {ctx.manifest.contacts.responsible.name} yet;"
            f" wished: {wished.opens_at.astimezone(wished.zone):%A %Y-%m-%d %H:%M}",
            next_step=f"fab schedule --tenant {tenant}, or with --opens … --closes …",
        )
    try:
        check(ctx.case, schedule, ctx.case.read_evidence("assessment", Assessment))
    except Refused as refused:
        raise Waiting(f"what was agreed no longer holds: {refused.what}", next_step=again) from None
    if schedule.closes_at <= datetime.now(UTC):
        raise Waiting(f"the agreed window closed at {schedule.closes:%Y-%m-%d %H:%M}", next_step=again)
    return {
        "opens_at": schedule.opens_at.isoformat(),
        "closes_at": schedule.closes_at.isoformat(),
        "site_name": schedule.site_name,
    }


@step("deploy-site", changes=True, rests_on="offer.pdf")
def deploy_site(ctx: StepContext) -> Result:
    """Stand the site up with its door closed, and prove that it matches its program."""
    environment = ctx.params.get("environment")
    if environment not in ("test", "prod"):
        raise MigrationError(
            f"deploy-site: environment is {environment!r}",
            next_step="write with: {environment: test} or prod",
        )
    schedule = agreed(ctx.case)
    name = schedule.site_name if schedule else ctx.manifest.site_name
    opens = schedule.closes if schedule and environment == "prod" else None
    site = deploy(ctx.case, cast(Environment, environment), name, ctx.progress, opens=opens)
    return {"url": site.url, "up_seconds": site.up_seconds, "preview_seconds": site.preview_seconds}


@step("check-window")
def check_window(ctx: StepContext) -> Result:
    """
    Go on only within the agreed window, while enough of it is left, or under a waiver of `window`.

    And only when everybody answers whom the move needs, with passwords that last as long as it: a stop that
    cannot succeed, or could not be taken back, never begins.
    """
    require_not_paused(ctx)
    schedule = agreed(ctx.case)
    tenant, now = ctx.manifest.tenant, datetime.now(UTC)
    if schedule is None:
        raise Waiting("no window is agreed", next_step=f"fab schedule --tenant {tenant}")
    reason = must_wait(schedule, now)
    if reason is None:
        _require_logins(ctx, schedule.closes_at)
        return {"opens_at": schedule.opens_at.isoformat(), "closes_at": schedule.closes_at.isoformat()}
    waiver = waivers.active(ctx.case, "window")
    if waiver is None:
        raise Waiting(
            reason,
            next_step=f"fab run --tenant {tenant} within the window; or begin now: "
            f"fab waive --tenant {tenant} --what window --by … --reason … --expires … --key …",
        )
    _require_logins(ctx, now + (schedule.closes_at - schedule.opens_at))
    ctx.progress.say(f"{reason}; waived by {waiver.by}: {waiver.reason}")
    return {"waived": True, "by": waiver.by, "reason": waiver.reason, "because": reason}


def _require_logins(ctx: StepContext, closes_at: datetime) -> None:
    """Have everybody answer, with passwords that last until the window closes; say which end soon after."""
    window, tenant = ctx.manifest.window, ctx.manifest.tenant
    expiring = require_all_answer(ctx.hosts)
    logins.require_until(expiring, closes_at, "the window closes", again=f"fab run --tenant {tenant}")
    for one in logins.before(expiring, closes_at + timedelta(hours=window.way_back_hours)):
        ctx.progress.say(f"{one}, while one may still go back; {one.remedy}")
