"""
The lock of a case: one run at a time on one tenant.

Promise: held by the kernel (flock), so it ends with the process that holds it, however that one
ends; whoever is refused learns who holds it, where, and since when.
"""

import fcntl
import getpass
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from migrate.errors import Refused

LOCK_FILE = "run.lock"


@dataclass(frozen=True)
class Holder:
    """Who is at work on a tenant. `since` is ISO 8601, in UTC."""

    user: str
    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"{self.user} on {self.host} (process {self.pid}) since {self.since}"


@contextmanager
def held(folder: Path, tenant: str) -> Iterator[Holder]:
    """
    Hold the lock of the case in `folder`.

    Raises:
        Refused: Somebody else holds it; says who, and since when.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+") as file:
        if not _taken(file):
            raise Refused(
                f"{tenant} is being worked on by {_read(file.read()) or 'a run that is just starting'}",
                state="Nothing was changed by this command.",
                next_step=f"fab status --tenant {tenant}, to watch that run",
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        holder = Holder(getpass.getuser(), socket.gethostname(), os.getpid(), now)
        file.seek(0)
        file.truncate()
        file.write(json.dumps(asdict(holder)))
        file.flush()
        yield holder
        file.seek(0)
        file.truncate()


def holder(folder: Path) -> Holder | None:
    """Return who holds the lock now, or None. Takes nothing and launches nothing."""
    try:
        file = (folder / LOCK_FILE).open()
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(file.read())
    return None


def _taken(file: TextIO) -> bool:
    # A moment of patience: `holder` below, in another process, touches the lock for an instant.
    patience_ends = time.monotonic() + 0.2
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > patience_ends:
                return False
            time.sleep(0.02)
        else:
            return True


def _read(text: str) -> Holder | None:
    """What the holder wrote; None in the instant between its lock and its writing."""
    return Holder(**json.loads(text)) if text else None
