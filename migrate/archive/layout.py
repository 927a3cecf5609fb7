"""
What is written in an archive: its manifest, in clear, and its contents, encrypted.

Promise: a manifest names no file and no person; every model refuses what it does not know, so an archive
of a later format is told and not half understood.
"""

from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import quote_from_bytes, unquote_to_bytes

from pydantic import AwareDatetime, Field

from provisioning.model import Model

OPENED, CONTENTS, MANIFEST, SIGNATURE = "opened.json", "contents.age", "manifest.json", "manifest.sig"


Kind: TypeAlias = Literal["database", "files"]


class Entry(NamedTuple):
    """One name of a tree. `path` and `link` are percent-encoded, since names are bytes; see `name_of`."""

    path: str
    kind: Literal["f", "d", "l"]
    mode: str
    """Octal, as ``find -printf %m`` says it."""
    owner: str
    """``uid:gid``, by number."""
    bytes: int
    modified: str
    """Seconds since 1970 with their fraction; empty where the time says nothing (a dump's files)."""
    link: str
    sha256: str
    """Of a file; empty for links and folders."""


def encoded(name: bytes) -> str:
    """Return a file's name as plain ASCII."""
    return quote_from_bytes(name)


def name_of(path: str) -> bytes:
    """Return the name that `encoded` was given."""
    return unquote_to_bytes(path)


class Pack(Model):
    """A chunk that is a tar of whole files and links."""

    kind: Literal["pack"] = "pack"
    entries: tuple[int, ...]
    """Which of the item's entries."""


class Piece(Model):
    """A chunk that is one range of a large file."""

    kind: Literal["piece"] = "piece"
    entry: int
    offset: int
    bytes: int


class Facts(Model):
    """What a database was when it was dumped: ``staged_facts.sql`` or ``mariadb_staged_facts.sql``."""

    position: str
    """Log position of the dump's snapshot, or one shortly before it."""
    frozen: bool
    """Whether new sessions were read-only then: only such a dump can be the last one."""
    major: int
    bytes: int
    data_bytes: int
    """Without indexes."""
    extensions: tuple[str, ...]
    rows: dict[str, int] = Field(default_factory=dict)
    """By table, where the engine's dump is of rows as they come."""
    log_file: str = ""
    """Where `position` lies in the source's log; of an engine whose log is files."""
    log_offset: int = 0


class Reserved(Model):
    """What legacy keeps a database's changes for since its dump, so that they can flow once a path exists."""

    stream: str
    """Publication, slot and role on legacy bear this name."""
    tables: tuple[tuple[str, str], ...]
    """Schema and name of those whose changes are kept."""
    catalogue: dict[str, dict[str, str]]
    """Legacy as it was found, before anything was made on it."""
    definitions: tuple[tuple[str, str, str], ...]
    """Kind, name and definition of all that it was made of when it was dumped."""
    lanes: dict[str, int]


class PlannedItem(Model):
    """One database or tree of an archive, and how it is cut up."""

    kind: Kind
    name: str
    entries: tuple[Entry, ...]
    chunks: tuple[Pack | Piece, ...]
    """In order; those that the base archive brought already are in none."""
    facts: Facts | None = None
    reserved: Reserved | None = None

    @property
    def folder(self) -> str:
        """What this item is called on the site's host."""
        return f"{self.kind}-{self.name}"


class Sealed(Model):
    """One encrypted object. Both figures are of what lies on the disk."""

    name: str
    bytes: int
    sha256: str


class Plain(Model):
    """What a chunk holds once it is decrypted."""

    bytes: int
    sha256: str


class Contents(Model):
    """Everything that only the recipient may know. `plain` holds one entry a chunk, over all items."""

    items: tuple[PlannedItem, ...]
    plain: tuple[Plain, ...]


class ItemSummary(Model):
    """What may be known of an item without the identity."""

    kind: Kind
    name: str
    files: int
    bytes: int
    position: str = ""
    frozen: bool = False
    flows: bool = False
    """Whether legacy keeps what changes since, until `stage-release` or the end of the move."""


class Manifest(Model):
    """The table of an archive."""

    format: Literal[2] = 2
    archive: str
    tenant: str
    base: str = ""
    """The archive that must have been loaded before; empty for one that is complete in itself."""
    recipient: str
    source_fingerprint: str
    """One digest over the definitions of all databases."""
    made_at: AwareDatetime
    items: tuple[ItemSummary, ...]
    chunks: tuple[Sealed, ...]
    contents: Sealed


class Opened(Model):
    """What is known of an archive while it is written."""

    format: Literal[2] = 2
    archive: str
    tenant: str


def chunk_name(number: int) -> str:
    """Return the name of a chunk, counted from 1 over all items."""
    return f"chunk-{number:06}.age"
