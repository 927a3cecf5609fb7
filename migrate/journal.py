"""
The journal of one migration: what was intended, done, signed and decided, in order.

Promise: records are only ever appended, each on disk before `append` returns, and each holds the
digest of the one before it, so that a changed, removed or inserted record is found by `check`.
No secret is ever written here.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from migrate.errors import EvidenceError

_START = "0" * 64


@dataclass(frozen=True)
class Record:
    """One line of the journal. `at` is aware, in UTC; `digest` is 64 hex digits."""

    number: int
    at: datetime
    kind: str
    about: str
    data: dict[str, Any]
    previous: str
    digest: str


def _digest(number: int, at: str, kind: str, about: str, data: dict[str, Any], previous: str) -> str:
    text = json.dumps([number, at, kind, about, data, previous], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Journal:
    """A journal file; made at the first append."""

    path: Path

    def append(self, kind: str, about: str, /, **data: Any) -> Record:
        """
        Write one record and return it once it is on disk.

        Args:
            kind: Such as ``intent``, ``done``, ``failed``, ``undone``, ``signed``, ``waived``, ``evidence``.
            about: The step, gate or document.
            data: Plain JSON values.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            lines = file.read().splitlines(keepends=True)
            if lines and not lines[-1].endswith("\n"):
                # A power cut left half a line: it was never acknowledged, so it never was.
                file.truncate(sum(len(line.encode()) for line in lines[:-1]))
                lines.pop()
            last = _read(self.path, len(lines), lines[-1]) if lines else None
            previous = last.digest if last else _START
            number, at = (
                (last.number if last else 0) + 1,
                datetime.now(UTC).isoformat(timespec="milliseconds"),
            )
            digest = _digest(number, at, kind, about, data, previous)
            line = {
                "number": number,
                "at": at,
                "kind": kind,
                "about": about,
                "data": data,
                "previous": previous,
                "digest": digest,
            }
            file.seek(0, os.SEEK_END)
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return Record(number, datetime.fromisoformat(at), kind, about, data, previous, digest)

    def __iter__(self) -> Iterator[Record]:
        """
        Yield the records in order; a half-written last line is passed over.

        They are read again only once the file has changed: one `fab status` asks for them a hundred times.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return
        yield from _as_of(self.path, found.st_ino, found.st_size, found.st_mtime_ns)

    def last(self, kind: str, about: str | None = None) -> Record | None:
        """Return the newest record of that kind (and subject), or None."""
        found = None
        for record in self:
            if record.kind == kind and about in (None, record.about):
                found = record
        return found

    def check(self) -> str:
        """
        Follow the chain from the first record and return the last digest.

        Raises:
            EvidenceError: A record was changed, removed or inserted; says which is the first.
        """
        previous = _START
        for number, record in enumerate(_records(self.path), start=1):
            at = record.at.isoformat(timespec="milliseconds")
            right = _digest(record.number, at, record.kind, record.about, record.data, previous)
            if (record.number, record.previous, record.digest) != (number, previous, right):
                what = f"record {number} ({record.kind} {record.about}) was changed, or one before it removed"
                raise EvidenceError(f"{self.path}: {what}")
            previous = record.digest
        return previous


def _records(path: Path) -> Iterator[Record]:
    if not path.exists():
        return
    with path.open() as file:
        for number, line in enumerate(file, start=1):
            if line.endswith("\n"):
                yield _read(path, number, line)


@lru_cache(maxsize=8)
def _as_of(path: Path, inode: int, size: int, modified_ns: int) -> tuple[Record, ...]:
    return tuple(_records(path))


def _read(path: Path, number: int, line: str) -> Record:
    try:
        fields = json.loads(line)
        return Record(**{**fields, "at": datetime.fromisoformat(fields["at"])})
    except (ValueError, TypeError, KeyError):
        raise EvidenceError(
            f"{path}: line {number} is no record; somebody or something else wrote it",
            state="What was done so far cannot be told while it stands there.",
            next_step="put the journal back from a copy, or take that line out if it is the last one",
        ) from None
