"""
How a stream is: whether it flows, how far it is behind, and why it does not flow.

Promise: reads only, and says the reason from the server that knows it: a slot that is gone, a password
that ran out, a change that cannot be applied.
"""

from dataclasses import dataclass
from typing import Any, Literal

from migrate.databases import Session
from migrate.transfer.postgresql_live import powers
from migrate.transfer.postgresql_live.sessions import asked
from migrate.transfer.postgresql_live.stream import COUNTS_ERRORS, Stream, reason
from migrate.waiting import wait_until

RETRY_SECONDS = 7.0
"""A server tries again after wal_retrieve_retry_interval, which is 5 s."""


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


def health(
    stream: Stream, publisher: Session, subscriber: Session, *, patience_seconds: float = RETRY_SECONDS
) -> Health:
    """
    Look at both ends of a stream.

    Args:
        patience_seconds: How long to look where it is not steady just now: what fails again is a fault,
            what does not was a connection that is back.
    """
    from_ = asked(publisher, "stream_publisher", stream=stream.name)[0]
    to = next(iter(asked(subscriber, "stream_subscriber", stream=stream.name)), None)
    if to is None and not from_["has_slot"] and not from_["has_publication"]:
        return Health("absent")
    says = _fault(stream, from_, to) or ""
    is_enabled = to is not None and to["is_enabled"]
    if not says and is_enabled:
        says = _trouble(stream, publisher, subscriber, patience_seconds)
    return Health(
        state="broken" if says else "flowing" if is_enabled else "paused",
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


def _trouble(stream: Stream, publisher: Session, subscriber: Session, patience_seconds: float) -> str:
    """
    Why nothing is applied, though all parts are there; empty where it goes on, or where nobody can know.

    One that fails at the end of a long transaction, again and again, is connected and busy most of the time:
    where an error was ever counted, only what it has confirmed since tells that it goes on.
    """
    errors, before = _errors(stream, subscriber), _confirmed(stream, publisher)
    if not _is_connected(stream, publisher, subscriber):
        if says := reason(stream, subscriber):
            return says
    elif not errors:
        return ""

    def is_clear() -> bool:
        if _errors(stream, subscriber) > errors:
            return True
        gets_on = not errors or before.is_all or before != _confirmed(stream, publisher)
        return gets_on and _is_connected(stream, publisher, subscriber)

    wait_until(is_clear, deadline_seconds=patience_seconds, pace_seconds=0.1)
    if (now := _errors(stream, subscriber)) > errors:
        return (
            f"{stream.subscriber.name}: a change cannot be applied ({now} errors so far); the server's "
            f"log says which, under {stream.name}"
        )
    if not powers.read(subscriber).reads_connections and not _is_connected(stream, publisher, subscriber):
        return (
            f"{stream.subscriber.name}: it does not connect to {stream.publisher.name}; the server's log says"
            f" why, under {stream.name}"
        )
    return ""


def _is_connected(stream: Stream, publisher: Session, subscriber: Session) -> bool:
    """Whether a worker applies, and is read for."""
    rows = asked(subscriber, "stream_subscriber", stream=stream.name)
    is_read = asked(publisher, "stream_publisher", stream=stream.name)[0]["active"]
    return bool(rows and rows[0]["worker"] and is_read)


@dataclass(frozen=True)
class _Confirmed:
    """Up to where the subscriber has applied, and whether that is all there is."""

    position: str | None
    is_all: bool


def _confirmed(stream: Stream, publisher: Session) -> _Confirmed:
    seen = asked(publisher, "stream_publisher", stream=stream.name)[0]
    return _Confirmed(seen["confirmed"], seen["lag_bytes"] == 0)


def _errors(stream: Stream, subscriber: Session) -> int:
    if subscriber.info.server_version < COUNTS_ERRORS:
        return 0
    rows = asked(subscriber, "stream_errors", stream=stream.name)
    return int(rows[0]["errors"]) if rows else 0
