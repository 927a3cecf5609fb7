"""
Purged rows as an archive: chunks of one table's rows, encrypted, with a signed manifest of their digests.

    purged/<archive>/opened.json      whose it is
                     chunk-000001.age rows of one table, a line a row, encrypted
                     manifest.json    tables, rows and digests of every chunk, in clear: no values
                     manifest.sig     signature over it

Promise: as of any archive (`migrate.archive`): nobody without the identity reads a row of it, nobody without
the ticket makes one that is accepted, and nothing of it is used before all of it was found whole. It lies
in a folder of its own, so that nobody takes it for the archive of a move.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, ValidationError

from migrate.archive import device
from migrate.archive.checking import require_whole, signed_text
from migrate.archive.keys import Keys, Ticket
from migrate.archive.layout import MANIFEST, OPENED, SIGNATURE, Opened, Plain, Sealed, chunk_name
from migrate.archive.sealing import Writer, seal, unseal
from migrate.archive.store import Store, archives, open_store, write_small
from migrate.errors import TransferError
from migrate.purge.contract import Packed, Selection
from migrate.purge.tables import Table
from migrate.step import Progress
from provisioning.manifest import Engine
from provisioning.model import Model

_STATE = "Nothing was brought back."


class Chunk(Model):
    """Rows of one table."""

    table: tuple[str, str]
    rows: int
    sealed: Sealed
    plain: Plain


class RowArchive(Model):
    """``manifest.json``. Chunks come in the order in which rows can be brought back."""

    format: Literal[2] = 2
    kind: Literal["purged"] = "purged"
    archive: str
    tenant: str
    database: str
    engine: Engine = "postgresql"
    """Whose text the rows are."""
    as_of: date
    recipient: str
    made_at: AwareDatetime
    columns: dict[str, tuple[str, ...]]
    """Of each table, ``schema.table``."""
    chunks: tuple[Chunk, ...]

    @property
    def rows(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)


def folder_of(location: str) -> str:
    """
    Where archives of rows lie at a location.

    Raises:
        TransferError: The medium is not there.
    """
    if location.startswith("s3://"):
        return f"{location.rstrip('/')}/purged"
    there = Path(device.folder_of(location)).expanduser()
    if not there.is_dir():
        raise TransferError(
            f"{there} is not there, so no rows can be kept on it",
            state="Nothing was deleted.",
            next_step="connect the medium that purge.archive.to names, then the same command again",
        )
    (there / "purged").mkdir(exist_ok=True, mode=0o700)
    return str(there / "purged")


def write(
    selection: Selection,
    sizes: dict[Table, int],
    head: RowArchive,
    store: Store,
    ticket: Ticket,
    chunk_rows: int,
    progress: Progress,
) -> RowArchive:
    """
    Write the rows of a selection, and read all of it back from the medium. Whoever calls it holds the store.

    Args:
        sizes: Rows that go, by table.
        head: The manifest, without its chunks.

    Raises:
        TransferError: The medium is full or gone, or does not give back what was written.
    """
    write_small(store, OPENED, Opened(archive=head.archive, tenant=head.tenant).model_dump_json().encode())
    progress.start(f"archive {head.archive}", float(sum(sizes.values())), "rows")
    chunks: list[Chunk] = []
    for table in reversed(selection.tables.order):
        for first in range(1, sizes[table] + 1, chunk_rows):
            rows = min(chunk_rows, sizes[table] - first + 1)
            name = chunk_name(len(chunks) + 1)
            with selection.reading(table, first, first + rows - 1) as source, store.writing(name) as sink:
                sealed, plain = seal(name, source, sink, *ticket.recipients)
            chunks.append(Chunk(table=table, rows=rows, sealed=sealed, plain=plain))
            progress.advance_to(sum(chunk.rows for chunk in chunks))
    made = head.model_copy(update={"chunks": tuple(chunks), "made_at": datetime.now(UTC)})
    text = (made.model_dump_json(indent=1) + "\n").encode()
    write_small(store, MANIFEST, text)
    write_small(store, SIGNATURE, ticket.sign(text))
    require_whole(
        store, [chunk.sealed for chunk in chunks], f"archive {head.archive}: reading back", progress
    )
    return made


def found_at(location: str) -> Iterator[tuple[str, Store]]:
    """Yield every finished archive of rows at a location, oldest first."""
    folder = folder_of(location)
    for name in archives(folder):
        store = open_store(folder, name)
        if SIGNATURE in store.sizes():
            yield name, store


def checked(store: Store, keys: Keys, tenant: str, progress: Progress) -> RowArchive:
    """
    Return the manifest of an archive whose every chunk is what its signature says.

    Raises:
        TransferError: Names every chunk that is missing, truncated, changed or another archive's.
    """
    text = signed_text(store, keys, tenant, state=_STATE, advice="use nothing of it")
    try:
        found = RowArchive.model_validate_json(text)
    except ValidationError:
        raise TransferError(f"{store.where}: {MANIFEST} is not of this format", state=_STATE) from None
    if found.tenant != tenant:
        raise TransferError(f"{store.where} holds rows of {found.tenant}, not of {tenant}", state=_STATE)
    require_whole(
        store, [chunk.sealed for chunk in found.chunks], f"archive {found.archive}: checking", progress
    )
    return found


def packed(chunk: Chunk, store: Store, keys: Keys) -> Packed:
    """Return the rows of a chunk, which are decrypted once they are loaded."""

    def load(sink: Writer) -> None:
        with store.reading(chunk.sealed.name) as source:
            if unseal(chunk.sealed.name, source, sink, keys.identity) != chunk.plain:
                raise TransferError(f"{store.where}: {chunk.sealed.name} holds other rows", state=_STATE)

    return Packed(chunk.rows, load)
