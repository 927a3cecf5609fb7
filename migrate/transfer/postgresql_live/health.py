"""
How a stream is: whether it flows, how far it is behind, and why it does not flow.

Promise: reads only, and says the reason from the server that knows it: a slot that is gone, a password
that ran out, a subscription that was switched off after an error.
"""

from dataclasses import dataclass
from typing import Any, Literal

from migrate.databases import Session, query, value
from migrate.transfer.postgresql_live.sessions import asked
from migrate.transfer.postgresql_live.stream import COUNTS_ERRORS, Stream


@dataclass(frozen=True)
class Health:
    """A stream at one moment. Figures are None where nobody can know them."""

    state: Literal["absent", "flowing", "paused", "broken"]
    says: str = ""
    """Why it is broken."""
    lag_bytes: int | None = None
    """Log that the subscriber has not confirmed yet."""
    lag_seconds: float | None = None
    retained_bytes: int | None = None
    """Log that the publisher keeps for it."""
    room_bytes: int | None = None
    """How much more the publisher will keep; None without a limit."""


def health(stream: Stream, publisher: Session, subscriber: Session) -> Health:
    """Look at both ends of a stream."""
    from_ = asked(publisher, "stream_publisher", stream=stream.name)[0]
    to = next(iter(asked(subscriber, "stream_subscriber", stream=stream.name)), None)
    if to is None and not from_["has_slot"] and not from_["has_publication"]:
        return Health("absent")
    says = _fault(stream, from_, to) or ""
    if not says and to is not None and to["is_enabled"] and to["worker"] is None:
        says = reason(stream, subscriber)
    if not says and to is not None and not to["is_enabled"] and (errors := _errors(stream, subscriber)):
        says = (
            f"{stream.subscriber.name}: the server switched subscription {stream.name} off, since a change "
            f"could not be applied ({errors} errors); its log says which"
        )
    state: Literal["flowing", "paused"] = "flowing" if to is not None and to["is_enabled"] else "paused"
    return Health(
        state="broken" if says else state,
        says=says,
        lag_bytes=from_["lag_bytes"],
        lag_seconds=from_["lag_seconds"],
        retained_bytes=from_["retained_bytes"],
        room_bytes=from_["room_bytes"],
    )


def _fault(stream: Stream, from_: dict[str, Any], to: dict[str, Any] | None) -> str | None:
    """What is wrong with the parts of a stream themselves, the gravest first."""
    at, name = stream.publisher.name, stream.name
    gone = f"{at}: {{}} {name} is gone; somebody removed it, and the flow cannot go on"
    if not from_["has_slot"]:
        return gone.format("slot")
    if from_["wal_status"] == "lost":
        return f"{at}: slot {name} is lost: the server removed log that it needed (max_slot_wal_keep_size)"
    if not from_["has_publication"]:
        return gone.format("publication")
    if to is None:
        return f"{stream.subscriber.name}: subscription {name} is gone; somebody removed it"
    if not from_["has_role"]:
        return gone.format("role")
    if from_["is_expired"]:
        return f"{at}: the password of role {name} has expired"
    if not (from_["can_login"] and from_["can_replicate"] and from_["may_connect"]):
        lacks = [
            right
            for right, has in (
                ("LOGIN", from_["can_login"]),
                ("REPLICATION", from_["can_replicate"]),
                (f"CONNECT on database {stream.publisher.endpoint.dbname}", from_["may_connect"]),
            )
            if not has
        ]
        return f"{at}: role {name} lacks {', '.join(lacks)}"
    return None


def _errors(stream: Stream, subscriber: Session) -> int:
    if subscriber.info.server_version < COUNTS_ERRORS:
        return 0
    rows = asked(subscriber, "stream_errors", stream=stream.name)
    return int(rows[0]["errors"]) if rows else 0


def reason(stream: Stream, subscriber: Session) -> str:
    """Let the subscriber's server try its connection; return what it says, empty where it gets through."""
    subscriber.execute("SELECT pg_catalog.set_config('bascule.stream', %s, false)", (stream.name,))
    subscriber.execute(query("stream_connects"))
    said = str(value(subscriber, "SHOW bascule.reason"))
    return f"{stream.subscriber.name}: {said}" if said else ""
