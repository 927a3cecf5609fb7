"""When invoices are issued and due, across month ends, leap years and time zones."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.billing.dates import Period, invoice, issued_by, renewal

DAYS = st.dates(date(2024, 1, 1), date(2044, 12, 31))
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2044, 12, 31)).map(  # noqa: DTZ001 - made aware here
    lambda at: at.replace(tzinfo=UTC)
)
ZONES = st.sampled_from(
    ["Europe/Paris", "Africa/Dakar", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/St_Johns"]
).map(ZoneInfo)
PERIODS = st.sampled_from(["month", "year"])


@pytest.mark.parametrize(
    ("began_on", "period", "number", "expected"),
    [
        (date(2027, 1, 31), "month", 1, date(2027, 2, 28)),
        (date(2027, 1, 31), "month", 2, date(2027, 3, 31)),
        (date(2027, 10, 31), "month", 4, date(2028, 2, 29)),
        (date(2028, 2, 29), "year", 1, date(2029, 2, 28)),
        (date(2028, 2, 29), "year", 4, date(2032, 2, 29)),
        (date(2027, 12, 15), "month", 1, date(2028, 1, 15)),
    ],
)
def test_renewal_keeps_its_day(began_on: date, period: Period, number: int, expected: date) -> None:
    """The last day of a short month stands in, and the day of the beginning comes back after it."""
    assert renewal(began_on, period, number) == expected


def test_first_invoice_is_due_in_thirty_days() -> None:
    """Going live on 31 January: issued that day, due on 2 March; the next is sent 15 days before renewal."""
    first, second = invoice(date(2027, 1, 31), "month", 0), invoice(date(2027, 1, 31), "month", 1)
    assert (first.issued_on, first.due_on) == (date(2027, 1, 31), date(2027, 3, 2))
    assert (second.issued_on, second.due_on) == (date(2027, 2, 13), date(2027, 2, 28))


@given(DAYS, PERIODS, st.integers(0, 60))
def test_every_day_is_covered_once(began_on: date, period: Period, number: int) -> None:
    """One invoice ends where the next begins; each covers at least 28 days and at most a year and a day."""
    this, after = invoice(began_on, period, number), invoice(began_on, period, number + 1)
    assert this.renews_on == after.covers_from
    assert 28 <= (this.renews_on - this.covers_from).days <= (31 if period == "month" else 366)
    assert this.covers_from.day == began_on.day or (this.covers_from + timedelta(days=1)).day == 1


@given(DAYS, PERIODS, st.integers(1, 60))
def test_later_invoice_is_sent_fifteen_days_before(began_on: date, period: Period, number: int) -> None:
    """Whatever the calendar, fifteen days lie between sending and renewal, and it is due by then."""
    found = invoice(began_on, period, number)
    assert found.covers_from - found.issued_on == timedelta(days=15)
    assert found.due_on == found.covers_from
    assert found.issued_on > invoice(began_on, period, number - 1).issued_on


@given(MOMENTS, ZONES)
def test_first_invoice_leaves_thirty_whole_days(went_live_at: datetime, zone: ZoneInfo) -> None:
    """On the tenant's own calendar 30 days are left to pay, the last of them to its end, in any time zone."""
    (first,) = issued_by(went_live_at, "month", zone, went_live_at)
    local = went_live_at.astimezone(zone)
    assert first.issued_on == local.date()
    last_moment = datetime.combine(local.date() + timedelta(days=31), datetime.min.time(), zone)
    assert not first.is_overdue(went_live_at, zone)
    assert not first.is_overdue(last_moment - timedelta(seconds=1), zone)
    assert first.is_overdue(last_moment, zone)


@given(MOMENTS, ZONES, PERIODS, st.timedeltas(timedelta(0), timedelta(days=1500)))
def test_invoices_are_issued_in_time_and_never_early(
    went_live_at: datetime, zone: ZoneInfo, period: Period, later: timedelta
) -> None:
    """At any moment exactly those are issued whose day has come where the tenant is."""
    now = went_live_at + later
    found = list(issued_by(went_live_at, period, zone, now))
    today = now.astimezone(zone).date()
    assert [one.number for one in found] == list(range(len(found)))
    assert all(one.issued_on <= today for one in found)
    assert invoice(went_live_at.astimezone(zone).date(), period, len(found)).issued_on > today
