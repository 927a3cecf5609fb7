"""
The annual wheel: what happens with a tenant's site each year, for its calendar.

Promise: the same wheel from the same day on gives the same bytes; each meeting comes again each year on its
own. An upgrade's notice goes out so many days before as the manifest says, or the upgrade does not begin.
"""

import calendar as months
from datetime import UTC, date, datetime, timedelta

from migrate import waivers
from migrate.calendars import Entry, calendar
from migrate.case import Case
from migrate.documents import Voice
from migrate.errors import Refused, Waiting
from migrate.outbox import Outbox
from provisioning.manifest_operations import Wheel

ANNOUNCED = "upgrade-announced"
"""The journal's kind of record: about a version, with ``on``."""
WAIVER = "upgrade-notice"


def wheel_of(case: Case) -> Wheel:
    return case.manifest.operations.wheel if case.manifest.operations else Wheel()


def entries(case: Case, opened_on: date) -> list[Entry]:
    """Return the wheel's entries, each on its first day after the site opened."""
    wheel, voice, manifest = wheel_of(case), Voice.of(case.manifest), case.manifest

    def entry(kind: str, month: int, weekday: int, text: str = "") -> Entry:
        day = _next(opened_on, month, weekday)
        return Entry(
            uid=f"wheel-{kind}-{month:02}-{manifest.tenant}@{manifest.site_name}",
            begins=day,
            ends=day + timedelta(days=1),
            summary=voice.say(f"wheel.{kind}"),
            description=text,
            yearly=True,
        )

    text = voice.say("wheel.upgrade_text", days=wheel.notice_days)
    return [
        entry("status", wheel.status_month, months.TUESDAY),
        *(entry("centre", month, months.WEDNESDAY) for month in wheel.customer_centre_months),
        *(entry("upgrade", month, months.THURSDAY, text) for month in wheel.upgrade_months),
    ]


def _next(after: date, month: int, weekday: int) -> date:
    """The second such weekday of that month, the first time after a day."""
    for year in (after.year, after.year + 1):
        first = date(year, month, 1)
        day = first + timedelta(days=(weekday - first.weekday()) % 7 + 7)
        if day > after:
            return day
    raise AssertionError  # next year's is later


def write(case: Case, opened_on: date) -> bytes:
    """Write ``annual-wheel.ics``, and return it."""
    content = calendar(
        entries(case, opened_on),
        name="Annual wheel",
        organizer=str(case.manifest.support.email),
        stamped_at=datetime(opened_on.year, opened_on.month, opened_on.day, tzinfo=UTC),
    )
    case.write_document("annual-wheel.ics", content)
    return content


def announce(case: Case, version: str, on: date, today: date) -> str:
    """
    Put the notice of an upgrade into the outbox, once a version and day, and return its id.

    Raises:
        Refused: The day is too near; the customer was promised more notice.
    """
    wheel, voice, manifest = wheel_of(case), Voice.of(case.manifest), case.manifest
    earliest = today + timedelta(days=wheel.notice_days)
    if on < earliest:
        raise Refused(
            f"{on:%F} is sooner than {wheel.notice_days} days from now, which the customer was promised",
            state="No notice was written.",
            next_step=f"--on {earliest:%F} or later",
        )
    people = [str(manifest.contacts.responsible.email), str(manifest.contacts.technical.email)]
    said = {"site": manifest.site_name, "day": voice.day(on), "email": manifest.support.email}
    ident = Outbox(case).put(
        f"upgrade-{version}-{on:%F}",
        to=people,
        subject=voice.say("wheel.notice.subject", **said),
        text=voice.say("wheel.notice.text", **said),
    )
    last = case.journal.last(ANNOUNCED, version)
    if last is None or last.data["on"] != on.isoformat():
        case.journal.append(ANNOUNCED, version, on=on.isoformat(), message=ident)
    return ident


def require_announced(case: Case, version: str, today: date) -> dict[str, object]:
    """
    Make sure that an upgrade was announced, that its notice was sent in time, and that its day has come.

    Raises:
        Waiting: Not yet.
    """
    tenant, wheel = case.manifest.tenant, wheel_of(case)
    if waiver := waivers.active(case, WAIVER):
        return {"waived": True, "by": waiver.by, "reason": waiver.reason}
    announced = case.journal.last(ANNOUNCED, version)
    if announced is None:
        raise Waiting(
            f"the upgrade to {version} was not announced yet",
            next_step=f"fab announce --tenant {tenant} --on {today + timedelta(days=wheel.notice_days):%F}",
        )
    if announced.data["message"] not in Outbox(case).of("sent"):
        raise Waiting(
            f"the notice of the upgrade to {version} was not sent yet",
            next_step=f"fab outbox --tenant {tenant} --send",
        )
    if today < (on := date.fromisoformat(announced.data["on"])):
        raise Waiting(
            f"the upgrade to {version} was announced for {on:%F}",
            next_step=f"fab upgrade --tenant {tenant}, on that day",
        )
    return {"announced_on": f"{announced.at:%F}", "for": on.isoformat()}
