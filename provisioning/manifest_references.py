"""
What the parts of a manifest say of each other: which names they bear, and which they refer to.

Promise: every fault, each at its place. It is of plain data, so what a file says is looked at too where
another part of it has a fault of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from provisioning.model import Location, Misfit

_NAMED: tuple[Location, ...] = (
    ("legacy", "hosts"),
    ("legacy", "databases"),
    ("legacy", "files"),
    ("inventory", "servers"),
    ("inventory", "folders"),
    ("interfaces",),
    ("services",),
    ("access", "roles"),
    ("purge", "drop"),
    ("workplace", "packages"),
)
"""Lists whose parts are told apart by their names."""

_ON_A_HOST: tuple[Location, ...] = (
    ("legacy", "databases"),
    ("legacy", "files"),
    ("inventory", "servers"),
    ("inventory", "folders"),
    ("interfaces",),
)


def misfits(manifest: object) -> Iterator[Misfit]:
    """
    Args:
        manifest: As YAML or JSON has it; what is not shaped like a manifest is passed over.
    """
    yield from chain.from_iterable(_twice(manifest, place) for place in _NAMED)
    hosts = _names(manifest, ("legacy", "hosts"))
    for place in _ON_A_HOST:
        for at, part in _parts(manifest, place):
            host = part.get("host")
            if isinstance(host, str) and host not in hosts:
                says = f"{part.get('name')} is on host {host!r}, which is not under legacy.hosts"
                yield (*at, "host"), says
    purge = _at(manifest, ("purge",))
    database = purge.get("database") if isinstance(purge, Mapping) else None
    if isinstance(database, str) and database not in _names(manifest, ("legacy", "databases")):
        yield ("purge", "database"), f"{database} is none of legacy.databases"


def _twice(manifest: object, place: Location) -> Iterator[Misfit]:
    seen: set[str] = set()
    for at, part in _parts(manifest, place):
        called = part.get("name")
        if isinstance(called, str):
            if called in seen:
                yield (*at, "name"), f"{called} stands twice; names tell the parts apart"
            seen.add(called)


def _names(manifest: object, place: Location) -> set[object]:
    return {part.get("name") for _, part in _parts(manifest, place) if isinstance(part.get("name"), str)}


def _parts(manifest: object, place: Location) -> Iterator[tuple[Location, Mapping[object, object]]]:
    """Each group of keys in a list, with its place."""
    found = _at(manifest, place)
    if isinstance(found, Sequence) and not isinstance(found, str | bytes):
        for position, part in enumerate(found):
            if isinstance(part, Mapping):
                yield (*place, position), part


def _at(manifest: object, place: Location) -> object:
    here = manifest
    for key in place:
        here = here.get(key) if isinstance(here, Mapping) else None
    return here
