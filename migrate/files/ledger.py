"""
Reading ledgers (``ledger.sh``) and telling in what two of them differ.

Promise: nothing is compared but what both sides can hold: no times of folders, no modes of links, owners only
where they are kept.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from migrate.compare.verdict import FileDifference, TreeComparison

SHOWN = 20

Kind = Literal["missing", "extra", "kind", "content", "link", "hard link", "mode", "owner", "time"]

_MARKS = (("\\s", " "), ("\\t", "\t"), ("\\n", "\n"), ("\\b", "\\"))


@dataclass(frozen=True)
class Entry:
    """One name in a tree, as its ledger has it; ``-`` where a fact means nothing."""

    kind: str
    """``f``, ``d`` or ``l``."""
    mode: str
    size: str
    modified: str
    """Whole seconds since 1970."""
    group: str
    """The first of the names that share one inode."""
    digest: str
    link: str
    owner: str = ""
    """Empty where owners are not compared."""


Ledger = Mapping[str, Entry]
"""By name, escaped as in the file: it stands for bytes that need not be text."""


def entries(lines: Iterable[bytes], *, with_owners: bool) -> dict[str, Entry]:
    """Read a ledger's lines."""
    found = {}
    for line in lines:
        name_and_link, kind, mode, size, modified, group, digest, *more = line.decode(
            errors="surrogateescape"
        ).split(" ")
        name, _, link = name_and_link.partition("//")
        owner = ":".join(more[:2]) if with_owners else ""
        found[name] = Entry(kind, mode, size, modified, group, digest, link, owner)
    return found


def differences(source: Ledger, target: Ledger) -> list[FileDifference]:
    """Name everything in which two ledgers differ, sorted by name."""
    return [
        FileDifference(path=_shown(name), kind=kind)
        for name in sorted(source.keys() | target.keys())
        if (kind := _difference(source.get(name), target.get(name))) is not None
    ]


def comparison(name: str, source: Ledger, target: Ledger) -> TreeComparison:
    """The verdict about two whole ledgers."""
    differing = differences(source, target)
    return TreeComparison(
        name=name,
        files=sum(entry.kind != "d" for entry in source.values()),
        folders=sum(entry.kind == "d" for entry in source.values()),
        bytes=sum(int(entry.size) for entry in source.values() if entry.kind == "f"),
        differing=len(differing),
        shown=tuple(differing[:SHOWN]),
    )


def _difference(source: Entry | None, target: Entry | None) -> Kind | None:
    """Return in what the two differ, the weightiest first."""
    if source is None:
        return "extra"
    if target is None:
        return "missing"
    facts: tuple[tuple[Kind, object, object], ...] = (
        ("kind", source.kind, target.kind),
        ("content", (source.digest, source.size), (target.digest, target.size)),
        ("link", source.link, target.link),
        ("hard link", source.group, target.group),
        ("mode", source.mode, target.mode),
        ("owner", source.owner, target.owner),
        ("time", source.modified, target.modified),
    )
    return next((kind for kind, there, here in facts if there != here), None)


def _shown(name: str) -> str:
    """As a person reads it: odd bytes and line ends escaped."""
    for mark, sign in _MARKS:
        name = name.replace(mark, sign)
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace").replace("\n", "\\n")
