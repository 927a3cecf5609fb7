"""
Taking in a message of an interface: exactly once, and in the sender's order.

Promise: the message and the count are one transaction; a message that is stored already changes
nothing; one that comes too early is refused, so that the sender sends the missing one first.
"""

import enum
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import DictRow

from .database import Database


class Outcome(enum.Enum):
    """What became of a message."""

    STORED = "stored"
    KNOWN = "known"
    GAP = "gap"
    CONFLICT = "conflict"
    """Its number belongs to another message: two senders, or one that lost its memory."""


@dataclass(frozen=True)
class Message:
    """One message. `sequence` counts from 1 within its interface."""

    interface: str
    sequence: int
    id: UUID
    payload: Any

    @classmethod
    def parse(cls, interface: str, body: object) -> "Message":
        """
        Read a message from decoded JSON.

        Raises:
            ValueError: Something is missing or of the wrong kind; says what.
        """
        if not isinstance(body, dict):
            raise ValueError("not a JSON object")
        sequence, ident = body.get("sequence"), body.get("id")
        if not isinstance(sequence, int) or isinstance(sequence, bool) or not 1 <= sequence < 2**63:
            raise ValueError("sequence must be a whole number from 1")
        if not isinstance(ident, str):
            raise ValueError("id must be a UUID")
        if not isinstance(body.get("payload"), dict):
            raise ValueError("payload must be an object")
        return cls(interface, sequence, UUID(ident), body["payload"])


def store(database: Database, message: Message) -> tuple[Outcome, int]:
    """Store a message if it is the next one; return what became of it and the last number stored."""
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO schnittstelle.stand (interface) VALUES (%s) ON CONFLICT DO NOTHING",
            (message.interface,),
        )
        row = connection.execute(
            "SELECT last_sequence FROM schnittstelle.stand WHERE interface = %s FOR UPDATE",
            (message.interface,),
        ).fetchone()
        last = int(row["last_sequence"]) if row else 0
        if message.sequence <= last:
            return (Outcome.KNOWN if _is_same(connection, message) else Outcome.CONFLICT), last
        if message.sequence > last + 1:
            return Outcome.GAP, last
        connection.execute(
            "INSERT INTO schnittstelle.nachricht (interface, sequence, id, payload) VALUES (%s, %s, %s, %s)",
            (message.interface, message.sequence, message.id, json.dumps(message.payload)),
        )
        connection.execute(
            "UPDATE schnittstelle.stand SET received = received + 1, last_sequence = %s WHERE interface = %s",
            (message.sequence, message.interface),
        )
    return Outcome.STORED, message.sequence


def state(database: Database, interface: str) -> dict[str, int]:
    """Return how many messages of an interface are stored, counted, and the highest number among them."""
    row = database.row(
        "SELECT count(*) AS received, coalesce(max(sequence), 0) AS last_sequence"
        " FROM schnittstelle.nachricht WHERE interface = %s",
        (interface,),
    )
    return {"received": row["received"], "last_sequence": row["last_sequence"]} if row else {}


def _is_same(connection: psycopg.Connection[DictRow], message: Message) -> bool:
    row = connection.execute(
        "SELECT id FROM schnittstelle.nachricht WHERE interface = %s AND sequence = %s",
        (message.interface, message.sequence),
    ).fetchone()
    return row is not None and row["id"] == message.id
