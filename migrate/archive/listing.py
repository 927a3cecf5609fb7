"""
What a tree holds: every name with its kind, mode, owner, time, link and the digest of its content.

Promise: read on the host that holds the tree, names as bytes; a file that cannot be read is an error, one
that went while it was looked at is simply not there.
"""

from shlex import quote

from fabric import Connection

from migrate import remote
from migrate.archive.layout import Entry, Kind, encoded
from migrate.errors import TransferError

_TIMEOUT_SECONDS = 12 * 3600
_ENTRIES = r"find . -printf '%y\t%m\t%U:%G\t%s\t%T@\t%l\0%P\0'"
_DIGESTS = "find . -type f -print0 | xargs -0 -r sha256sum -z --"


def listed(connection: Connection, folder: str, kind: Kind) -> tuple[Entry, ...]:
    """
    Return everything below a folder, and the folder itself first, with the empty name; sorted by name.

    Args:
        kind: Of a database's dump neither times nor owners matter, so that one made later is the same.

    Raises:
        TransferError: No such folder; something in it is no file, link or folder, or cannot be read.
    """
    digests = _digests(connection, folder)
    found = _fields(connection, folder, _ENTRIES)
    entries: dict[bytes, Entry] = {}
    for facts, name in zip(found[::2], found[1::2], strict=True):
        is_a, mode, owner, size, modified, link = facts.split(b"\t", 5)
        if is_a not in (b"f", b"d", b"l"):
            raise _odd(
                connection.host, folder, name, "is neither file nor link nor folder, so it cannot move"
            )
        is_file, is_dump = is_a == b"f", kind == "database"
        if is_file and name not in digests:
            raise _odd(connection.host, folder, name, "cannot be read, or was only just made")
        entries[name] = Entry(
            path=encoded(name),
            kind={b"f": "f", b"d": "d", b"l": "l"}[is_a],  # type: ignore[arg-type] # mypy widens to str
            mode="" if is_dump else mode.decode(),
            owner="" if is_dump else owner.decode(),
            bytes=int(size) if is_file else 0,
            modified="" if is_dump or is_a == b"d" else modified.decode(),
            link=encoded(link),
            sha256=digests[name] if is_file else "",
        )
    return tuple(entries[name] for name in sorted(entries))


def differing(planned: tuple[Entry, ...], found: tuple[Entry, ...], *, with_owners: bool) -> list[str]:
    """
    Return the paths on which two listings differ, sorted.

    Args:
        with_owners: Whether whoever unpacked could give files away.
    """

    def plain(entry: Entry) -> Entry:
        # A link's own mode and time mean nothing on Linux.
        kept = entry if with_owners else entry._replace(owner="")
        return kept._replace(mode="", modified="") if entry.kind == "l" else kept

    left = {entry.path: plain(entry) for entry in planned}
    right = {entry.path: plain(entry) for entry in found}
    return sorted(path for path in left.keys() | right.keys() if left.get(path) != right.get(path))


def _digests(connection: Connection, folder: str) -> dict[bytes, str]:
    # Whatever sha256sum could not read is missed below, by name.
    script = f"{_DIGESTS} 2>/dev/null || :"
    # sha256sum -z escapes no name: digest, two spaces (or space and star), then the name.
    return {line[66:].removeprefix(b"./"): line[:64].decode() for line in _fields(connection, folder, script)}


def _fields(connection: Connection, folder: str, script: str) -> list[bytes]:
    done = remote.run(
        connection,
        f"cd {quote(folder)} && {script}",
        timeout_seconds=_TIMEOUT_SECONDS,
        raising=TransferError,
        doing=f"listing {folder}",
    )
    return done.stdout.split(b"\0")[:-1]


def _odd(host: str, folder: str, name: bytes, why: str) -> TransferError:
    return TransferError(
        f"{host}: {folder}/{name.decode(errors='backslashreplace')} {why}",
        state="Nothing of this tree was written.",
        next_step="remove it there or make it readable, then the same command again",
    )
