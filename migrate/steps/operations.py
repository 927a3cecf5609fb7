"""
Steps after going live: hypercare, handover by both sides, the annual wheel, and upgrades in operation.

Promise: a handover is written only while its exit criteria hold; an upgrade that fails leaves the site as it
was.
"""

from datetime import UTC, datetime, timedelta

from migrate import documents, hypercare, waivers, wheel
from migrate.case import digest_of
from migrate.errors import Waiting
from migrate.hours import require_outside
from migrate.hypercare import Followed
from migrate.offer import Offer
from migrate.product import releases
from migrate.product.order import ordered
from migrate.product.releases import Release
from migrate.rates import load_rates
from migrate.step import Result, StepContext, step
from migrate.stop import Stop
from provisioning.manifest_operations import Hypercare

HANDOVER, HANDOVER_VENDOR = "handover.pdf", "handover-vendor.pdf"
LENGTH_WAIVER = "hypercare-length"
TIMES_AS_LONG = 4
"""A stop in production may take as many times as long as in test; time for going back is within it."""


@step("follow-up")
def follow_up(ctx: StepContext) -> Result:
    """Measure the status of today; wait until every exit criterion of the hypercare holds."""
    case, tenant = ctx.case, ctx.manifest.tenant
    operations = ctx.manifest.operations
    wanted = operations.hypercare if operations else Hypercare()
    followed = hypercare.look(case, ctx.hosts, datetime.now(UTC))
    last, waiver = followed.days[-1], waivers.active(case, LENGTH_WAIVER)
    ctx.progress.say(
        f"{last.day:%F}: {len(last.open_incidents)} incidents open, {last.errors} of {last.requests} requests"
        f" failed, go-live suite {last.verification}"
    )
    if found := hypercare.lacks(followed, wanted, length_waived=waiver is not None):
        raise Waiting(
            "the hypercare goes on:\n" + "\n".join(f"  {one}" for one in found),
            next_step=f"fab run --tenant {tenant} each day; fab incident --tenant {tenant} closes incidents",
        )
    return {
        "days": len(followed.days),
        "until": f"{last.day}",
        "errors_per_thousand": last.errors_per_thousand,
        **({"waived": True, "by": waiver.by, "reason": waiver.reason} if waiver else {}),
    }


@step("write-operations-handover")
def write_operations_handover(ctx: StepContext) -> Result:
    """Write the handover for the customer to sign, with every day's status."""
    followed = ctx.case.read_evidence("hypercare", Followed)
    path = documents.write(
        ctx.case,
        HANDOVER,
        "handover",
        vendor=ctx.case.read_evidence("offer", Offer).vendor,
        document=HANDOVER,
        opened_on=followed.opened_on,
        days=followed.days,
        last=followed.days[-1],
        of_customer="",
        signer=ctx.manifest.contacts.responsible,
    )
    return {"document": path.name, "days": len(followed.days)}


@step("write-vendor-handover", rests_on=HANDOVER)
def write_vendor_handover(ctx: StepContext) -> Result:
    """Write the same handover for the customer centre to sign, over the one that the customer signed."""
    case = ctx.case
    followed, vendor = case.read_evidence("hypercare", Followed), load_rates(case.workspace).vendor
    path = documents.write(
        case,
        HANDOVER_VENDOR,
        "handover",
        vendor=vendor,
        document=HANDOVER_VENDOR,
        opened_on=followed.opened_on,
        days=followed.days,
        last=followed.days[-1],
        of_customer=digest_of(case.document(HANDOVER)),
        signer=vendor,
    )
    return {"document": path.name}


@step("write-annual-wheel", rests_on=HANDOVER_VENDOR)
def write_annual_wheel(ctx: StepContext) -> Result:
    """Write the annual wheel as a calendar file: meetings, and upgrades with their notice."""
    opened_at = ctx.case.read_evidence("stop", Stop).opened_at
    day = opened_at.astimezone(ctx.manifest.window.zone).date()
    wheel.write(ctx.case, day)
    return {"document": "annual-wheel.ics", "entries": len(wheel.entries(ctx.case, day))}


@step("require-notice")
def require_notice(ctx: StepContext) -> Result:
    """Go on only when the upgrade was announced in time, its notice was sent, and its day has come."""
    today = datetime.now(UTC).astimezone(ctx.manifest.window.zone).date()
    return dict(wheel.require_announced(ctx.case, ordered(ctx.case).order.to, today))


@step("upgrade-through-test", changes=True)
def upgrade_through_test(ctx: StepContext) -> Result:
    """Bring a copy of production's own data to the new version on the test site."""
    done = releases.through_test(ctx, ordered(ctx.case))
    ctx.case.write_evidence("release-test", done)
    return {"from": done.from_version, "to": done.to_version, "seconds": done.seconds, "chain": done.chain}


@step("upgrade-production", changes=True)
def upgrade_production(ctx: StepContext) -> Result:
    """Upgrade production outside operating hours, with a safety copy before; whatever fails is put back."""
    tested = ctx.case.read_evidence("release-test", Release)
    if not releases.is_under_way(ctx, tested):
        require_outside(
            ctx.case,
            timedelta(seconds=TIMES_AS_LONG * tested.seconds),
            datetime.now(UTC),
            again=f"fab upgrade --tenant {ctx.manifest.tenant}",
        )
    done = releases.in_production(ctx, ordered(ctx.case), tested)
    ctx.case.write_evidence("release-prod", done)
    return {
        "from": done.from_version,
        "to": done.to_version,
        "seconds": done.seconds,
        "safety_copy": done.safety_copy,
    }
