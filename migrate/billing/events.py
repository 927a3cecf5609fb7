"""
What the billing system is told: CloudEvents, each kept in the journal before it is sent.

Promise: the same thing always has the same id, whoever tells it and however often; what the journal knows as
delivered is not sent again. An event holds no secret.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from migrate.case import Case
from migrate.journal import Record

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


@dataclass(frozen=True)
class Event:
    """One thing that happened. `subject` is such as an invoice's number."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: Mapping[str, str | int]

    @property
    def body(self) -> bytes:
        """The event in structured mode (CloudEvents 1.0, JSON format)."""
        attributes = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": self.time.isoformat(timespec="milliseconds"),
            "datacontenttype": "application/json",
            "data": dict(self.data),
        }
        return json.dumps(attributes, ensure_ascii=False, sort_keys=True).encode()


def keep(case: Case, type_: str, subject: str, data: Mapping[str, str | int]) -> str:
    """Keep an event to be delivered, unless it is kept already; return its id."""
    source = f"urn:bascule:tenant:{case.manifest.tenant}"
    id_ = str(uuid5(NAMESPACE_URL, f"{source}/{type_}/{subject}"))
    if case.journal.last("event", id_) is None:
        case.journal.append("event", id_, type=type_, source=source, subject=subject, data=dict(data))
    return id_


def waiting(case: Case) -> list[Event]:
    """Return the events that are not known to be delivered, oldest first."""
    kept: dict[str, Record] = {}
    for record in case.journal:
        if record.kind == "event":
            kept[record.about] = record
        elif record.kind == "event-delivered":
            kept.pop(record.about, None)
    return [
        Event(id_, r.data["source"], r.data["type"], r.data["subject"], r.at, r.data["data"])
        for id_, r in kept.items()
    ]
