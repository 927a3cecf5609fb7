"""
The SFTP inbox: files dropped by a connector become messages.

A message is ``<interface>-<sequence, 12 digits>.json``; it is whole as soon as it has that name. The
file goes once it is stored, which is how its sender knows. ``<interface>.receipt`` tells what is stored.

Promise: files are taken in order and exactly once, whenever the process ends; while the database
takes no writes they stay where they are. What can never be stored stays, too, and stops its interface:
a message is never passed over.
"""

import json
import logging
import re
import threading
from pathlib import Path

from .database import Database, ReadOnly, Unavailable
from .receiving import Message, Outcome, state, store

LOOK_SECONDS = 0.1
BACK_OFF_SECONDS = 1.0

_NAME = re.compile(r"(?P<interface>[a-z][a-z0-9-]*)-(?P<sequence>\d{12})\.json")
_PROBE = re.compile(r"(?P<interface>[a-z][a-z0-9-]*?)-[0-9a-f]{8}-[0-9a-f-]{27}\.probe")
_log = logging.getLogger(__name__)


class Importer(threading.Thread):
    """Looks into the inbox until it is told to stop."""

    def __init__(self, database: Database, inbox: Path) -> None:
        super().__init__(name="inbox", daemon=True)
        self._database, self._inbox = database, inbox
        self._stopped = threading.Event()
        self._told: set[str] = set()
        """What was complained of already: files, and interfaces that wait for a number."""

    def run(self) -> None:
        pause = LOOK_SECONDS
        while not self._stopped.wait(pause):
            try:
                self.look()
                pause = LOOK_SECONDS
            except (ReadOnly, Unavailable):
                pause = BACK_OFF_SECONDS
            except Exception:
                _log.exception("the inbox could not be read; trying again")
                pause = BACK_OFF_SECONDS

    def stop(self) -> None:
        self._stopped.set()
        self.join(timeout=10)

    def look(self) -> int:
        """Take in what lies there now; return how many messages were stored."""
        stored = 0
        for path in sorted(self._inbox.iterdir()):
            if probe := _PROBE.fullmatch(path.name):
                # Asks whether importer and database live; a site may be read-only until it opens.
                self._write_receipt(probe["interface"])
                path.unlink(missing_ok=True)
            elif match := _NAME.fullmatch(path.name):
                stored += self._take(path, match["interface"], int(match["sequence"]))
        return stored

    def _take(self, path: Path, interface: str, sequence: int) -> int:
        try:
            message = Message.parse(interface, json.loads(path.read_bytes()))
        except FileNotFoundError:
            return 0  # its sender took it back
        except ValueError as error:
            self._refuse(path, str(error))
            return 0
        if message.sequence != sequence:
            self._refuse(path, f"is named {sequence}, yet says {message.sequence}")
            return 0
        outcome, last = store(self._database, message)
        if outcome is Outcome.GAP:
            if interface not in self._told:
                _log.warning("%s waits for %s %s", path.name, interface, last + 1)
            self._told.add(interface)
            return 0
        if outcome is Outcome.CONFLICT:
            self._refuse(path, "its number belongs to another message")
            return 0
        self._told.discard(interface)
        # Before the file goes: its sender reads the receipt as soon as it is gone.
        self._write_receipt(interface)
        path.unlink(missing_ok=True)
        return int(outcome is Outcome.STORED)

    def _refuse(self, path: Path, why: str) -> None:
        if path.name not in self._told:
            _log.error("%s cannot be stored: %s", path.name, why)
            self._told.add(path.name)

    def _write_receipt(self, interface: str) -> None:
        text = json.dumps(state(self._database, interface))
        fresh = self._inbox / f".{interface}.receipt"
        fresh.write_text(text + "\n")
        fresh.rename(self._inbox / f"{interface}.receipt")
