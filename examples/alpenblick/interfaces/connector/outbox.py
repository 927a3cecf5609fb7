"""
The outbox: every message a partner handed over, on disk, with its number for ever.

Promise: a message is on disk before it counts as accepted, and counts as delivered only after the
receiver acknowledged it; numbers have no holes; this holds whenever the process or machine dies.
Two processes share the file: the connector and its control command.
"""

import json
import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Mode = Literal["transmitting", "held"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    payload TEXT NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS waiting ON message (sequence) WHERE delivered = 0;
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Message:
    """One message, as it will be sent."""

    sequence: int
    id: str
    payload: Any

    @property
    def body(self) -> bytes:
        return json.dumps(
            {"sequence": self.sequence, "id": self.id, "payload": self.payload}, ensure_ascii=False
        ).encode()


class Outbox:
    """One interface's outbox, in its folder. A new one is held and points nowhere."""

    def __init__(self, folder: Path) -> None:
        path = folder / "outbox.sqlite"
        # Before SQLite makes it, since it will hold the destination's token. Never opened again by hand:
        # a process that closes any handle of a file loses all its locks on it, SQLite's too.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        self._db = sqlite3.connect(path, timeout=20, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def accept(self, payload: Any) -> int:
        """Take a message in; once this returns it is on disk. Return its number."""
        with self._changing() as db:
            (last,) = db.execute("SELECT coalesce(max(sequence), 0) FROM message").fetchone()
            db.execute(
                "INSERT INTO message (sequence, id, payload) VALUES (?, ?, ?)",
                (last + 1, str(uuid.uuid4()), json.dumps(payload, ensure_ascii=False)),
            )
        return int(last) + 1

    def waiting(self, at_most: int) -> list[Message]:
        """Return the oldest messages that were not acknowledged yet, in order."""
        rows = self._db.execute(
            "SELECT sequence, id, payload FROM message WHERE delivered = 0 ORDER BY sequence LIMIT ?",
            (at_most,),
        ).fetchall()
        return [Message(sequence, ident, json.loads(payload)) for sequence, ident, payload in rows]

    def acknowledge_up_to(self, sequence: int) -> None:
        """Count as delivered what the receiver has: this number, and so all before it."""
        with self._changing() as db:
            db.execute("UPDATE message SET delivered = 1 WHERE delivered = 0 AND sequence <= ?", (sequence,))

    def counts(self) -> dict[str, int]:
        """Return the numbers of the control protocol, all of one moment."""
        accepted, delivered, last = self._db.execute(
            "SELECT count(*), coalesce(sum(delivered), 0), coalesce(max(sequence), 0) FROM message"
        ).fetchone()
        return {
            "accepted": accepted,
            "delivered": delivered,
            "waiting": accepted - delivered,
            "last_sequence": last,
        }

    @property
    def mode(self) -> Mode:
        return "transmitting" if self._get("mode") == "transmitting" else "held"

    def is_held(self) -> bool:
        return self.mode == "held"

    def set_mode(self, mode: Mode) -> None:
        with self._changing():
            self._set("mode", mode)

    @property
    def destination(self) -> dict[str, Any]:
        """Where messages go, with its secrets; empty before the first `point_to`."""
        found: dict[str, Any] = json.loads(self._get("destination") or "{}")
        return found

    def point_to(self, destination: dict[str, Any]) -> None:
        """Send there from now on; what stood there before is kept. The same again changes nothing."""
        text = json.dumps(destination, sort_keys=True)
        with self._changing():
            present = self._get("destination")
            if present == text:
                return
            if present is not None:
                self._set("previous", present)
            self._set("destination", text)

    def point_back(self) -> None:
        """Send where messages went before the last `point_to`; nothing when there is no such place."""
        with self._changing() as db:
            previous = self._get("previous")
            if previous is not None:
                self._set("destination", previous)
                db.execute("DELETE FROM setting WHERE name = 'previous'")

    def _get(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def _set(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", (name, value))
