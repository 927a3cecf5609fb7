"""
The agreed window as an iCalendar file, for the customer's own calendar.

Promise: the same schedule gives the same bytes, and a new date moves the event instead of adding one.
"""

from pathlib import Path

from migrate.assess.facts import Assessment
from migrate.calendars import Entry, calendar
from migrate.case import Case
from migrate.documents import Voice
from migrate.schedule import Schedule


def write(case: Case, schedule: Schedule, assessment: Assessment) -> Path:
    """Write ``window.ics`` in the tenant's language; the same schedule again changes nothing."""
    manifest = case.manifest
    voice, estimate = Voice.of(manifest), assessment.estimate
    content = invitation(
        schedule,
        tenant=manifest.tenant,
        summary=voice.say("window.summary", site=schedule.site_name),
        description=voice.say(
            "window.description",
            low=voice.minutes(estimate.low_seconds),
            high=voice.minutes(estimate.high_seconds),
            email=manifest.support.email,
        ),
        organizer=manifest.support.email,
    )
    return case.write_document("window.ics", content)


def invitation(schedule: Schedule, *, tenant: str, summary: str, description: str, organizer: str) -> bytes:
    """Return an iCalendar file with one event."""
    event = Entry(
        # One identity a tenant, so that a new date moves the event instead of adding a second one.
        uid=f"window-{tenant}@{schedule.site_name}",
        begins=schedule.opens_at,
        ends=schedule.closes_at,
        summary=summary,
        description=description,
        location=schedule.site_name,
    )
    return calendar([event], name="Migration window", organizer=organizer, stamped_at=schedule.agreed_at)
