"""
The agreed window as an iCalendar file (RFC 5545), for the customer's own calendar.

Promise: the same schedule gives the same bytes, and a new date moves the event instead of adding one.
"""

from datetime import UTC
from pathlib import Path

from migrate.assess.facts import Assessment
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
    """
    Return an iCalendar file with one event; moments are in UTC, so no calendar has to know the zone.
    """
    stamp = "%Y%m%dT%H%M%SZ"
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Bascule//Migration window//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        # One identity a tenant, so that a new date moves the event instead of adding a second one.
        f"UID:window-{tenant}@{schedule.site_name}",
        f"SEQUENCE:{int(schedule.agreed_at.timestamp()) % 2**31}",
        f"DTSTAMP:{schedule.agreed_at.astimezone(UTC):{stamp}}",
        f"DTSTART:{schedule.opens_at.astimezone(UTC):{stamp}}",
        f"DTEND:{schedule.closes_at.astimezone(UTC):{stamp}}",
        f"SUMMARY:{_escaped(summary)}",
        f"DESCRIPTION:{_escaped(description)}",
        f"LOCATION:{_escaped(schedule.site_name)}",
        f"ORGANIZER:mailto:{organizer}",
        "TRANSP:OPAQUE",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return b"".join(_folded(line) + b"\r\n" for line in lines)


def _escaped(text: str) -> str:
    for plain in ("\\", ";", ","):
        text = text.replace(plain, f"\\{plain}")
    return text.replace("\n", "\\n")


def _folded(line: str) -> bytes:
    """Break a line after at most 75 octets, never inside a character (RFC 5545, section 3.1)."""
    pieces: list[bytes] = []
    piece = b""
    for character in line:
        octets = character.encode()
        # Every piece but the first begins with a space, which counts.
        if len(piece) + len(octets) > (75 if not pieces else 74):
            pieces.append(piece)
            piece = b""
        piece += octets
    return b"\r\n ".join([*pieces, piece])
