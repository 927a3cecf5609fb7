"""
Sharing a tree out between rsyncs that run at the same time.

Promise: every file and link is in exactly one share; shares weigh about the same. A share names whole folders
wherever it can: rsync walks a folder several times as fast as it works through a list of its files, and
slowest through a list that is not sorted by name (each was measured).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shlex import quote

from fabric import Connection

from migrate import remote
from migrate.errors import TransferError

FILE_COST_BYTES = 16 * 1024
"""What making one file costs, as bytes: many small files weigh as much as a large one."""
LARGE_BYTES = 64 * 1024 * 1024
"""From here on a file is written in place, so that half of it serves the next try."""
_PIECES = 8
"""A folder that weighs more than this part of a share is shared out itself."""

# Kind, size, blocks, links and name; the kind is u for what the user may not read.
_LIST = (
    r"find . -mindepth 1 \( ! -type l ! -readable -printf 'u\0%s\0%b\0%n\0%P\0' \)"
    r" -o \( ! -type d -printf '%y\0%s\0%b\0%n\0%P\0' \)"
)
_WHY_NOT = {b"u": "may not be read"}

Entries = Sequence[tuple[int, bytes]]
"""Size in bytes and name of every file and link of a tree."""


@dataclass(frozen=True)
class Share:
    """What one of the rsyncs moves: names of folders and files, sorted; and large files, one by one."""

    names: list[bytes]
    large: list[bytes]


@dataclass(frozen=True)
class Listing:
    """What a tree has, and what rsync has to be told to look for: either takes it time."""

    entries: list[tuple[int, bytes]]
    has_holes: bool
    has_hard_links: bool


def listed(connection: Connection, folder: str) -> list[tuple[int, bytes]]:
    """Return size and name of every file and link below a folder; raises as `look_through`."""
    return look_through(connection, folder).entries


def look_through(connection: Connection, folder: str) -> Listing:
    """
    List a tree.

    Raises:
        TransferError: No such folder, or something in it that is no file, link or folder, or that the
            user may not read.
    """
    # What vanishes while find walks is the copy's own business; find's other complaints are errors.
    script = f"""cd {quote(folder)} || exit 1
        {{ said=$(LC_ALL=C {_LIST} 2>&1 >&3); }} 3>&1
        said=$(printf '%s\\n' "$said" | grep -v 'No such file or directory$\\|Permission denied$')
        [ -z "$said" ] || {{ printf '%s\\n' "$said" | head -n 20 >&2; exit 1; }}"""
    done = remote.run(
        connection, script, timeout_seconds=900, raising=TransferError, doing=f"looking into {folder}"
    )
    raw = done.stdout.split(b"\0")[:-1]
    found, has_holes, has_hard_links = [], False, False
    for kind, size, blocks, links, name in zip(*(raw[n::5] for n in range(5)), strict=True):
        if kind not in (b"f", b"l"):
            raise TransferError(
                f"{connection.host}: {folder}/{name.decode(errors='backslashreplace')}"
                f" {_WHY_NOT.get(kind, 'is neither file nor link nor folder')}, so it cannot move",
                state="Nothing was copied.",
                next_step="mend or remove it there, or move the tree without it",
            )
        found.append((int(size), name))
        if kind == b"f":
            has_holes = has_holes or int(blocks) * 512 < int(size)
            has_hard_links = has_hard_links or links != b"1"
    return Listing(found, has_holes, has_hard_links)


def balanced(entries: Entries, parts: int) -> list[list[bytes]]:
    """Share names out to lists of about the same weight: the largest first, each to the lightest list."""
    lists: list[list[bytes]] = [[] for _ in range(parts)]
    weights = [0] * parts
    for size, name in sorted(entries, reverse=True):
        lightest = weights.index(min(weights))
        lists[lightest].append(name)
        weights[lightest] += size + FILE_COST_BYTES
    return [names for names in lists if names]


def share_out(entries: Entries, parts: int) -> tuple[list[Share], list[bytes]]:
    """
    Share a tree out; at most `parts` shares, none of them empty.

    Returns:
        The shares, and the names of the folders that were shared out themselves; the tree's own is empty.
    """
    large = {name for size, name in entries if size >= LARGE_BYTES}
    pieces, divided = _pieces(entries, parts)
    return [
        Share(sorted(name for name in one if name not in large), [name for name in one if name in large])
        for one in balanced(pieces, parts)
    ], divided


def _pieces(entries: Entries, parts: int) -> tuple[list[tuple[int, bytes]], list[bytes]]:
    """Weight and name of the folders that are light and hold no large file, and of all files in others."""
    inside: dict[bytes, list[tuple[int, bytes]]] = defaultdict(list)
    weights: dict[bytes, int] = defaultdict(int)
    has_large: set[bytes] = set()
    folders: dict[bytes, set[bytes]] = defaultdict(set)
    for size, name in entries:
        parent, child = _parent(name), None
        inside[parent].append((size, name))
        while True:
            weights[parent] += size + FILE_COST_BYTES
            if size >= LARGE_BYTES:
                has_large.add(parent)
            if child is not None:
                folders[parent].add(child)
            if not parent:
                break
            parent, child = _parent(parent), parent
    most = weights[b""] / (parts * _PIECES)
    divided: list[bytes] = []

    def of(folder: bytes) -> Iterator[tuple[int, bytes]]:
        divided.append(folder)
        yield from inside[folder]
        for below in folders[folder]:
            if below in has_large or weights[below] > most:
                yield from of(below)
            else:
                yield weights[below], below

    return list(of(b"")), divided


def _parent(name: bytes) -> bytes:
    return name.rpartition(b"/")[0]
