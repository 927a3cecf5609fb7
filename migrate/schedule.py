"""
The agreed date: evidence ``schedule``, and whether a move may begin now.

Promise: a schedule that exists kept every rule of `migrate.window_rules` when it was agreed.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime

from migrate.assess.facts import Assessment
from migrate.case import Case
from migrate.errors import Refused
from migrate.request import recorded
from migrate.window_rules import ROLLBACK_RESERVE, Broken, broken_rules, whole_minutes
from provisioning.manifest import HostName, TimeZone
from provisioning.model import Model


class Schedule(Model):
    """Evidence ``schedule``: what was agreed with the customer."""

    opens_at: AwareDatetime
    closes_at: AwareDatetime
    time_zone: TimeZone
    site_name: HostName
    on_weekend: bool
    """Whether the customer asked for a weekend."""
    agreed_at: AwareDatetime
    agreed_with: str
    """E-mail address of the customer's responsible person."""
    estimate_high_seconds: float
    """The estimated stop at its high end, when this was agreed."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def opens(self) -> datetime:
        """On the customer's wall clock."""
        return self.opens_at.astimezone(self.zone)

    @property
    def closes(self) -> datetime:
        return self.closes_at.astimezone(self.zone)


def agree(
    case: Case,
    assessment: Assessment,
    opens_at: datetime,
    closes_at: datetime,
    *,
    site_name: str | None = None,
    weekend: bool = False,
    now: datetime,
) -> Schedule:
    """
    Keep a window that the customer agreed to as evidence ``schedule``; the same again changes nothing.

    Args:
        site_name: Other than in the manifest.
        weekend: The customer asks for a weekend; what the quote request says counts too.

    Raises:
        Refused: It breaks rules; tells all of them. What was agreed before stays.
    """
    manifest, request = case.manifest, recorded(case)
    if closes_at <= opens_at or opens_at < now:
        wrong = "does not close after it opens" if closes_at <= opens_at else "has opened already"
        raise _refusal(case, [Broken(f"{opens_at.isoformat()} {wrong}", "take a window in the future")])
    schedule = Schedule(
        opens_at=opens_at,
        closes_at=closes_at,
        time_zone=manifest.window.time_zone,
        site_name=site_name or manifest.site_name,
        on_weekend=weekend or bool(request and request.weekend),
        agreed_at=now,
        agreed_with=manifest.contacts.responsible.email,
        estimate_high_seconds=assessment.estimate.high_seconds,
    )
    check(case, schedule, assessment)
    before = agreed(case)
    if before is not None and before.model_copy(update={"agreed_at": now}) == schedule:
        return before
    case.write_evidence("schedule", schedule)
    return schedule


def agreed(case: Case) -> Schedule | None:
    """
    Return what was agreed, or None when nothing was yet.

    Raises:
        EvidenceError: It was changed after it was written.
    """
    if case.journal.last("evidence", "schedule") is None:
        return None
    return case.read_evidence("schedule", Schedule)


def check(case: Case, schedule: Schedule, assessment: Assessment) -> None:
    """
    Hold a schedule against the rules and the present estimate.

    Raises:
        Refused: It breaks rules; tells all of them.
    """
    broken = broken_rules(
        schedule.opens_at,
        schedule.closes_at,
        schedule.zone,
        modules=case.manifest.modules,
        weekend_asked=schedule.on_weekend,
        estimate_high_seconds=assessment.estimate.high_seconds,
    )
    if broken:
        raise _refusal(case, broken)


def must_wait(schedule: Schedule, now: datetime) -> str | None:
    """Say why a move may not begin at `now`; None when it may."""
    opens, closes, zone = (
        f"{schedule.opens:%A %F %H:%M}",
        f"{schedule.closes:%A %F %H:%M}",
        schedule.time_zone,
    )
    if now < schedule.opens_at:
        return f"the window opens at {opens} ({zone})"
    if now >= schedule.closes_at:
        return f"the window closed at {closes} ({zone}); a new one has to be agreed"
    needed = timedelta(seconds=schedule.estimate_high_seconds) + ROLLBACK_RESERVE
    left = schedule.closes_at.astimezone(UTC) - now.astimezone(UTC)
    if left < needed:
        stop, reserve = whole_minutes(needed - ROLLBACK_RESERVE), whole_minutes(ROLLBACK_RESERVE)
        return (
            f"the window closes at {closes} ({zone}): {whole_minutes(left)} min are left,"
            f" yet the stop may take {stop} and {reserve} are kept for going back"
        )
    return None


def _refusal(case: Case, broken: list[Broken]) -> Refused:
    tenant = case.manifest.tenant
    listed = "\n".join(f"  {one}" for one in broken)
    return Refused(
        f"the window of {tenant} breaks {len(broken)} rule{'s' if len(broken) > 1 else ''}:\n{listed}",
        state="Nothing was agreed anew.",
        next_step=f"fab schedule --tenant {tenant} --opens … --closes …",
    )
