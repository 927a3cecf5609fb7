"""
The window rules: what may be agreed with a customer, and how a moment is read from a command line.

Promise: all broken rules are told at once, each with its remedy. Rules are about the clock on the
customer's wall, lengths about elapsed time, so the night on which the clock changes is counted right.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from migrate.errors import Refused

OPENS_FROM, OPENS_UNTIL = time(15, 30), time(19, 0)
"""Late afternoon: the day's work is done, and somebody who knows it is still there."""
CLOSES_FROM, CLOSES_UNTIL = time(11, 0), time(18, 0)
"""Between the middle and the end of the day."""
MODULE_OF_ONE_MORE_DAY = "epdoc"
ROLLBACK_RESERVE = timedelta(minutes=60)
"""Kept free at the end of a window, for going back."""


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
        stop, reserve = whole_minutes(needed - ROLLBACK_RESERVE), whole_minutes(ROLLBACK_RESERVE)
        broken.append(
            Broken(
                f"is {whole_minutes(length)} min long, yet the stop may take {stop}"
                f" and {reserve} are kept for going back",
                f"close at least {whole_minutes(needed)} min after opening",
            )
        )
    return broken


def whole_minutes(length: timedelta) -> int:
    """Return minutes, rounded up."""
    return ceil(length.total_seconds() / 60)
