"""
Comparing trees of files: every name, kind, mode, time, link and content on both sides.

Promise: content is compared by SHA-256, computed on the host that holds the file; odd names, empty
files and links count like any other. Reads only.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from shlex import quote
from typing import Literal

from fabric import Connection

from migrate import remote
from migrate.compare.verdict import FileDifference, TreeComparison
from migrate.errors import ComparisonError
from migrate.files import Tree

SHOWN = 20
_TIMEOUT_SECONDS = 6 * 3600

# The time of a folder changes with every file put into it, so it says nothing about content.
_ENTRIES = r"find . -mindepth 1 -printf '%y\t%m\t%s\t%T@\t%l\0%P\0'"
_DIGESTS = "find . -type f -print0 | xargs -0 -r sha256sum -z --"


@dataclass(frozen=True)
class Entry:
    """One name in a tree. `modified` in whole seconds; `digest` is empty but for files."""

    kind: str
    mode: str
    size_bytes: int
    modified: int
    link: bytes
    digest: bytes


def compare_tree(tree: Tree) -> TreeComparison:
    """
    Compare one tree on both sides, both read at the same time.

    Raises:
        ComparisonError: A side could not be read in full; an unreadable file is an error, not a difference.
    """
    with ThreadPoolExecutor(2) as readers:
        ahead = readers.submit(read_tree, tree.site, tree.target)
        source = read_tree(tree.legacy, tree.source)
        target = ahead.result()
    differing = [
        FileDifference(path=_shown(name), kind=kind)
        for name in sorted(source.keys() | target.keys())
        if (kind := _difference(source.get(name), target.get(name))) is not None
    ]
    return TreeComparison(
        name=tree.name,
        files=sum(entry.kind != "d" for entry in source.values()),
        folders=sum(entry.kind == "d" for entry in source.values()),
        bytes=sum(entry.size_bytes for entry in source.values() if entry.kind == "f"),
        differing=len(differing),
        shown=tuple(differing[:SHOWN]),
    )


def read_tree(connection: Connection, folder: str) -> dict[bytes, Entry]:
    """Return everything below a folder by its name relative to it, as bytes."""
    entries = _lines(connection, folder, _ENTRIES)
    digests = {
        # sha256sum -z escapes no name: digest, two spaces (or space and star), then the name.
        line[66:].removeprefix(b"./"): line[:64]
        for line in _lines(connection, folder, _DIGESTS)
    }
    found: dict[bytes, Entry] = {}
    for facts, name in zip(entries[::2], entries[1::2], strict=True):
        kind, mode, size, modified, link = facts.split(b"\t", 4)
        found[name] = Entry(
            kind=kind.decode(),
            mode=mode.decode(),
            size_bytes=int(size),
            modified=int(float(modified)),
            link=link,
            digest=digests.get(name, b""),
        )
    return found


def _lines(connection: Connection, folder: str, command: str) -> list[bytes]:
    done = remote.run(
        connection,
        f"cd {quote(folder)} && {command}",
        timeout_seconds=_TIMEOUT_SECONDS,
        raising=ComparisonError,
        doing=f"reading {folder}",
    )
    return done.stdout.split(b"\0")[:-1]


Kind = Literal["missing", "extra", "kind", "content", "link", "mode", "time"]


def _difference(source: Entry | None, target: Entry | None) -> Kind | None:
    """Return in what the two differ, the weightiest first."""
    if source is None:
        return "extra"
    if target is None:
        return "missing"
    if source.kind != target.kind:
        return "kind"
    if (source.digest, source.size_bytes) != (target.digest, target.size_bytes) and source.kind == "f":
        return "content"
    if source.link != target.link:
        return "link"
    # A link's own mode and time mean nothing on Linux.
    if source.kind != "l" and source.mode != target.mode:
        return "mode"
    return "time" if source.kind == "f" and source.modified != target.modified else None


def _shown(name: bytes) -> str:
    return name.decode(errors="backslashreplace").replace("\n", "\\n")
