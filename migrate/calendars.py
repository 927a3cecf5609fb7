"""
iCalendar files (RFC 5545), for people's own calendars.

Promise: the same events give the same bytes; an event that moves keeps its identity, so that a calendar which
has it moves it instead of adding another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime


@dataclass(frozen=True)
class Entry:
    """
    Something at a time. `begins` and `ends` are both days, of which the last is not part any more, or both
    moments; `after` are identities of entries that have to be over first.
    """

    uid: str
    begins: date | datetime
    ends: date | datetime
    summary: str
    description: str = ""
    location: str = ""
    after: tuple[str, ...] = ()
    yearly: bool = False
    """Whether it comes again each year on that day."""


def calendar(entries: Iterable[Entry], *, name: str, organizer: str, stamped_at: datetime) -> bytes:
    """
    Return a calendar file; moments are in UTC, so no calendar has to know a time zone.

    Args:
        organizer: E-mail address.
        stamped_at: When what it says was decided; a later one counts more.
    """
    from icalendar import Calendar, Event, vCalAddress, vText  # here: few commands write one

    made = Calendar()
    made.add("version", "2.0")
    made.add("prodid", f"-//Bascule//{name}//EN")
    made.add("method", "PUBLISH")
    for one in entries:
        event = Event()
        event.add("uid", one.uid)
        event.add("sequence", int(stamped_at.timestamp()) % 2**31)
        event.add("dtstamp", stamped_at.astimezone(UTC).replace(microsecond=0))
        event.add("dtstart", _plain(one.begins))
        event.add("dtend", _plain(one.ends))
        event.add("summary", one.summary)
        if one.description:
            event.add("description", one.description)
        if one.location:
            event.add("location", vText(one.location))
        for uid in one.after:
            event.add("related-to", uid, parameters={"RELTYPE": "DEPENDS-ON"})
        if one.yearly:
            event.add("rrule", {"freq": "yearly"})
        event.add("organizer", vCalAddress(f"mailto:{organizer}"))
        event.add("transp", "OPAQUE" if isinstance(one.begins, datetime) else "TRANSPARENT")
        made.add_component(event)
    return bytes(made.to_ical())


def _plain(moment: date | datetime) -> date | datetime:
    return moment.astimezone(UTC).replace(microsecond=0) if isinstance(moment, datetime) else moment
