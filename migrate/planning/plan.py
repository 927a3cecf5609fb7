"""
The project plan: each activity with its days, as a document, a picture and a calendar file.

Promise: begins on the first working day behind the contract's signature and rests at weekends; the same facts
give the same bytes. Earliest days are those of the plan; the latest stand beside them.
"""

from datetime import date, datetime, timedelta

from migrate.calendars import Entry, calendar
from migrate.case import Case
from migrate.documents import Voice
from migrate.planning.activities import Activities, spans
from migrate.rates import Words
from provisioning.model import Model


class Planned(Model):
    """One activity in the plan. `ends_on` and `at_latest_on` are its last days."""

    id: str
    title: Words
    by: str
    begins_on: date
    ends_on: date
    at_latest_on: date
    after: tuple[str, ...]


class Plan(Model):
    """Evidence ``plan``."""

    begins_on: date
    ends_on: date
    at_latest_on: date
    activities: tuple[Planned, ...]

    def title_of(self, ident: str) -> Words:
        return next(one.title for one in self.activities if one.id == ident)


def make_plan(activities: Activities, signed_on: date) -> Plan:
    """Lay activities out from the first working day after `signed_on`."""
    first, when = _working_day(signed_on, 1), spans(activities.activities)
    planned = []
    for one in activities.activities:
        (begins, ends), (_, latest) = when[one.id]
        planned.append(
            Planned(
                id=one.id,
                title=one.title,
                by=one.by,
                begins_on=_working_day(first, begins),
                ends_on=_working_day(first, ends - 1),
                at_latest_on=_working_day(first, latest - 1),
                after=one.after,
            )
        )
    return Plan(
        begins_on=first,
        ends_on=max(one.ends_on for one in planned),
        at_latest_on=max(one.at_latest_on for one in planned),
        activities=tuple(planned),
    )


def calendar_of(case: Case, plan: Plan, stamped_at: datetime) -> bytes:
    """Return the plan as an iCalendar file: whole days, each with what it waits for."""
    manifest = case.manifest
    voice = Voice.of(manifest)
    where = {one.id: f"{one.id}-{manifest.tenant}@{manifest.site_name}" for one in plan.activities}
    entries = [
        Entry(
            uid=where[one.id],
            begins=one.begins_on,
            ends=one.ends_on + timedelta(days=1),
            summary=voice.title(one.title),
            description=voice.say(
                "plan.calendar", by=voice.say(f"plan.by.{one.by}"), day=voice.day(one.at_latest_on)
            ),
            after=tuple(where[name] for name in one.after),
        )
        for one in plan.activities
    ]
    return calendar(
        entries, name="Project plan", organizer=str(manifest.support.email), stamped_at=stamped_at
    )


def _working_day(day: date, ahead: int) -> date:
    """Return the working day so many working days after the first one that is not before `day`."""
    while day.weekday() >= DAYS:
        day += timedelta(days=1)
    for _ in range(ahead):
        day += timedelta(days=1)
        while day.weekday() >= DAYS:
            day += timedelta(days=1)
    return day


DAYS = 5
"""Of a week, from Monday."""
