"""
Writing an archive: from the hosts that hold the trees, through this machine's memory, to its medium.

Promise: clear bytes touch no disk on the way; a writer that was killed, whose disk was full or was pulled,
goes on with the chunk that it was at; the manifest is written last and signed, so that half an archive
counts as none; when it is finished, every object was read back from the medium and is what was written.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote

from fabric import Connection

from migrate.archive import streams
from migrate.archive.keys import Ticket
from migrate.archive.layout import (
    CONTENTS,
    MANIFEST,
    OPENED,
    SIGNATURE,
    Contents,
    ItemSummary,
    Manifest,
    Opened,
    Pack,
    Piece,
    PlannedItem,
    Sealed,
    chunk_name,
    name_of,
)
from migrate.archive.plan import Desk, Plan, Written, bytes_of
from migrate.archive.sealing import seal
from migrate.archive.store import Store, write_small
from migrate.errors import TransferError
from migrate.step import Progress

_FREE_KEPT_BYTES = 4 * 1024 * 1024

# Names come as bytes on stdin. What went or changed meanwhile is found at the site, by its name and digest.
_PACK = """
cd {folder} && LC_ALL=C tar --no-recursion --null --verbatim-files-from --files-from=- --create --file=- \\
    --format=posix --pax-option=delete=atime,delete=ctime --numeric-owner --hard-dereference \\
    --ignore-failed-read
status=$?
[ $status -ne 1 ] || status=0
exit $status
"""
_PIECE = """
cd {folder} && xargs -0 sh -c '[ -e "$1" ] || exit 0
    exec dd if="$1" bs=1M iflag=skip_bytes,count_bytes,fullblock skip={offset} count={bytes} status=none' sh
"""


@dataclass(frozen=True)
class Place:
    """Where the tree of one item is read: a folder of a host."""

    host: Connection
    folder: str


def write_archive(
    plan: Plan, desk: Desk, store: Store, ticket: Ticket, places: Mapping[str, Place], progress: Progress
) -> Manifest:
    """
    Write what is missing of an archive, and finish it. Whoever calls it holds the store.

    Args:
        places: Where each item lies, by `PlannedItem.folder`.

    Raises:
        TransferError: The medium is full or gone, or a tree could not be read; what is written stays.
    """
    write_small(store, OPENED, Opened(archive=plan.archive, tenant=plan.tenant).model_dump_json().encode())
    there, notes = store.sizes(), desk.written()
    chunks = {chunk_name(number): pair for number, pair in enumerate(plan.chunks, 1)}
    written = {
        name: note
        for name in chunks
        if (note := notes.get(name)) is not None and there.get(name) == note.sealed.bytes
    }
    sizes = {name: bytes_of(*pair) for name, pair in chunks.items()}
    done, total = sum(sizes[name] for name in written), sum(sizes.values())
    _require_room(store, total - done, plan)
    progress.start(f"archive {plan.archive}: {len(chunks) - len(written)} chunks", total, "bytes")
    for name, (item, chunk) in chunks.items():
        if name not in written:
            written[name] = _write_chunk(name, item, chunk, store, ticket, places[item.folder])
            desk.note(written[name])
            done += sizes[name]
        progress.advance_to(done)
    manifest = finish_archive(plan, [written[name] for name in chunks], store, ticket)
    _read_back(store, manifest, progress)
    desk.finish()
    return manifest


def _write_chunk(
    name: str, item: PlannedItem, chunk: Pack | Piece, store: Store, ticket: Ticket, place: Place
) -> Written:
    if isinstance(chunk, Piece):
        script = _PIECE.format(folder=quote(place.folder), offset=chunk.offset, bytes=chunk.bytes)
        numbers: tuple[int, ...] = (chunk.entry,)
    else:
        script, numbers = _PACK.format(folder=quote(place.folder)), chunk.entries
    names = b"".join(b"./" + name_of(item.entries[number].path) + b"\0" for number in numbers)
    doing = f"reading {item.name}"
    with store.writing(name) as sink, streams.reading(place.host, script, stdin=names, doing=doing) as source:
        sealed, plain = seal(name, source, sink, *ticket.recipients)
    return Written(sealed=sealed, plain=plain)


def finish_archive(plan: Plan, written: list[Written], store: Store, ticket: Ticket) -> Manifest:
    """
    Write contents, manifest and signature over chunks that are all there.

    Args:
        written: One note a chunk, in order.
    """
    contents = Contents(items=plan.items, plain=tuple(note.plain for note in written))
    text = contents.model_dump_json().encode()
    with store.writing(CONTENTS) as sink:
        sealed, _ = seal(CONTENTS, io.BytesIO(text), sink, *ticket.recipients)
    manifest = Manifest(
        archive=plan.archive,
        tenant=plan.tenant,
        base=plan.base,
        recipient=ticket.recipient,
        source_fingerprint=plan.source_fingerprint,
        made_at=datetime.now(UTC),
        items=tuple(_summary(item) for item in plan.items),
        chunks=tuple(note.sealed for note in written),
        contents=sealed,
    )
    text = (manifest.model_dump_json(indent=1) + "\n").encode()
    write_small(store, MANIFEST, text)
    write_small(store, SIGNATURE, ticket.sign(text))
    return manifest


def _summary(item: PlannedItem) -> ItemSummary:
    return ItemSummary(
        kind=item.kind,
        name=item.name,
        files=sum(entry.kind != "d" for entry in item.entries),
        bytes=sum(entry.bytes for entry in item.entries),
        position=item.facts.position if item.facts else "",
        frozen=item.facts.frozen if item.facts else False,
        flows=item.reserved is not None,
    )


def _read_back(store: Store, manifest: Manifest, progress: Progress) -> None:
    """Require that the medium gives back what was written on it."""
    every: tuple[Sealed, ...] = (*manifest.chunks, manifest.contents)
    progress.start(f"archive {manifest.archive}: reading back", sum(one.bytes for one in every), "bytes")
    done, wrong = 0, []
    for one in every:
        if store.digest(one.name) != one.sha256:
            wrong.append(one.name)
        progress.advance_to(done := done + one.bytes)
    if wrong:
        raise TransferError(
            f"{store.where}: the medium does not give back what was written: {', '.join(wrong)}",
            state="Legacy is as it was.",
            next_step="take another disk, and make the archive there",
        )


def _require_room(store: Store, needed: int, plan: Plan) -> None:
    free = store.free_bytes()
    if free is not None and free < needed + _FREE_KEPT_BYTES:
        raise TransferError(
            f"{store.where} has {free // 1024**2} MiB free, what is left of archive {plan.archive} needs "
            f"{(needed + _FREE_KEPT_BYTES) // 1024**2 + 1} MiB",
            state="Legacy is as it was; chunks written before stay.",
            next_step="free room there or take a larger disk, then the same command again",
        )
