"""
Operating hours: when a tenant's people work, and that nothing is switched under their hands.

Promise: about the clock on the tenant's wall, on both sides of a night on which that changes.
"""

from datetime import UTC, datetime, timedelta

from migrate import waivers
from migrate.case import Case
from migrate.errors import Waiting
from provisioning.manifest import Manifest
from provisioning.manifest_operations import WEEKDAYS, Hours

WAIVER = "operating-hours"


def hours_of(manifest: Manifest) -> Hours:
    """The hours in the manifest; working days from 8 to 16 where it says nothing."""
    return manifest.operations.hours if manifest.operations else Hours()


def next_opening(manifest: Manifest, moment: datetime) -> datetime:
    """Return when people next begin to work after `moment`; `moment` itself within operating hours."""
    hours, zone = hours_of(manifest), manifest.window.zone
    local = moment.astimezone(zone)
    for ahead in range(9):
        day = local.date() + timedelta(days=ahead)
        if WEEKDAYS[day.weekday()] in hours.days:
            opens = datetime.combine(day, hours.opens, zone)
            closes = datetime.combine(day, hours.closes, zone)
            if moment < closes:
                return max(moment, opens.astimezone(UTC))
    raise AssertionError  # every week has an operating day


def require_outside(case: Case, needs: timedelta, now: datetime, *, again: str) -> dict[str, object]:
    """
    Make sure that nobody works now, nor before what is to be done is over.

    Args:
        needs: How long it may take.

    Raises:
        Waiting: They do; says until when, and what somebody of the vendor may sign instead.
    """
    manifest, hours = case.manifest, hours_of(case.manifest)
    opens = next_opening(manifest, now)
    if now + needs <= opens:
        return {"outside_until": opens.astimezone(manifest.window.zone).isoformat(timespec="minutes")}
    if waiver := waivers.active(case, WAIVER):
        return {"waived": True, "by": waiver.by, "reason": waiver.reason}
    when = (
        "people are at work"
        if opens <= now
        else f"people begin at {opens.astimezone(manifest.window.zone):%A %H:%M}"
    )
    raise Waiting(
        f"{when} (operating hours {hours.opens:%H:%M} to {hours.closes:%H:%M}, {', '.join(hours.days)});"
        f" this may take {needs.total_seconds() / 60:.0f} min",
        next_step=f"{again}, after {hours.closes:%H:%M}; or now: fab waive --tenant {manifest.tenant}"
        f" --what {WAIVER} --by … --reason … --expires … --key …",
    )
