"""
The agreed date: the window rules, and the evidence ``schedule``.

Promise: a schedule that exists kept every rule when it was agreed; all broken ones are told at once.
Rules are about the clock on the customer's wall, lengths about elapsed time, so the night on which
the clock changes is counted right.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict

from migrate.assess.facts import Assessment
from migrate.case import Case
from migrate.errors import Refused
from provisioning.manifest import HostName, TimeZone

OPENS_FROM, OPENS_UNTIL = time(15, 30), time(19, 0)
"""Late afternoon: the day's work is done, and somebody who knows it is still there."""
CLOSES_FROM, CLOSES_UNTIL = time(11, 0), time(18, 0)
"""Between the middle and the end of the day."""
MODULE_OF_ONE_MORE_DAY = "epdoc"
ROLLBACK_RESERVE = timedelta(minutes=60)
"""Kept free at the end of a window, for going back."""


class Schedule(BaseModel):
    """Evidence ``schedule``: what was agreed with the customer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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


@dataclass(frozen=True)
class Broken:
    """A window rule that is not kept, and how to keep it."""

    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.rule}; {self.remedy}"


def local_moment(text: str, zone: ZoneInfo) -> datetime:
    """
    Return the moment in an ISO text such as ``2027-03-09T17:00``; without an offset it is local.

    Raises:
        Refused: It is no moment, or one that the clock skips or shows twice on that day.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is no moment", next_step="write it such as 2027-03-09T17:00") from None
    if moment.tzinfo is not None:
        return moment
    early, late = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
    if early.utcoffset() == late.utcoffset():
        return early
    skipped = early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment
    why = "is skipped" if skipped else "comes twice"
    raise Refused(
        f"{text} {why} in {zone.key}: the clock changes in that night",
        next_step=f"add the offset, such as {text}{early.isoformat()[-6:]}",
    )


def touches_weekend(opens_at: datetime, closes_at: datetime, zone: ZoneInfo) -> bool:
    """Tell whether any day of the window, as the customer sees it, is a Saturday or Sunday."""
    return any(day.weekday() >= 5 for day in _days(opens_at.astimezone(zone), closes_at.astimezone(zone)))


def _days(opens: datetime, closes: datetime) -> list[date]:
    count = (closes.date() - opens.date()).days
    return [opens.date() + timedelta(days=n) for n in range(count + 1)]


def broken_rules(
    opens_at: datetime,
    closes_at: datetime,
    zone: ZoneInfo,
    *,
    modules: tuple[str, ...],
    weekend_asked: bool,
    estimate_high_seconds: float,
) -> list[Broken]:
    """Return every rule that a window breaks; none means that it can be agreed."""
    opens, closes = opens_at.astimezone(zone), closes_at.astimezone(zone)
    broken = []
    if not OPENS_FROM <= opens.time() <= OPENS_UNTIL:
        broken.append(
            Broken(
                f"opens at {opens:%H:%M}, which is not late afternoon",
                f"open between {OPENS_FROM:%H:%M} and {OPENS_UNTIL:%H:%M}",
            )
        )
    if not CLOSES_FROM <= closes.time() <= CLOSES_UNTIL:
        broken.append(
            Broken(
                f"closes at {closes:%H:%M}, which is not between the middle and the end of a day",
                f"close between {CLOSES_FROM:%H:%M} and {CLOSES_UNTIL:%H:%M}",
            )
        )
    one_more = MODULE_OF_ONE_MORE_DAY in modules
    wanted = opens.date() + timedelta(days=2 if one_more else 1)
    if closes.date() != wanted:
        why = f"one day more, since the tenant has {MODULE_OF_ONE_MORE_DAY}" if one_more else "the next day"
        broken.append(Broken(f"closes on {closes:%Y-%m-%d}", f"close on {wanted:%Y-%m-%d}, {why}"))
    if not weekend_asked and touches_weekend(opens_at, closes_at, zone):
        broken.append(
            Broken(
                f"{opens:%A %Y-%m-%d} to {closes:%A %Y-%m-%d} touches a weekend",
                "take working days, or --weekend when the customer asks for it",
            )
        )
    # Elapsed time: subtracting two local datetimes of one zone would count wall-clock hours.
    length = closes_at.astimezone(UTC) - opens_at.astimezone(UTC)
    needed = timedelta(seconds=estimate_high_seconds) + ROLLBACK_RESERVE
    if length < needed:
        broken.append(
            Broken(
                f"is {_minutes(length)} min long, yet the stop may take {_minutes(needed - ROLLBACK_RESERVE)}"
                f" and {_minutes(ROLLBACK_RESERVE)} are kept for going back",
                f"close at least {_minutes(needed)} min after opening",
            )
        )
    return broken


def _minutes(length: timedelta) -> int:
    return ceil(length.total_seconds() / 60)


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
        weekend: The customer asks for a weekend.

    Raises:
        Refused: It breaks rules; tells all of them. What was agreed before stays.
    """
    manifest = case.manifest
    if closes_at <= opens_at or opens_at < now:
        wrong = "does not close after it opens" if closes_at <= opens_at else "has opened already"
        raise _refusal(case, [Broken(f"{opens_at.isoformat()} {wrong}", "take a window in the future")])
    schedule = Schedule(
        opens_at=opens_at,
        closes_at=closes_at,
        time_zone=manifest.window.time_zone,
        site_name=site_name or manifest.site_name,
        on_weekend=weekend,
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


def _refusal(case: Case, broken: list[Broken]) -> Refused:
    tenant = case.manifest.tenant
    listed = "\n".join(f"  {one}" for one in broken)
    return Refused(
        f"the window of {tenant} breaks {len(broken)} rule{'s' if len(broken) > 1 else ''}:\n{listed}",
        state="Nothing was agreed anew.",
        next_step=f"fab schedule --tenant {tenant} --opens … --closes …",
    )
