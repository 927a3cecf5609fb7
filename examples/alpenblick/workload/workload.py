#!/usr/bin/env python3
"""
The people at work on the legacy system: a few writes and reads a second, by the application's role.

Promise: every write that was acknowledged is counted, and its number is in ``epdoc.ereignis`` exactly
once, whatever breaks; while the database takes no writes, reading goes on, and writing resumes by itself.
"""

import argparse
import json
import os
import random
import signal
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

_EVENT = """
INSERT INTO epdoc.ereignis (nummer, bewohner_id, art) VALUES (%s, %s, %s) ON CONFLICT (nummer) DO NOTHING
"""
_ASSESSMENT = """
INSERT INTO rai.assessment (bewohner_id, anlass, status, stichtag, profil)
VALUES (%s, 'Verlauf', 'Entwurf', current_date, '{"quelle": "Arbeitslast"}')
"""
_NOTE = """
INSERT INTO epdoc.eintrag (bewohner_id, zeitpunkt, thema, text) VALUES (%s, now(), 'Rundgang', %s)
"""
_RESIDENTS = 24
"""As many as the smallest scale has."""


@dataclass
class Status:
    """What was done so far, as the status file has it."""

    writes_acknowledged: int = 0
    last_number: int = 0
    """Highest acknowledged ``epdoc.ereignis.nummer``."""
    last_write_at: str | None = None
    writes_refused: int = 0
    reads: int = 0
    last_read_at: str | None = None
    writing: bool = False

    def write(self, path: Path) -> None:
        fresh = path.with_name(f".{path.name}")
        fresh.write_text(json.dumps(asdict(self)) + "\n")
        fresh.replace(path)


class Workload:
    """Writes and reads in turn. `pause` is the time between two rounds."""

    def __init__(self, database: str, path: Path, pause: float, stopped: threading.Event) -> None:
        self._database, self._path, self._pause, self._stopped = database, path, pause, stopped
        self.status = self._earlier()
        self._pending: int | None = None

    def run(self) -> None:
        """Work until told to stop, with a new session whenever the old one breaks."""
        while not self._stopped.is_set():
            # The table is missing until the data are loaded, a session ends when the freeze begins.
            with suppress(psycopg.Error), psycopg.connect(self._database, autocommit=True) as session:
                self._work(session)
            self._stopped.wait(self._pause)

    def _work(self, session: psycopg.Connection) -> None:
        if self._pending is None:
            row = session.execute("SELECT coalesce(max(nummer), 0) FROM epdoc.ereignis").fetchone()
            self._pending = (int(row[0]) if row else 0) + 1
        while not self._stopped.wait(self._pause):
            try:
                self._write(session)
            except psycopg.errors.ReadOnlySqlTransaction:
                self.status.writing = False
                self.status.writes_refused += 1
            session.execute("SELECT * FROM rai.letztes_assessment WHERE bewohner_id = %s", (_resident(),))
            self.status.reads += 1
            self.status.last_read_at = _now()
            self.status.write(self._path)

    def _write(self, session: psycopg.Connection) -> None:
        # The same number again until it is acknowledged: an answer may be lost after the commit.
        number = self._pending or 1
        with session.transaction():
            session.execute(_EVENT, (number, _resident(), "Ruf"))
            if number % 20 == 0:
                session.execute(_ASSESSMENT, (_resident(),))
                session.execute(
                    _NOTE, (_resident(), f"Rundgang Nr. {number}, alles ruhig – rien à signaler.")
                )
        self.status.writes_acknowledged += 1
        self.status.last_number, self.status.last_write_at = number, _now()
        self.status.writing = True
        self._pending = number + 1

    def _earlier(self) -> Status:
        """Go on counting where an earlier process stopped."""
        try:
            return Status(**json.loads(self._path.read_text()))
        except (OSError, ValueError, TypeError):
            return Status()


def _resident() -> int:
    return random.randint(1, _RESIDENTS)  # noqa: S311 - demo data


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def main() -> None:
    """Work on what ``WORKLOAD_DATABASE`` names, until told to stop."""
    parser = argparse.ArgumentParser(description="Work on the legacy system.")
    parser.add_argument("status", type=Path, help="file that tells what was done")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between two rounds")
    words = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    Workload(os.environ["WORKLOAD_DATABASE"], words.status, words.pause, stopped).run()


if __name__ == "__main__":
    main()
