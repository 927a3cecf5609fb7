"""
When each invoice of a subscription is issued and due: calendar days, on the tenant's own calendar.

Promise: renewals keep the day of the month on which it began, or the last day of a shorter month, and come
back to it afterwards; every day is covered by exactly one invoice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Literal
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

Period = Literal["month", "year"]

FIRST_DUE = timedelta(days=30)
"""The first invoice is issued when the site goes live."""
SENT_BEFORE = timedelta(days=15)
"""Later ones are sent so long before the renewal, by which they are due."""


@dataclass(frozen=True)
class Invoice:
    """One invoice. It covers the days from `covers_from` to the one before `renews_on`."""

    number: int
    covers_from: date
    renews_on: date
    issued_on: date
    due_on: date

    def is_overdue(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether the due day is over where the tenant is."""
        return now >= datetime.combine(self.due_on + timedelta(days=1), time.min, zone)


def renewal(began_on: date, period: Period, number: int) -> date:
    """Return the day of a renewal; the 0th is the beginning."""
    # Always from the beginning: month after month, the 31st would shrink to the 28th and stay there.
    step = relativedelta(months=number) if period == "month" else relativedelta(years=number)
    return began_on + step


def invoice(began_on: date, period: Period, number: int) -> Invoice:
    """Return an invoice of a subscription; they count from 0."""
    covers_from, renews_on = renewal(began_on, period, number), renewal(began_on, period, number + 1)
    if number == 0:
        return Invoice(number, covers_from, renews_on, issued_on=began_on, due_on=began_on + FIRST_DUE)
    return Invoice(number, covers_from, renews_on, issued_on=covers_from - SENT_BEFORE, due_on=covers_from)


def issued_by(went_live_at: datetime, period: Period, zone: ZoneInfo, now: datetime) -> Iterator[Invoice]:
    """Yield the invoices that are issued by `now`, in order."""
    began_on, today = went_live_at.astimezone(zone).date(), now.astimezone(zone).date()
    for number in count():
        found = invoice(began_on, period, number)
        if found.issued_on > today:
            return
        yield found
