"""
Calendar files, read back by a library as a calendar program would.

Promise: what is no valid calendar is an error.
"""

from typing import Any

from icalendar import Calendar


def events(content: bytes) -> list[Any]:
    """Return the events of a calendar file, each by the names of its properties."""
    return list(Calendar.from_ical(content).walk("VEVENT"))
