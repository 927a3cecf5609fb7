"""
Databases that are files, found below a folder of a host by their content.

Promise: reads the first bytes of each file and nothing else; a name may be any bytes. A file that vanishes
meanwhile is left out; how many may not be read is told.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote

from fabric import Connection

from migrate import remote
from migrate.archive.layout import encoded
from migrate.errors import MigrationError
from migrate.inventory.content import HEAD_BYTES, kind_of
from migrate.inventory.found import FoundDatabase

_AT_ONCE = 2000
_SECONDS = 900

_LIST = rf"""
cd {{path}} || exit 9
find . -type f -size +{HEAD_BYTES - 1}c -readable -printf '%s\0%T@\0%u\0%P\0' 2>/dev/null
true
"""
_UNREADABLE = """
cd {path} && find . ! -type l ! -readable -printf x 2>/dev/null | wc -c
"""
# Of many files, -q leaves out what tells them apart: each gives exactly as many bytes as were asked for.
_HEADS = "cd {path} && xargs -0 head -q -c " + str(HEAD_BYTES) + " -- 2>/dev/null; true"


@dataclass(frozen=True)
class _File:
    name: bytes
    size: int
    written_at: datetime
    owner: str


def databases_in(connection: Connection, host: str, tree: str, path: str) -> tuple[list[FoundDatabase], int]:
    """
    Return the databases below a folder, by name, and how many files and folders may not be read.

    Raises:
        MigrationError: There is no such folder.
    """
    listed = remote.attempt(connection, _LIST.format(path=quote(path)), timeout_seconds=_SECONDS)
    if listed.status != 0:
        raise MigrationError(
            f"{path} is not a folder on {host}",
            state="Nothing was changed; an inventory only reads.",
            next_step=f"correct the path of {tree} in the manifest",
        )
    files = sorted(_files(listed.stdout), key=lambda file: file.name)
    found = [
        FoundDatabase(
            id=f"{kind} {host}:{path}/{_shown(file.name)}",
            kind=kind,
            host=host,
            name=_shown(file.name),
            tree=tree,
            bytes=file.size,
            written_at=file.written_at,
            owner=file.owner,
        )
        for file, head in _heads(connection, path, files)
        if (kind := kind_of(head, file.size)) is not None
    ]
    script = _UNREADABLE.format(path=quote(path))
    unreadable = remote.run(connection, script, timeout_seconds=_SECONDS, doing="counting files").text
    return found, int(unreadable)


def _files(listed: bytes) -> Iterator[_File]:
    words = listed.split(b"\0")[:-1]
    for size, written, owner, name in zip(*(iter(words),) * 4, strict=True):
        yield _File(name, int(size), datetime.fromtimestamp(float(written), UTC), owner.decode())


def _heads(connection: Connection, path: str, files: list[_File]) -> Iterator[tuple[_File, bytes]]:
    for start in range(0, len(files), _AT_ONCE):
        yield from _heads_of(connection, path, files[start : start + _AT_ONCE])


def _heads_of(connection: Connection, path: str, files: list[_File]) -> Iterator[tuple[_File, bytes]]:
    names = b"".join(b"./" + file.name + b"\0" for file in files)
    script = _HEADS.format(path=quote(path))
    heads = remote.run(
        connection, script, stdin=names, timeout_seconds=_SECONDS, doing="looking at files"
    ).stdout
    if len(heads) == HEAD_BYTES * len(files):
        for number, file in enumerate(files):
            yield file, heads[number * HEAD_BYTES : (number + 1) * HEAD_BYTES]
    elif len(files) > 1:
        # One of them went or shrank, so nobody knows whose bytes these are: each half by itself.
        half = len(files) // 2
        yield from _heads_of(connection, path, files[:half])
        yield from _heads_of(connection, path, files[half:])


def _shown(name: bytes) -> str:
    """A name as a person reads and types it, where it is text."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return encoded(name)
    return text if text.isprintable() else encoded(name)
