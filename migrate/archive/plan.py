"""
How trees are cut into chunks, and what is left out because the base archive brought it.

Promise: no chunk holds more than was asked for, but for the headers of its tar; every file, link and folder
of a tree is in the plan once. The plan and what was written of it are kept beside the keys, so that a
writer that was killed goes on with the chunk that it was at.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from migrate.archive.layout import Entry, Pack, Piece, Plain, PlannedItem, Sealed
from migrate.case import write_whole
from migrate.errors import TransferError
from provisioning.model import Model

CHUNK_BYTES = 256 * 1024 * 1024
HEADER_BYTES = 2048
"""What one name costs in a tar, more or less."""
NAMES_IN_A_PACK = 50_000


class Plan(Model):
    """One archive that is being written, or was."""

    archive: str
    tenant: str
    location: str
    base: str
    source_fingerprint: str
    items: tuple[PlannedItem, ...]

    @property
    def chunks(self) -> list[tuple[PlannedItem, Pack | Piece]]:
        """All chunks in order; the first is number 1."""
        return [(item, chunk) for item in self.items for chunk in item.chunks]


class Begun(Model):
    """What an archive was begun as."""

    location: str
    base: str = ""
    live: bool = False
    """Whether legacy keeps what changes since."""
    attempt: str = ""
    """Of the move that it is made for; empty for one that was made by hand."""


class Written(Model):
    """One chunk that lies in the archive."""

    sealed: Sealed
    plain: Plain


def cut(
    entries: Sequence[Entry], chunk_bytes: int, *, base: Sequence[Entry] = ()
) -> tuple[Pack | Piece, ...]:
    """
    Cut a tree into chunks.

    Args:
        base: The entries that lie at the site already; what is wholly the same is in no chunk.
    """
    brought = set(base)
    chunks: list[Pack | Piece] = []
    pack: list[int] = []
    weight = 0
    for number, entry in enumerate(entries):
        if entry.kind == "d" or entry in brought:
            continue
        if entry.bytes > chunk_bytes:
            chunks += _pieces(number, entry.bytes, chunk_bytes)
            continue
        if pack and (weight + entry.bytes + HEADER_BYTES > chunk_bytes or len(pack) >= NAMES_IN_A_PACK):
            chunks.append(Pack(entries=tuple(pack)))
            pack, weight = [], 0
        pack.append(number)
        weight += entry.bytes + HEADER_BYTES
    if pack:
        chunks.append(Pack(entries=tuple(pack)))
    return tuple(chunks)


def _pieces(number: int, size: int, chunk_bytes: int) -> Iterator[Piece]:
    for offset in range(0, size, chunk_bytes):
        yield Piece(entry=number, offset=offset, bytes=min(chunk_bytes, size - offset))


def bytes_of(item: PlannedItem, chunk: Pack | Piece) -> int:
    """How much a chunk will hold, about."""
    if isinstance(chunk, Piece):
        return chunk.bytes
    return sum(item.entries[number].bytes + HEADER_BYTES for number in chunk.entries)


@dataclass(frozen=True)
class Desk:
    """Where one archive's plan and progress lie: a folder of the workspace that only its user reads."""

    folder: Path

    @property
    def archive(self) -> str:
        return self.folder.name

    @property
    def is_finished(self) -> bool:
        return (self.folder / "finished").exists()

    def begin(self, begun: Begun) -> None:
        """Note that this archive was begun, before anything is done for it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(self.folder / "begun.json", begun.model_dump_json().encode())

    @property
    def begun(self) -> Begun:
        return Begun.model_validate_json((self.folder / "begun.json").read_bytes())

    def keep(self, plan: Plan) -> None:
        write_whole(self.folder / "plan.json", plan.model_dump_json().encode())

    def plan(self) -> Plan | None:
        """Return the plan, or None when it was not made yet."""
        try:
            return Plan.model_validate_json((self.folder / "plan.json").read_bytes())
        except FileNotFoundError:
            return None

    def note(self, written: Written) -> None:
        """Note a chunk that is in the archive, whole."""
        handle = os.open(self.folder / "written.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write("\n" + written.model_dump_json())
            file.flush()
            os.fsync(handle)

    def written(self) -> dict[str, Written]:
        """Return all chunks that were noted, by name; the later of two notes counts."""
        try:
            lines = (self.folder / "written.jsonl").read_text().split("\n")
        except FileNotFoundError:
            return {}
        found: dict[str, Written] = {}
        for line in lines:
            # A line that the writer was killed on is half a note: its chunk is written again.
            with suppress(ValidationError):
                note = Written.model_validate_json(line)
                found[note.sealed.name] = note
        return found

    def finish(self) -> None:
        write_whole(self.folder / "finished", b"")


def base_entries(desk: Desk, kind: str, name: str) -> tuple[Entry, ...]:
    """
    Return what the base archive brought of one item; nothing when it had no such item.

    Raises:
        TransferError: It was not finished, or was made from another workspace.
    """
    plan = desk.plan() if desk.is_finished else None
    if plan is None:
        raise TransferError(
            f"no finished archive {desk.archive} was made from this workspace",
            state="Nothing was written.",
            next_step="leave --since out: an archive that is complete in itself is made then",
        )
    return next((item.entries for item in plan.items if (item.kind, item.name) == (kind, name)), ())
